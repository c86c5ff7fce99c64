// SPDX-License-Identifier: BSD-2-Clause
import type { CharBackend } from "../devices/backend/char-backend.ts";
import type { ByteChannel } from "./byte-channel.ts";
import type { Doorbell } from "./doorbell.ts";

/** The other thread's ends of a console. */
export interface ThreadConsoleEnds {
  readonly input: ByteChannel;
  readonly output: ByteChannel;
  /** Rung for output, and for room for input. */
  readonly wakeMain: Doorbell;
}

/** `stdio` of a machine on a thread of its own: the terminal of the process, through its main thread. */
export class ThreadConsole implements CharBackend {
  readonly #ends: ThreadConsoleEnds;
  #ready: () => void = () => {};

  constructor(ends: ThreadConsoleEnds) {
    this.#ends = ends;
  }

  write(byte: number): boolean {
    const isTaken = this.#ends.output.writeByte(byte);
    this.#ends.wakeMain.ring();
    return isTaken;
  }

  read(): number {
    const byte = this.#ends.input.readByte();
    // Room for more: the main thread may be holding input back.
    if (byte >= 0) this.#ends.wakeMain.ring();
    return byte;
  }

  listen(ready: () => void): void {
    this.#ready = ready;
  }

  poll(): void {
    this.#ready();
  }
}
