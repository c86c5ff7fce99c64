// SPDX-License-Identifier: BSD-2-Clause

/** Writes little-endian fields into borrowed bytes. Values are taken modulo their width, safe integers. */
export class LeWriter {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u8(offset: number, value: number): void {
    this.#view.setUint8(offset, value);
  }

  u16(offset: number, value: number): void {
    this.#view.setUint16(offset, value, true);
  }

  u32(offset: number, value: number): void {
    this.#view.setUint32(offset, value, true);
  }

  u64(offset: number, value: number | bigint): void {
    this.#view.setBigInt64(offset, BigInt(value), true);
  }

  /** A field of 4 or 8 bytes. */
  word(offset: number, value: number, fieldBytes: 4 | 8): void {
    if (fieldBytes === 4) this.u32(offset, value);
    else this.u64(offset, value);
  }

  /** Text of one byte a character, not ended by anything. */
  ascii(offset: number, text: string): void {
    for (let i = 0; i < text.length; i++) this.u8(offset + i, text.charCodeAt(i));
  }

  put(offset: number, bytes: Uint8Array): void {
    this.bytes.set(bytes, offset);
  }
}
