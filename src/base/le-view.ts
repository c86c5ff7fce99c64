// SPDX-License-Identifier: BSD-2-Clause
import { pairToNumber } from "./u64.ts";

/**
 * The little-endian fields of a structure in borrowed bytes. An offset outside the bytes is the caller's
 * bug and throws RangeError: whoever parses foreign bytes checks their lengths first.
 */
export class LeView {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u8(offset: number): number {
    return this.#view.getUint8(offset);
  }

  u16(offset: number): number {
    return this.#view.getUint16(offset, true);
  }

  u32(offset: number): number {
    return this.#view.getUint32(offset, true);
  }

  i32(offset: number): number {
    return this.#view.getInt32(offset, true);
  }

  /** Exact below 2^53, nearest above: compare it with a limit before computing with it. */
  u64(offset: number): number {
    return pairToNumber(this.u32(offset), this.u32(offset + 4));
  }

  /** Exact between -2^53 and 2^53, nearest outside. */
  i64(offset: number): number {
    return this.i32(offset + 4) * 0x1_0000_0000 + this.u32(offset);
  }

  /** A window on the same bytes, cut short where they end. */
  slice(offset: number, length: number): Uint8Array {
    return this.bytes.subarray(offset, offset + length);
  }

  /** One character a byte, up to the first NUL: for short fields. */
  latin1(offset: number, length: number): string {
    const field = this.slice(offset, length);
    const end = field.indexOf(0);
    return String.fromCharCode(...(end < 0 ? field : field.subarray(0, end)));
  }
}
