// SPDX-License-Identifier: BSD-2-Clause
// The MD5 message digest, RFC 1321. Not for security: bhyve derives serial numbers and UUIDs from it,
// and a guest that was moved here from bhyve should find its disk under the same name.

/** RFC 1321 §3.4: left rotations, four a round. */
const ROTATIONS = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21];

/** RFC 1321 §3.4: T[i] is the integer part of 4294967296 times abs(sin(i + 1)). */
const SINES = Int32Array.from(
  { length: 64 },
  (_, i) => Math.floor(Math.abs(Math.sin(i + 1)) * 2 ** 32) | 0,
);

/** The 16 bytes of the digest of `message`. */
export function md5(message: Uint8Array): Uint8Array {
  const blocks = padded(message);
  const state = Int32Array.of(0x67452301, 0xefcdab89 | 0, 0x98badcfe | 0, 0x10325476);
  for (let offset = 0; offset < blocks.byteLength; offset += 64) addBlock(state, blocks, offset);
  const digest = new DataView(new ArrayBuffer(16));
  for (let i = 0; i < 4; i++) digest.setInt32(4 * i, state[i]!, true);
  return new Uint8Array(digest.buffer);
}

/** A one bit, zeroes up to 8 bytes short of a block, then the length in bits. */
function padded(message: Uint8Array): DataView {
  const blocks = new DataView(new ArrayBuffer((Math.floor((message.length + 8) / 64) + 1) * 64));
  new Uint8Array(blocks.buffer).set(message);
  blocks.setUint8(message.length, 0x80);
  blocks.setBigUint64(blocks.byteLength - 8, BigInt(message.length) * 8n, true);
  return blocks;
}

function addBlock(state: Int32Array, blocks: DataView, offset: number): void {
  let [a, b, c, d] = state as unknown as [number, number, number, number];
  for (let i = 0; i < 64; i++) {
    const round = i >> 4;
    const word = blocks.getInt32(offset + 4 * wordIndex(round, i), true);
    const sum = (a + mix(round, b, c, d) + word + SINES[i]!) | 0;
    const rotation = ROTATIONS[4 * round + (i & 3)]!;
    const rotated = (sum << rotation) | (sum >>> (32 - rotation));
    [a, d, c, b] = [d, c, b, (b + rotated) | 0];
  }
  state[0]! += a;
  state[1]! += b;
  state[2]! += c;
  state[3]! += d;
}

/** RFC 1321 §3.4: the functions F, G, H, I. */
function mix(round: number, b: number, c: number, d: number): number {
  if (round === 0) return (b & c) | (~b & d);
  if (round === 1) return (b & d) | (c & ~d);
  return round === 2 ? b ^ c ^ d : c ^ (b | ~d);
}

/** RFC 1321 §3.4: which of the block's 16 words step `i` takes. */
function wordIndex(round: number, i: number): number {
  if (round === 0) return i;
  if (round === 1) return (5 * i + 1) & 15;
  return round === 2 ? (3 * i + 5) & 15 : (7 * i) & 15;
}
