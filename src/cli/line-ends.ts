// SPDX-License-Identifier: BSD-2-Clause
// A guest ends its lines with CR LF, and so does a terminal what is written to it: Node's raw mode leaves the
// terminal's ONLCR on (libuv: uv_tty_set_mode), where bhyve's cfmakeraw(3) takes it off. So that a terminal gets
// what the guest has sent, the CR before an LF is left to the terminal. What cannot be kept up is an LF alone: the
// terminal returns the carriage for it, too.
const CR = 0x0d;
const LF = 0x0a;
const ONE_CR = Uint8Array.of(CR);
const NOTHING = new Uint8Array(0);

/** Takes the CR out of each CR LF of a stream of bytes, however they are cut into chunks. */
export class LineEnds {
  /** The last byte was a CR: what follows decides. */
  #isHolding = false;

  get isHolding(): boolean {
    return this.#isHolding;
  }

  /** What of `bytes`, and of a CR held back earlier, is to be written now: a copy, or `bytes` themselves. */
  pass(bytes: Uint8Array): Uint8Array {
    if (bytes.length === 0) return NOTHING;
    if (!this.#isHolding && !bytes.includes(CR)) return bytes;
    const out = new Uint8Array(bytes.length + 1);
    let length = 0;
    for (const byte of bytes) {
      if (this.#isHolding && byte !== LF) out[length++] = CR;
      this.#isHolding = byte === CR;
      if (byte !== CR) out[length++] = byte;
    }
    return out.subarray(0, length);
  }

  /** The CR that was held back, if there is one: nothing has followed it. */
  release(): Uint8Array {
    if (!this.#isHolding) return NOTHING;
    this.#isHolding = false;
    return ONE_CR;
  }
}
