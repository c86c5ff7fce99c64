// SPDX-License-Identifier: BSD-2-Clause
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the loader's own syntax for variables
import { describe, expect, it } from "vitest";
import { expandPrompt, splitCommandLine } from "./command-line.ts";

const variables: Record<string, string> = { kernel: "k old", two: "a  b", interpret: "OK" };
const lookup = (name: string) => variables[name];

describe("a command line", () => {
  it.each<[string, string[] | undefined]>([
    ["", []],
    ["   ", []],
    ["ls -l /boot", ["ls", "-l", "/boot"]],
    ["  set\ta=b  ", ["set", "a=b"]],
    ['set a="b c"', ["set", "a=b c"]],
    ["set a='b \"c\" d'", ["set", 'a=b "c" d']],
    ['set a="it\'s"', undefined],
    ["echo \"it's one 'word'\"", undefined],
    ['echo "say \\"hi\\""', ["echo", 'say "hi"']],
    ["echo a\\ b", ["echo", "a", "b"]],
    ["echo a\\sb", ["echo", "a", "b"]],
    ['echo "a\\sb"', ["echo", "a b"]],
    ["echo \\\\n", ["echo", "n"]],
    ["echo \\101\\0x42\\0x4z", ["echo", "AB\x04z"]],
    ["echo x\\zy", ["echo", "xy"]],
    ["echo end\\", ["echo", "end\\"]],
    ["boot $kernel -s", ["boot", "k old", "-s"]],
    ["boot ${kernel}.gz", ["boot", "k old.gz"]],
    ["boot $(kernel)", ["boot", "k old"]],
    ["echo $none.", ["echo"]],
    ["echo \\$kernel", ["echo", "$kernel"]],
    ["echo '$kernel'", ["echo", "$kernel"]],
    ['echo "${two}"', ["echo", "a  b"]],
    ["echo ${kernel", undefined],
    ['echo "open', undefined],
    ["echo ''", ["echo"]],
    ["a''b", ["ab"]],
  ])("%j is cut into %j", (line, words) => {
    expect(splitCommandLine(line, lookup)).toEqual(words);
  });
});

it("a prompt knows only ${name}", () => {
  expect(expandPrompt("${interpret}", lookup)).toBe("OK");
  expect(expandPrompt("$interpret [${none}]", lookup)).toBe("$interpret []");
  expect(expandPrompt("${open", lookup)).toBe("");
});

it("variables that make a line endless are refused, in a prompt cut off", () => {
  const long = () => "x".repeat(60_000);
  expect(splitCommandLine("echo $a", long)).toHaveLength(2);
  expect(splitCommandLine("echo $a $a", long)).toBeUndefined();
  expect(expandPrompt("${a}".repeat(10_000), long)).toHaveLength(80);
});
