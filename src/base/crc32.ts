// SPDX-License-Identifier: BSD-2-Clause

const TABLE = makeTable(0xedb88320);

/** CRC-32 of ISO 3309, the one of GPT headers, gzip and Ethernet; unsigned. `crc` continues an earlier call. */
export function crc32(bytes: Uint8Array, crc = 0): number {
  let state = ~crc;
  for (const byte of bytes) state = TABLE[(state ^ byte) & 0xff]! ^ (state >>> 8);
  return ~state >>> 0;
}

function makeTable(reflectedPolynomial: number): Int32Array {
  return Int32Array.from({ length: 256 }, (_, byte) => {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? reflectedPolynomial : 0);
    return value;
  });
}
