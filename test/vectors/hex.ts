// SPDX-License-Identifier: BSD-2-Clause
// Hexadecimal text to bytes and back, without a bigint in between: a run reads some hundred thousand numbers.
import { VmmError } from "../../src/base/errors.ts";

const DIGITS = "0123456789abcdef";

function digit(text: string, at: number): number {
  const code = text.charCodeAt(at);
  if (code >= 48 && code <= 57) return code - 48;
  const lower = code | 32;
  if (lower >= 97 && lower <= 102) return lower - 87;
  throw new VmmError("ERR_BAD_OPTION", `${JSON.stringify(text)} is not hexadecimal`);
}

/** "0x…" into `size` little-endian bytes; what does not fit is an error. */
export function hexIntoBytes(text: string, target: Uint8Array, at: number, size: number): void {
  if (!text.startsWith("0x") || text.length < 3) {
    throw new VmmError("ERR_BAD_OPTION", `${JSON.stringify(text)} is not a number like "0x1f"`);
  }
  target.fill(0, at, at + size);
  let nibble = 0;
  for (let i = text.length - 1; i >= 2; i--) {
    const value = digit(text, i);
    if (nibble < 2 * size) {
      const byte = at + (nibble >> 1);
      target[byte] = target[byte]! | ((nibble & 1) !== 0 ? value << 4 : value);
    } else if (value !== 0) {
      throw new VmmError("ERR_BAD_OPTION", `${text} does not fit ${size} bytes`);
    }
    nibble++;
  }
}

/** Little-endian bytes as a number, "0x" and no leading zeros, or all of them. */
export function bytesToHex(bytes: Uint8Array, at: number, size: number, isPadded: boolean): string {
  let text = "";
  for (let i = size - 1; i >= 0; i--) {
    const byte = bytes[at + i]!;
    text += DIGITS[byte >> 4]! + DIGITS[byte & 15]!;
  }
  if (!isPadded) text = text.replace(/^0+(?=.)/, "");
  return `0x${text}`;
}

/** A run of bytes, two digits each, in memory order. */
export function parseBytes(text: string): Uint8Array {
  if (text.length % 2 !== 0) {
    throw new VmmError("ERR_BAD_OPTION", `${JSON.stringify(text)} has half a byte`);
  }
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = (digit(text, 2 * i) << 4) | digit(text, 2 * i + 1);
  }
  return bytes;
}

export function formatBytes(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += DIGITS[byte >> 4]! + DIGITS[byte & 15]!;
  return text;
}

/** "0x…" as an address. */
export function parseAddress(text: string): bigint {
  if (!/^0x[0-9a-fA-F]{1,16}$/.test(text)) {
    throw new VmmError("ERR_BAD_OPTION", `${JSON.stringify(text)} is not an address like "0x1000"`);
  }
  return BigInt(text);
}
