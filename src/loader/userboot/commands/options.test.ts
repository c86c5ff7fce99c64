// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { CommandError } from "../command-error.ts";
import { parseOptions } from "./options.ts";

describe("options", () => {
  it.each<[string, string[], Record<string, string>, string[]]>([
    ["x -l a", ["l"], {}, ["a"]],
    ["x -lv", ["l", "v"], {}, []],
    ["x -t type a -l", [], { t: "type" }, ["a", "-l"]],
    ["x -lttype", ["l"], { t: "type" }, []],
    ["x -- -l", [], {}, ["-l"]],
    ["x - a", [], {}, ["-", "a"]],
  ])("of %j are %j, %j, then %j", (line, flags, values, rest) => {
    const options = parseOptions(line.split(" "), "lvt:");
    expect([...options.flags]).toEqual(flags);
    expect(Object.fromEntries(options.values)).toEqual(values);
    expect(options.rest).toEqual(rest);
  });

  it("that are unknown are refused", () => {
    expect(() => parseOptions(["x", "-:"], "t:")).toThrow(CommandError);
    expect(() => parseOptions(["x", "-q"], "t:")).toThrow("x: illegal option -- q");
  });
});
