// SPDX-License-Identifier: BSD-2-Clause
import { expect, it } from "vitest";
import { Transcript } from "./transcript.ts";

function write(transcript: Transcript, bytes: Iterable<number>): string {
  return [...bytes].map((byte) => transcript.write(byte)).join("");
}

it("reads UTF-8 byte by byte, and shows what is broken", () => {
  const transcript = new Transcript(1000);
  expect(write(transcript, new TextEncoder().encode("aé漢😀z"))).toBe("aé漢😀z");
  expect(write(transcript, [0xc3, 0x41, 0xff, 0x42])).toBe("\ufffdA\ufffdB");
  expect(transcript.slice(1, 3)).toBe("é漢");
  expect(transcript.end).toBe(10);
});

it("forgets the beginning of what is too long, and keeps its positions", () => {
  const transcript = new Transcript(2000);
  for (let i = 0; i < 10_000; i++) transcript.write(0x30 + (i % 10));
  expect(transcript.slice(9_995)).toBe("56789");
  expect(transcript.slice(0).length).toBeLessThanOrEqual(4000 + 1024);
  expect(transcript.slice(0, transcript.start + 3)).toBe(
    [0, 1, 2].map((i) => (transcript.start + i) % 10).join(""),
  );
  expect(transcript.end).toBe(10_000);
});
