// SPDX-License-Identifier: BSD-2-Clause
import { expect, it } from "vitest";
import { TextFinder } from "./text-finder.ts";

/** Where a needle ends in a text, by position behind its last unit. */
function ends(needle: string, text: string): number[] {
  const finder = new TextFinder(needle);
  return [...text].flatMap((unit, i) => (finder.feed(unit.charCodeAt(0)) ? [i + 1] : []));
}

it("finds a text wherever it ends, also where it overlaps itself", () => {
  expect(ends("login:", "last login\nlogin:")).toEqual([17]);
  expect(ends("aab", "aaabaab")).toEqual([4, 7]);
  expect(ends("aa", "aaaa")).toEqual([2, 3, 4]);
  expect(ends("abcabd", "abcabcabd")).toEqual([9]);
  expect(ends("x", "")).toEqual([]);
});
