// SPDX-License-Identifier: BSD-2-Clause
import { expect, it } from "vitest";
import { uuidFromDigest, uuidFromText } from "./smbios-uuid.ts";

it("the first three fields of a UUID are little-endian (DSP0134 §7.2.1, its own example)", () => {
  expect([...uuidFromText("00112233-4455-6677-8899-AABBCCDDEEFF")]).toEqual([
    0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff,
  ]);
});

it.each([
  "",
  "00112233-4455-6677-8899-aabbccddeef",
  "00112233445566778899aabbccddeeff",
  "g0112233-4455-6677-8899-aabbccddeeff",
  "00112233-4455-6677-8899-aabbccddeeff0",
])("%j is not a UUID", (text) => {
  expect(() => uuidFromText(text)).toThrow(expect.objectContaining({ code: "ERR_BAD_OPTION" }));
});

it("a digest becomes a UUID of version 3 and variant 10, and stays as it was itself", () => {
  const digest = new Uint8Array(16).fill(0xff);
  const uuid = uuidFromDigest(digest);
  expect([uuid[5], uuid[6], uuid[7], uuid[8], uuid[9]]).toEqual([0xff, 0x3f, 0xff, 0xbf, 0xff]);
  expect(digest[6]).toBe(0xff);
});
