// SPDX-License-Identifier: BSD-2-Clause
// Where code, data and stack of a recorded vector lie. Each layout has corners of its own: addresses below
// 2 GiB, between 2 and 4 GiB, across 4 GiB (where 32-bit addresses end), and far above.
import type { NativePage } from "./native-host.ts";

export interface Layout {
  readonly name: string;
  /** One page; the pages around it are not mapped. */
  readonly code: bigint;
  /** Two pages in a row, writable. */
  readonly data: bigint;
  /** One page, writable. */
  readonly stack: bigint;
}

export const PAGE = 4096n;

export const LAYOUTS: readonly Layout[] = [
  { name: "low", code: 0x401000n, data: 0x604000n, stack: 0x7fe000n },
  { name: "signed", code: 0x7fff_e000n, data: 0x8000_4000n, stack: 0xfffe_0000n },
  { name: "4 GiB", code: 0xf000_0000n, data: 0xffff_f000n, stack: 0x1_0000_8000n },
  { name: "far", code: 0x6123_4567_8000n, data: 0x6123_6000_0000n, stack: 0x6123_4000_0000n },
];

/** The mapped pages of a layout. */
export function pagesOf({ code, data, stack }: Layout): NativePage[] {
  return [
    { address: code, isCode: true },
    { address: data, isCode: false },
    { address: data + PAGE, isCode: false },
    { address: stack, isCode: false },
  ];
}
