// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { memorySource } from "../../disk/memory-source.ts";
import { readRockRidge } from "./susp.ts";

const text = (letters: string) => [...letters].map((letter) => letter.charCodeAt(0));
const field = (name: string, ...content: number[]) => [
  ...text(name),
  content.length + 4,
  1,
  ...content,
];
/** CE: a block, an offset and a length, each in both byte orders; the big-endian half is not read. */
const continuation = (block: number, offset: number, length: number) =>
  field("CE", ...[block, offset, length].flatMap((n) => [n & 0xff, n >> 8, 0, 0, 0, 0, 0, 0]));

const read = (area: number[], image = new Uint8Array()) =>
  readRockRidge(memorySource(image), Uint8Array.from(area));

describe("Rock Ridge fields", () => {
  it("end at ST", () => {
    expect(read([...field("ST"), ...field("NM", 0, ...text("x"))]).name).toBeUndefined();
  });

  it("that are malformed end the area", () => {
    expect(read([0x4e, 0x4d, 0, 1, ...field("NM", 0, ...text("x"))]).name).toBeUndefined();
    expect(read([0x4e, 0x4d, 9, 1, 0, 0x78]).name).toBe("x");
    expect(read(field("SL", 0, 0, 200, ...text("x"))).linkTarget).toBe("x");
  });

  it("take names for . and .. from the record itself", () => {
    expect(read(field("NM", 2)).name).toBeUndefined();
    expect(read(field("NM", 4)).name).toBeUndefined();
  });

  it("continue elsewhere", () => {
    const image = new Uint8Array(4096);
    const name = field("NM", 0, ...text("elsewhere"));
    image.set(name, 2048 + 10);
    expect(read(continuation(1, 10, name.length), image).name).toBe("elsewhere");
  });

  it("that are continued without end are an error", () => {
    const image = Uint8Array.from(continuation(0, 0, 28));
    expect(() => read(continuation(0, 0, 28), image)).toThrow(
      expect.objectContaining({
        code: "ERR_BAD_IMAGE",
        message: "a Rock Ridge field is continued without end",
      }),
    );
  });
});
