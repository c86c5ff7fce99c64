// SPDX-License-Identifier: BSD-2-Clause
import type { CharBackend } from "../../src/devices/backend/char-backend.ts";

/** The far end of a serial line in memory, for the tests of what is at the near end. */
export class MemoryCharBackend implements CharBackend {
  readonly #input: number[] = [];
  #output: number[] = [];
  #roomBytes: number;
  #ready: () => void = () => {};

  /** Takes `roomBytes` from the guest until {@link makeRoom} is called; all of them by default. */
  constructor(roomBytes = Number.POSITIVE_INFINITY) {
    this.#roomBytes = roomBytes;
  }

  write(byte: number): boolean {
    if (this.#roomBytes <= 0) return false;
    this.#roomBytes--;
    this.#output.push(byte);
    return true;
  }

  read(): number {
    return this.#input.shift() ?? -1;
  }

  listen(ready: () => void): void {
    this.#ready = ready;
  }

  /** Bytes for the guest, text as UTF-8. */
  type(text: string | Uint8Array): void {
    const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
    for (const byte of bytes) this.#input.push(byte);
    this.#ready();
  }

  /** Can take `bytes` more from the guest. */
  makeRoom(bytes: number): void {
    this.#roomBytes += bytes;
    this.#ready();
  }

  /** How many bytes the guest has not read yet. */
  get unreadBytes(): number {
    return this.#input.length;
  }

  /** What the guest has written since the last call. */
  takeOutput(): Uint8Array {
    const output = Uint8Array.from(this.#output);
    this.#output = [];
    return output;
  }

  /** {@link takeOutput} as UTF-8 text. */
  takeText(): string {
    return new TextDecoder().decode(this.takeOutput());
  }
}
