// SPDX-License-Identifier: BSD-2-Clause
// A serial line's far end at a path: a terminal, a pseudo-terminal, a FIFO. Opened without blocking, so it
// has to be polled.
import fs from "node:fs";
import { VmmError } from "../base/errors.ts";
import type { CharBackend } from "../devices/backend/char-backend.ts";
import { hostError } from "./host-error.ts";

export interface PolledCharBackend extends CharBackend {
  /** Looks for input, and for room for output. */
  poll(): void;
}

/** Throws ERR_NOT_FOUND, ERR_IO, or ERR_BAD_OPTION for what is a plain file or a directory. */
export function openCharDevice(path: string): PolledCharBackend {
  const { O_RDWR, O_NONBLOCK, O_NOCTTY } = fs.constants;
  let fd: number;
  try {
    fd = fs.openSync(path, O_RDWR | O_NONBLOCK | O_NOCTTY);
  } catch (cause) {
    throw hostError(`open ${path}`, cause);
  }
  const stat = fs.fstatSync(fd);
  if (!stat.isCharacterDevice() && !stat.isFIFO()) {
    fs.closeSync(fd);
    throw new VmmError(
      "ERR_BAD_OPTION",
      `${path} cannot be the end of a serial line: it is neither a character device nor a FIFO`,
    );
  }
  return new CharDevice(fd);
}

class CharDevice implements PolledCharBackend {
  readonly #fd: number;
  readonly #byte = new Uint8Array(1);
  readonly #buffer = new Uint8Array(4096);
  #at = 0;
  #end = 0;
  #ready: () => void = () => {};

  constructor(fd: number) {
    this.#fd = fd;
  }

  write(byte: number): boolean {
    this.#byte[0] = byte;
    try {
      return fs.writeSync(this.#fd, this.#byte) === 1;
    } catch (error) {
      // Nobody there any more: what is sent is lost, as on a line that was pulled out.
      return (error as NodeJS.ErrnoException).code !== "EAGAIN";
    }
  }

  read(): number {
    if (this.#at === this.#end) this.#fill();
    return this.#at < this.#end ? this.#buffer[this.#at++]! : -1;
  }

  #fill(): void {
    this.#at = 0;
    this.#end = 0;
    try {
      this.#end = fs.readSync(this.#fd, this.#buffer);
    } catch {
      // Nothing there now.
    }
  }

  listen(ready: () => void): void {
    this.#ready = ready;
  }

  poll(): void {
    this.#ready();
  }
}
