// SPDX-License-Identifier: BSD-2-Clause
import fs from "node:fs";
import { hostError } from "../host-error.ts";

const BLOCK_BYTES = 64 * 1024;
const ZEROES = Buffer.alloc(BLOCK_BYTES);

/** A new file that is written from front to end; blocks of zeroes become holes, which take no room. */
export class SparseFile {
  readonly path: string;
  #fd: number;
  readonly #block = Buffer.alloc(BLOCK_BYTES);
  #inBlock = 0;
  /** Where the block begins. */
  #offset = 0;

  /** Truncates a file of that name. Throws ERR_IO, ERR_NO_SPACE, ERR_NOT_FOUND. */
  constructor(path: string) {
    this.path = path;
    this.#fd = this.#attempt(() => fs.openSync(path, "w", 0o644));
  }

  get sizeBytes(): number {
    return this.#offset + this.#inBlock;
  }

  write(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      const piece = bytes.subarray(done, done + BLOCK_BYTES - this.#inBlock);
      this.#block.set(piece, this.#inBlock);
      this.#inBlock += piece.length;
      done += piece.length;
      if (this.#inBlock === BLOCK_BYTES) this.#writeBlock();
    }
  }

  /** Returns when the host's storage has all of it, and closes the file. */
  finish(): void {
    this.#writeBlock();
    this.#attempt(() => {
      fs.ftruncateSync(this.#fd, this.#offset);
      fs.fsyncSync(this.#fd);
    });
    this.close();
  }

  close(): void {
    if (this.#fd < 0) return;
    fs.closeSync(this.#fd);
    this.#fd = -1;
  }

  #writeBlock(): void {
    const bytes = this.#block.subarray(0, this.#inBlock);
    if (!bytes.equals(ZEROES.subarray(0, bytes.length))) {
      for (let done = 0; done < bytes.length; ) {
        done += this.#attempt(() =>
          fs.writeSync(this.#fd, bytes, done, bytes.length - done, this.#offset + done),
        );
      }
    }
    this.#offset += this.#inBlock;
    this.#inBlock = 0;
  }

  #attempt<T>(action: () => T): T {
    try {
      return action();
    } catch (cause) {
      throw hostError(`write ${this.path}`, cause);
    }
  }
}
