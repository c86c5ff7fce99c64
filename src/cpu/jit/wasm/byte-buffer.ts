// SPDX-License-Identifier: BSD-2-Clause

/** Bytes that grow at the end, with the number encodings of the WebAssembly binary format (§5.2). */
export class ByteBuffer {
  #bytes: Uint8Array;
  #length = 0;

  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  byte(value: number): void {
    if (this.#length === this.#bytes.length) this.#grow(this.#length + 1);
    this.#bytes[this.#length++] = value;
  }

  bytes(source: ArrayLike<number>): void {
    if (this.#length + source.length > this.#bytes.length) {
      this.#grow(this.#length + source.length);
    }
    this.#bytes.set(source, this.#length);
    this.#length += source.length;
  }

  /** Unsigned LEB128, up to 32 bits. */
  u32(value: number): void {
    let rest = value >>> 0;
    while (rest >= 0x80) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.byte(rest);
  }

  /** Signed LEB128, 32 bits. */
  s32(value: number): void {
    let rest = value | 0;
    while (rest < -0x40 || rest >= 0x40) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>= 7;
    }
    this.byte(rest & 0x7f);
  }

  /** Signed LEB128, 64 bits given as int32 halves. */
  s64(lo: number, hi: number): void {
    let restLo = lo | 0;
    let restHi = hi | 0;
    for (;;) {
      const isLast = restHi === restLo >> 31 && restLo >= -0x40 && restLo < 0x40;
      if (isLast) break;
      this.byte((restLo & 0x7f) | 0x80);
      restLo = (restLo >>> 7) | (restHi << 25);
      restHi >>= 7;
    }
    this.byte(restLo & 0x7f);
  }

  /** UTF-8 with its length in front. */
  name(text: string): void {
    const bytes = new TextEncoder().encode(text);
    this.u32(bytes.length);
    this.bytes(bytes);
  }

  /** Another buffer with its length in front: sections, function bodies. */
  sized(content: ByteBuffer): void {
    this.u32(content.length);
    this.bytes(content.view());
  }

  /** What is there so far; valid until the next append. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #grow(needed: number): void {
    const bytes = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
    bytes.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = bytes;
  }
}
