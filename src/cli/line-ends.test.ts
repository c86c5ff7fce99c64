// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { LineEnds } from "./line-ends.ts";

/** What comes out for chunks, and for the end after them, one text each. */
function passed(...chunks: readonly string[]): string[] {
  const ends = new LineEnds();
  const texts = chunks.map((chunk) => latin1(ends.pass(Buffer.from(chunk, "latin1"))));
  return [...texts, latin1(ends.release())];
}

const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");

describe("a guest's lines on a terminal", () => {
  it.each([
    ["a CR LF is an LF", ["one\r\ntwo\r\n"], ["one\ntwo\n", ""]],
    ["an LF alone stays", ["one\ntwo"], ["one\ntwo", ""]],
    ["a CR alone stays", ["10%\r20%"], ["10%\r20%", ""]],
    ["of several CRs the last goes", ["\r\r\n"], ["\r\n", ""]],
    ["a cut between CR and LF changes nothing", ["one\r", "\ntwo"], ["one", "\ntwo", ""]],
    ["a CR at a cut stays if no LF follows", ["10%\r", "20%"], ["10%", "\r20%", ""]],
    ["a CR at a cut stays if another follows", ["\r", "\r", "\n"], ["", "\r", "\n", ""]],
    ["a CR at the end stays", ["10%\r"], ["10%", "\r"]],
    ["an empty chunk decides nothing", ["\r", "", "\n"], ["", "", "\n", ""]],
    ["other bytes are left alone", ["\0\x1b[1m\xff\r\n"], ["\0\x1b[1m\xff\n", ""]],
  ])("%s", (_, chunks, expected) => {
    expect(passed(...chunks)).toEqual(expected);
  });

  it("a CR is held back until it is clear what follows", () => {
    const ends = new LineEnds();
    ends.pass(Buffer.from("10%\r"));
    expect(ends.isHolding).toBe(true);
    ends.release();
    expect(ends.isHolding).toBe(false);
  });
});
