// SPDX-License-Identifier: BSD-2-Clause

/** Reads what a ByteBuffer has written. Throws a RangeError behind the end. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get position(): number {
    return this.#at;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  byte(): number {
    return this.bytes(1)[0]!;
  }

  bytes(count: number): Uint8Array {
    const end = this.#at + count;
    if (end > this.#bytes.length) throw new RangeError("WebAssembly bytes end too early");
    const bytes = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return bytes;
  }

  /** Unsigned LEB128, up to 32 bits. */
  u32(): number {
    return Number(this.#leb(32).value);
  }

  /** Signed LEB128 of `bits` bits. */
  signed(bits: 32 | 64): bigint {
    const { value, length } = this.#leb(bits);
    return BigInt.asIntN(Math.min(length, bits), value);
  }

  #leb(bits: number): { value: bigint; length: number } {
    let value = 0n;
    let length = 0;
    for (;;) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << BigInt(length);
      length += 7;
      if (byte < 0x80) return { value: BigInt.asUintN(Math.max(bits, length), value), length };
      if (length >= bits) throw new RangeError(`a number of WebAssembly exceeds ${bits} bits`);
    }
  }

  f32(): number {
    return new DataView(this.bytes(4).slice().buffer).getFloat32(0, true);
  }

  f64(): number {
    return new DataView(this.bytes(8).slice().buffer).getFloat64(0, true);
  }

  /** UTF-8 with its length in front. */
  name(): string {
    return new TextDecoder().decode(this.bytes(this.u32()));
  }

  /** What has its length in front: a section, a function's body. */
  sized(): Uint8Array {
    return this.bytes(this.u32());
  }
}
