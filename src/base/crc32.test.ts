// SPDX-License-Identifier: BSD-2-Clause
import { expect, it } from "vitest";
import { crc32 } from "./crc32.ts";

const CHECK = new TextEncoder().encode("123456789");

it("crc32 gives the polynomial's published check value", () => {
  expect(crc32(CHECK)).toBe(0xcbf43926);
});

it("crc32 continues where an earlier call ended", () => {
  expect(crc32(CHECK.subarray(4), crc32(CHECK.subarray(0, 4)))).toBe(0xcbf43926);
});
