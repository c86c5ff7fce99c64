// SPDX-License-Identifier: BSD-2-Clause
// A guest's console on this process's stdout: byte for byte into a file or a pipe, by lines onto a terminal.
import { LineEnds } from "./line-ends.ts";
import { writeOut } from "./terminal.ts";

/** How long a CR waits for its LF. A guest that writes the two does so within microseconds. */
const CR_WAIT_MS = 20;

export class GuestOutput {
  readonly #lineEnds = process.stdout.isTTY ? new LineEnds() : undefined;
  #timer: NodeJS.Timeout | undefined;

  /** A promise, if stdout can take no more just now. */
  write(bytes: Uint8Array): Promise<void> | undefined {
    const lineEnds = this.#lineEnds;
    if (lineEnds === undefined) return writeOut(bytes);
    clearTimeout(this.#timer);
    const room = writeOut(lineEnds.pass(bytes));
    if (lineEnds.isHolding) this.#timer = setTimeout(() => this.#release(), CR_WAIT_MS);
    return room;
  }

  /** Nothing more comes. */
  end(): void {
    clearTimeout(this.#timer);
    this.#release();
  }

  #release(): void {
    if (this.#lineEnds?.isHolding) void writeOut(this.#lineEnds.release());
  }
}
