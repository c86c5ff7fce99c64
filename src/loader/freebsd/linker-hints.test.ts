// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { linkerHintsFile } from "../../../test/support/linker-hints-file.ts";
import { mutated } from "../../../test/support/mutation.ts";
import { SeededRandom } from "../../../test/support/random.ts";
import { VmmError } from "../../base/errors.ts";
import { chooseHint, parseLinkerHints } from "./linker-hints.ts";

const RECORDS = [
  { module: "virtio", version: 1, file: "virtio.ko" },
  { module: "if_vtnet", version: 1, file: "if_vtnet.ko" },
  { module: "zlib", version: 1, file: "zlib_old.ko" },
  { module: "zlib", version: 3, file: "zlib.ko" },
  { module: "zlib", version: 2, file: "zlib_two.ko" },
];

describe("linker.hints", () => {
  it("names the file of every module version, past records of other kinds", () => {
    expect(parseLinkerHints(linkerHintsFile(RECORDS))).toEqual(RECORDS);
  });

  it.each([
    ["any version when none is asked for", undefined, "zlib_old.ko"],
    ["the preferred one", { minimum: 1, preferred: 2, maximum: 3 }, "zlib_two.ko"],
    ["else the highest of the range", { minimum: 2, preferred: 9, maximum: 5 }, "zlib.ko"],
    ["none outside the range", { minimum: 4, preferred: 9, maximum: 9 }, undefined],
  ])("offers %s", (_, range, file) => {
    expect(chooseHint(RECORDS, "zlib", range)?.file).toBe(file);
  });

  it("of another version, or cut off, is refused", () => {
    const file = linkerHintsFile(RECORDS);
    expect(() => parseLinkerHints(file.slice(0, 4))).toThrow("not of version 1");
    expect(() => parseLinkerHints(file.slice(0, 20))).toThrow("damaged");
    file[0] = 2;
    expect(() => parseLinkerHints(file)).toThrow("not of version 1");
  });

  it("is read or refused, however damaged", () => {
    const random = new SeededRandom(0x41);
    let refused = 0;
    for (let i = 0; i < 2000; i++) {
      try {
        parseLinkerHints(mutated(linkerHintsFile(RECORDS), random));
      } catch (error) {
        expect(error).toBeInstanceOf(VmmError);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(100);
  });
});
