// SPDX-License-Identifier: BSD-2-Clause
// Writes a linker.hints file the way kldxref(8) does: each version record comes with a module record.
import { alignUp } from "../../src/base/bits.ts";

const MDT_MODULE = 2;
const MDT_VERSION = 3;

export interface HintRecord {
  readonly module: string;
  readonly version: number;
  readonly file: string;
}

export function linkerHintsFile(records: readonly HintRecord[]): Uint8Array {
  const bytes: number[] = [];
  const i32 = (value: number) => {
    while (bytes.length % 4 !== 0) bytes.push(0);
    bytes.push(value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, (value >> 24) & 0xff);
  };
  const string = (text: string) => bytes.push(text.length, ...new TextEncoder().encode(text));
  const record = (fill: () => void) => {
    i32(0);
    const start = bytes.length;
    fill();
    while (bytes.length % 4 !== 0) bytes.push(0);
    const length = alignUp(bytes.length - start, 4);
    bytes[start - 4] = length & 0xff;
    bytes[start - 3] = length >> 8;
  };
  i32(1);
  for (const { module, version, file } of records) {
    record(() => {
      i32(MDT_MODULE);
      string(module);
      string(file);
    });
    record(() => {
      i32(MDT_VERSION);
      string(module);
      i32(version);
      string(file);
    });
  }
  return Uint8Array.from(bytes);
}
