// SPDX-License-Identifier: BSD-2-Clause
import { createHash } from "node:crypto";
import { crc32 } from "../../base/crc32.ts";
import { Crc64 } from "./crc64.ts";

/** What stands behind each block to hold its data against. */
export interface Check {
  readonly bytes: number;
  update(data: Uint8Array): void;
  digest(): Uint8Array;
}

/** The .xz format 2.1.1.2: none, CRC32, CRC64, SHA-256. Undefined for an id that is none of them. */
export function makeCheck(id: number): Check | undefined {
  if (id === 0) return { bytes: 0, update: () => {}, digest: () => new Uint8Array(0) };
  if (id === 1) return crc32Check();
  if (id === 4) {
    const crc = new Crc64();
    return { bytes: 8, update: (data) => crc.update(data), digest: () => crc.digest() };
  }
  if (id !== 10) return undefined;
  const hash = createHash("sha256");
  return { bytes: 32, update: (data) => hash.update(data), digest: () => hash.digest() };
}

export function crc32Check(): Check {
  let crc = 0;
  const update = (data: Uint8Array) => {
    crc = crc32(data, crc);
  };
  const digest = () => {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, crc, true);
    return bytes;
  };
  return { bytes: 4, update, digest };
}
