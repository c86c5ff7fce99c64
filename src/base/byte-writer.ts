// SPDX-License-Identifier: BSD-2-Clause
import { hex } from "./bits.ts";
import { VmmError } from "./errors.ts";
import { highHalf } from "./u64.ts";

const INITIAL_BYTES = 64;

/**
 * Little-endian bytes that grow at the end: tables, headers, records. Every method that appends returns
 * the writer. A value that does not fit its width throws ERR_INTERNAL, so nothing is truncated silently.
 */
export class ByteWriter {
  #bytes = new Uint8Array(INITIAL_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  /** Bytes appended so far: the offset of what comes next. */
  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    const at = this.#grow(1, value);
    this.#view.setUint8(at, value);
    return this;
  }

  u16(value: number): this {
    const at = this.#grow(2, value);
    this.#view.setUint16(at, value, true);
    return this;
  }

  u32(value: number): this {
    const at = this.#grow(4, value);
    this.#view.setUint32(at, value, true);
    return this;
  }

  /** `value` is a non-negative safe integer. */
  u64(value: number): this {
    const at = this.#grow(8, value);
    this.#view.setUint32(at, value, true);
    this.#view.setInt32(at + 4, highHalf(value), true);
    return this;
  }

  /** Eight-bit characters, one byte each, nothing added. */
  text(characters: string): this {
    for (let i = 0; i < characters.length; i++) this.u8(characters.charCodeAt(i));
    return this;
  }

  bytes(source: ArrayLike<number>): this {
    const at = this.#reserve(source.length);
    this.#bytes.set(source, at);
    return this;
  }

  zeros(count: number): this {
    this.#reserve(count);
    return this;
  }

  /** A copy of everything appended. */
  toBytes(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #grow(size: 1 | 2 | 4 | 8, value: number): number {
    if (!(Number.isSafeInteger(value) && value >= 0 && value < 2 ** (8 * size))) {
      const shown = Number.isSafeInteger(value) && value >= 0 ? hex(value) : String(value);
      throw new VmmError("ERR_INTERNAL", `${shown} does not fit a field of ${size} bytes`);
    }
    return this.#reserve(size);
  }

  /** Makes room for `count` zero bytes and returns their offset. */
  #reserve(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length));
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }
}

/** The parts one after the other, in a fresh array. */
export function concatBytes(parts: readonly ArrayLike<number>[]): Uint8Array {
  const writer = new ByteWriter();
  for (const part of parts) writer.bytes(part);
  return writer.toBytes();
}

/** The byte that makes `bytes` add up to zero modulo 256 once it replaces a zero byte among them. */
export function zeroSumByte(bytes: Uint8Array): number {
  let sum = 0;
  for (const byte of bytes) sum += byte;
  return -sum & 0xff;
}
