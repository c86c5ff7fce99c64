// SPDX-License-Identifier: BSD-2-Clause
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { VmmError } from "../base/errors.ts";
import { type ByteSource, checkRead } from "../loader/byte-source.ts";
import { hostError } from "./host-error.ts";

/** A file of the host, open for reading until it is closed. Its size is what it was when it was opened. */
export class FileByteSource implements ByteSource {
  readonly size: number;
  readonly #path: string;
  readonly #fd: number;

  /** Throws ERR_NOT_FOUND if there is no such file, ERR_IO if it is not to be read or not a regular file. */
  constructor(path: string, { followLinks = true } = {}) {
    this.#path = path;
    try {
      // O_NONBLOCK: opening a FIFO must not wait for its other end.
      const flags = constants.O_RDONLY | constants.O_NONBLOCK;
      this.#fd = openSync(path, followLinks ? flags : flags | constants.O_NOFOLLOW);
    } catch (cause) {
      throw hostError(`open ${path}`, cause);
    }
    const stat = fstatSync(this.#fd);
    if (!stat.isFile()) {
      this.close();
      throw new VmmError("ERR_IO", `cannot open ${path}: it is not a regular file`);
    }
    this.size = stat.size;
  }

  read(offset: number, length: number): Uint8Array {
    checkRead(this.size, offset, length, this.#path);
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const count = this.#readSome(bytes, done, offset + done);
      if (count === 0) {
        throw new VmmError("ERR_IO", `cannot read ${this.#path}: it became shorter meanwhile`);
      }
      done += count;
    }
    return bytes;
  }

  close(): void {
    closeSync(this.#fd);
  }

  #readSome(bytes: Uint8Array, at: number, position: number): number {
    try {
      return readSync(this.#fd, bytes, at, bytes.length - at, position);
    } catch (cause) {
      throw hostError(`read ${this.#path}`, cause);
    }
  }
}
