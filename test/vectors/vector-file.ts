// SPDX-License-Identifier: BSD-2-Clause
// Files of vectors: JSON Lines, compressed if the name ends in .gz.
import { createReadStream, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { createGunzip, gzipSync } from "node:zlib";
import { VmmError } from "../../src/base/errors.ts";
import { parseVector, type Vector } from "./vector.ts";

/** Every vector of a file, one after the other; errors name the file and the line. */
export async function* readVectors(path: string): AsyncGenerator<Vector> {
  const file = createReadStream(path);
  const input = path.endsWith(".gz") ? file.pipe(createGunzip()) : file;
  file.on("error", (cause) => input.destroy(cause));
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  let number = 0;
  try {
    for await (const line of lines) {
      number++;
      if (line.trim() !== "") yield parseVector(line);
    }
  } catch (cause) {
    throw new VmmError("ERR_BAD_IMAGE", `${path}:${number}: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/** Writes lines to a file, compressed as well as gzip can if it ends in .gz. */
export function writeLines(path: string, lines: readonly string[]): void {
  const text = Buffer.from(`${lines.join("\n")}\n`);
  writeFileSync(path, path.endsWith(".gz") ? gzipSync(text, { level: 9 }) : text);
}
