// SPDX-License-Identifier: BSD-2-Clause
// Rules that every file keeps: its licence, its size, and nothing of the machine it was written on.
import { expect, it } from "vitest";
import { projectFiles, readProjectFile } from "../support/project.ts";

const SOURCE = /\.(ts|mjs|js|c|h|S|s|sh|asm)$|^\.ci\/run$/;
/** Made by a program, from something that can be read. */
const GENERATED = /\.generated\.ts$|^test\/.*\/data\//;
const MOST_LINES = 600;
/** Tables in the form of code, and how long they may get. */
const TABLES: Readonly<Record<string, number>> = {
  // One switch with a case for each frequent operation: V8 makes a jump table of it only in one piece.
  "src/cpu/interp/interpreter.ts": 1300,
  // A list of names.
  "src/cpu/isa/operations.ts": 800,
};
const BINARY = /\.(png|gz|xz|zst|img|bin|wasm|aml|elf)$/;

it("every source says under which licence it is", () => {
  const without = projectFiles(SOURCE).filter((path) => {
    const [first = "", second = ""] = readProjectFile(path).split("\n", 2);
    const line = first.startsWith("#!") ? second : first;
    return !/^(\/\/|#|\/\*|;) SPDX-License-Identifier: BSD-2-Clause\b/.test(line);
  });
  expect(without).toEqual([]);
});

it(`no source is longer than ${MOST_LINES} lines`, () => {
  const long = projectFiles(SOURCE)
    .filter((path) => !GENERATED.test(path))
    .map((path) => ({ path, lines: readProjectFile(path).split("\n").length - 1 }))
    .filter(({ path, lines }) => lines > (TABLES[path] ?? MOST_LINES));
  expect(long).toEqual([]);
});

it("no file names a place of the machine it was written on", () => {
  // A home directory of somebody, or a workplace at the root. Guests have /root and /home, too: those are theirs.
  const ours = new RegExp(`(?<![\\w.~}-])/(${["work", "Users", "workspace"].join("|")})/\\w`);
  const wrong = projectFiles()
    .filter((path) => !BINARY.test(path) && !GENERATED.test(path))
    .filter((path) => ours.test(readProjectFile(path)));
  expect(wrong).toEqual([]);
});
