// SPDX-License-Identifier: BSD-2-Clause
import fs from "node:fs";
import { hostError } from "./host-error.ts";

/** Linux moves no more than 2^31 - 1 bytes in one call. */
const MOST_AT_ONCE = 1 << 30;

/** Writes all of it, however little the host takes at once. Throws what Node throws. */
export function writeAll(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) {
    done += fs.writeSync(fd, bytes, done, Math.min(bytes.length - done, MOST_AT_ONCE));
  }
}

/** A file that is written from its beginning, now and then. What goes wrong is a VmmError that names it. */
export class OutputFile {
  readonly #path: string;
  readonly #fd: number;

  /** Makes the file anew. */
  constructor(path: string) {
    this.#path = path;
    try {
      this.#fd = fs.openSync(path, "w");
    } catch (cause) {
      throw hostError(`write ${path}`, cause);
    }
  }

  write(bytes: Uint8Array): void {
    try {
      writeAll(this.#fd, bytes);
    } catch (cause) {
      throw hostError(`write ${this.#path}`, cause);
    }
  }

  close(): void {
    fs.closeSync(this.#fd);
  }
}
