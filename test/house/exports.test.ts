// SPDX-License-Identifier: BSD-2-Clause
// What a file offers somebody takes. Types are left out: they name what signatures carry. So are the numbers of a
// register or a field that stand together, of which a reader expects all.
import { expect, it } from "vitest";
import { projectFiles, readProjectFile } from "../support/project.ts";

/** What users of the package import. */
const LEFT_OUT = /^src\/(index|vitest)\.ts$/;
const OFFER = /^export (?:async )?(?:function\*?|class) (\w+)|^export const ([a-z]\w*)/gm;

it("every function and class that a file exports is used in another", () => {
  const files = projectFiles(/^(src|test|bench|images|scripts)\/.*\.(ts|mjs)$/);
  const words = new Map<string, Set<string>>();
  for (const path of files) {
    for (const word of new Set(readProjectFile(path).match(/\w+/g))) {
      const places = words.get(word) ?? new Set();
      words.set(word, places.add(path));
    }
  }
  const unused = files
    .filter((path) => !LEFT_OUT.test(path))
    .flatMap((path) =>
      [...readProjectFile(path).matchAll(OFFER)]
        .map(([, routine, value]) => (routine ?? value)!)
        .filter((name) => words.get(name)!.size < 2)
        .map((name) => `${name} of ${path}`),
    );
  expect(unused).toEqual([]);
});
