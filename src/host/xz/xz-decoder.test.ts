// SPDX-License-Identifier: BSD-2-Clause
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { equalBytes } from "../../../test/support/bytes.ts";
import { mutated } from "../../../test/support/mutation.ts";
import { SeededRandom } from "../../../test/support/random.ts";
import { testWithTool } from "../../../test/support/tools.ts";
import { plainXz, XZ_FILES, XZ_OTHER_FILTERS, XZ_TEXT } from "../../../test/support/xz-file.ts";
import { VmmError } from "../../base/errors.ts";
import { XzDecoder } from "./xz-decoder.ts";

/** More than any of the files here holds. */
const MOST_BYTES = 64 * 1024 * 1024;

/** Decodes a file that comes in pieces of so many bytes. */
function decode(file: Uint8Array, pieceBytes = file.length): Uint8Array {
  const output: Uint8Array[] = [];
  let length = 0;
  const decoder = new XzDecoder("a.xz", (bytes) => {
    length += bytes.length;
    if (length > MOST_BYTES) throw new VmmError("ERR_NO_SPACE", "too much");
    output.push(bytes.slice());
  });
  for (let at = 0; at < file.length; at += pieceBytes) {
    decoder.push(file.subarray(at, at + pieceBytes));
  }
  decoder.finish();
  return Buffer.concat(output);
}

const HELD = {
  text: Buffer.from(XZ_TEXT),
  zeroes: Buffer.alloc(300_000),
  nothing: Buffer.alloc(0),
} as const;

describe("an .xz file", () => {
  it.each(XZ_FILES)("($name) is decoded, in whatever pieces it comes", ({ holds, base64 }) => {
    const file = Buffer.from(base64, "base64");
    for (const pieceBytes of [file.length, 1, 7, 100]) {
      expect(equalBytes(decode(file, pieceBytes), HELD[holds])).toBe(true);
    }
  });

  it("of plain chunks is decoded", () => {
    const bytes = new SeededRandom(1).bytes(200_000);
    expect(equalBytes(decode(plainXz(bytes), 1000), bytes)).toBe(true);
  });

  it("that ends too early is refused, wherever it ends", () => {
    const { base64 } = XZ_FILES.find(({ name }) => name === "sha256")!;
    const file = Buffer.from(base64, "base64");
    for (let length = 0; length < file.length; length++) {
      expect(() => decode(file.subarray(0, length))).toThrow("a.xz is damaged: it ends too early");
    }
  });

  it("with any bit wrong is refused", { timeout: 30_000 }, () => {
    const { base64 } = XZ_FILES.find(({ name }) => name === "crc32")!;
    const file = Buffer.from(base64, "base64");
    for (let bit = 0; bit < file.length * 8; bit++) {
      const wrong = Buffer.from(file);
      wrong[bit >> 3] = wrong[bit >> 3]! ^ (1 << (bit & 7));
      expect(() => decode(wrong)).toThrow(VmmError);
    }
  });

  it.each(XZ_OTHER_FILTERS)("with other filters is refused (%#)", (base64) => {
    expect(() => decode(Buffer.from(base64, "base64"))).toThrow(
      "a.xz cannot be unpacked: it has filter chain, which only xz itself reads",
    );
  });

  it.each([
    ["a.tar.gz", Buffer.from("1f8b0800000000000000000000", "hex"), "it is no .xz file"],
    [
      "something behind",
      Buffer.concat([plainXz(Buffer.from("a")), Buffer.alloc(12, 1)]),
      "it is no .xz file, or there is something else behind it",
    ],
    ["half a padding", Buffer.concat([plainXz(Buffer.from("a")), Buffer.alloc(6)]), "too early"],
  ])("that is not one is refused: %s", (_name, file, why) => {
    expect(() => decode(file)).toThrow(why);
  });
});

it("stands thousands of damaged files: a VmmError, or what it held", { timeout: 60_000 }, () => {
  const random = new SeededRandom(64);
  let refused = 0;
  for (let round = 0; round < 4000; round++) {
    const { base64, holds } = random.pick(XZ_FILES);
    const file = mutated(Uint8Array.from(Buffer.from(base64, "base64")), random);
    try {
      expect(equalBytes(decode(file, 1 + random.below(200)), HELD[holds])).toBe(true);
    } catch (error) {
      if (!(error instanceof VmmError)) throw error;
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(3000);
});

it("stands noise where chunks should be", () => {
  const random = new SeededRandom(65);
  for (let round = 0; round < 300; round++) {
    const file = plainXz(random.bytes(2000));
    // Behind the headers of stream and block.
    file.set(
      Uint8Array.of(0xe0 | random.below(32), ...random.bytes(2), 0, 200, random.below(225), 0),
      24,
    );
    expect(() => decode(file)).toThrow(VmmError);
  }
});

describe("xz", () => {
  for (const level of ["-0", "-3", "-6", "-9e"]) {
    testWithTool("xz", `makes files at ${level} that are decoded`, (run, folder) => {
      const random = new SeededRandom(Number(level.charAt(1)));
      const words = Array.from({ length: 500 }, () => random.bytes(1 + random.below(40)));
      const pieces = Array.from({ length: 40_000 }, () =>
        random.below(50) === 0 ? new Uint8Array(random.below(5000)) : random.pick(words),
      );
      const bytes = Buffer.concat(pieces);
      writeFileSync(join(folder, "data"), bytes);
      run(["-k", level, "--block-size=3000000", "data"]);
      const decoded = decode(readFileSync(join(folder, "data.xz")), 65536);
      expect(equalBytes(decoded, bytes)).toBe(true);
    });
  }
});
