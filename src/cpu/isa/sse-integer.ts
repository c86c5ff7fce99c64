// SPDX-License-Identifier: BSD-2-Clause
// Packed integer arithmetic, comparison, logic and shifts on XMM registers. SDM 2, legacy encodings; the VEX
// ones are made from these rows in avx.ts.
import type { Operation } from "./operations.ts";
import { type Feature, type IsaRow, row } from "./row.ts";

/** Rows of one feature whose operations have their mnemonics. */
function named(
  feature: Feature,
  operands: string,
  rows: readonly (readonly [name: Operation, encoding: string])[],
): IsaRow[] {
  return rows.map(([name, encoding]) => row(name, operands, encoding, name, { feature }));
}

/** A = A op B. */
export const SSE_INTEGER_BINARY: readonly IsaRow[] = [
  ...named("SSE2", "Vx,Wx", [
    ["paddb", "66 0F FC"],
    ["paddw", "66 0F FD"],
    ["paddd", "66 0F FE"],
    ["paddq", "66 0F D4"],
    ["paddsb", "66 0F EC"],
    ["paddsw", "66 0F ED"],
    ["paddusb", "66 0F DC"],
    ["paddusw", "66 0F DD"],
    ["psubb", "66 0F F8"],
    ["psubw", "66 0F F9"],
    ["psubd", "66 0F FA"],
    ["psubq", "66 0F FB"],
    ["psubsb", "66 0F E8"],
    ["psubsw", "66 0F E9"],
    ["psubusb", "66 0F D8"],
    ["psubusw", "66 0F D9"],
    ["pavgb", "66 0F E0"],
    ["pavgw", "66 0F E3"],
    ["pminub", "66 0F DA"],
    ["pmaxub", "66 0F DE"],
    ["pminsw", "66 0F EA"],
    ["pmaxsw", "66 0F EE"],
    ["pcmpeqb", "66 0F 74"],
    ["pcmpeqw", "66 0F 75"],
    ["pcmpeqd", "66 0F 76"],
    ["pcmpgtb", "66 0F 64"],
    ["pcmpgtw", "66 0F 65"],
    ["pcmpgtd", "66 0F 66"],
    ["pmullw", "66 0F D5"],
    ["pmulhw", "66 0F E5"],
    ["pmulhuw", "66 0F E4"],
    ["pmuludq", "66 0F F4"],
    ["pmaddwd", "66 0F F5"],
    ["psadbw", "66 0F F6"],
    ["packsswb", "66 0F 63"],
    ["packuswb", "66 0F 67"],
    ["packssdw", "66 0F 6B"],
    ["pand", "66 0F DB"],
    ["pandn", "66 0F DF"],
    ["por", "66 0F EB"],
    ["pxor", "66 0F EF"],
  ]),
  ...named("SSSE3", "Vx,Wx", [
    ["phaddw", "66 0F 38 01"],
    ["phaddd", "66 0F 38 02"],
    ["phaddsw", "66 0F 38 03"],
    ["pmaddubsw", "66 0F 38 04"],
    ["phsubw", "66 0F 38 05"],
    ["phsubd", "66 0F 38 06"],
    ["phsubsw", "66 0F 38 07"],
    ["psignb", "66 0F 38 08"],
    ["psignw", "66 0F 38 09"],
    ["psignd", "66 0F 38 0A"],
    ["pmulhrsw", "66 0F 38 0B"],
  ]),
  ...named("SSE4_1", "Vx,Wx", [
    ["pmuldq", "66 0F 38 28"],
    ["pcmpeqq", "66 0F 38 29"],
    ["packusdw", "66 0F 38 2B"],
    ["pminsb", "66 0F 38 38"],
    ["pminsd", "66 0F 38 39"],
    ["pminuw", "66 0F 38 3A"],
    ["pminud", "66 0F 38 3B"],
    ["pmaxsb", "66 0F 38 3C"],
    ["pmaxsd", "66 0F 38 3D"],
    ["pmaxuw", "66 0F 38 3E"],
    ["pmaxud", "66 0F 38 3F"],
    ["pmulld", "66 0F 38 40"],
  ]),
  ...named("SSE4_1", "Vx,Wx,Ib", [["mpsadbw", "66 0F 3A 42"]]),
  ...named("SSE4_2", "Vx,Wx", [["pcmpgtq", "66 0F 38 37"]]),
];

/** A = op B. */
export const SSE_INTEGER_UNARY: readonly IsaRow[] = named("SSSE3", "Vx,Wx", [
  ["pabsb", "66 0F 38 1C"],
  ["pabsw", "66 0F 38 1D"],
  ["pabsd", "66 0F 38 1E"],
]);

export const SSE_PHMINPOSUW: readonly IsaRow[] = named("SSE4_1", "Vdq,Wdq", [
  ["phminposuw", "66 0F 38 41"],
]);

/** Shifts by the low 64 bits of an XMM register or of 16 bytes of memory. */
export const SSE_SHIFT: readonly IsaRow[] = named("SSE2", "Vx,Wdq", [
  ["psrlw", "66 0F D1"],
  ["psrld", "66 0F D2"],
  ["psrlq", "66 0F D3"],
  ["psraw", "66 0F E1"],
  ["psrad", "66 0F E2"],
  ["psllw", "66 0F F1"],
  ["pslld", "66 0F F2"],
  ["psllq", "66 0F F3"],
]);

const SSE2 = { feature: "SSE2" } as const;

export const SSE_SHIFT_IMMEDIATE: readonly IsaRow[] = [
  row("psrlw", "Ux,Ib", "66 0F 71 /2", "psrlwImm", SSE2),
  row("psraw", "Ux,Ib", "66 0F 71 /4", "psrawImm", SSE2),
  row("psllw", "Ux,Ib", "66 0F 71 /6", "psllwImm", SSE2),
  row("psrld", "Ux,Ib", "66 0F 72 /2", "psrldImm", SSE2),
  row("psrad", "Ux,Ib", "66 0F 72 /4", "psradImm", SSE2),
  row("pslld", "Ux,Ib", "66 0F 72 /6", "pslldImm", SSE2),
  row("psrlq", "Ux,Ib", "66 0F 73 /2", "psrlqImm", SSE2),
  row("psrldq", "Ux,Ib", "66 0F 73 /3", "psrldq", SSE2),
  row("psllq", "Ux,Ib", "66 0F 73 /6", "psllqImm", SSE2),
  row("pslldq", "Ux,Ib", "66 0F 73 /7", "pslldq", SSE2),
];

/** The source has half, a quarter or an eighth of the destination's bytes. */
export const SSE_WIDEN: readonly IsaRow[] = [
  ...named("SSE4_1", "Vdq,Wq", [
    ["pmovsxbw", "66 0F 38 20"],
    ["pmovsxwd", "66 0F 38 23"],
    ["pmovsxdq", "66 0F 38 25"],
    ["pmovzxbw", "66 0F 38 30"],
    ["pmovzxwd", "66 0F 38 33"],
    ["pmovzxdq", "66 0F 38 35"],
  ]),
  ...named("SSE4_1", "Vdq,Wd", [
    ["pmovsxbd", "66 0F 38 21"],
    ["pmovsxwq", "66 0F 38 24"],
    ["pmovzxbd", "66 0F 38 31"],
    ["pmovzxwq", "66 0F 38 34"],
  ]),
  ...named("SSE4_1", "Vdq,Ww", [
    ["pmovsxbq", "66 0F 38 22"],
    ["pmovzxbq", "66 0F 38 32"],
  ]),
];

export const SSE_PTEST: readonly IsaRow[] = [
  row("ptest", "Vx,Wx", "66 0F 38 17", "ptest", { feature: "SSE4_1", flags: "00m00m" }),
];

export const SSE_INTEGER_ROWS: readonly IsaRow[] = [
  ...SSE_INTEGER_BINARY,
  ...SSE_INTEGER_UNARY,
  ...SSE_PHMINPOSUW,
  ...SSE_SHIFT,
  ...SSE_SHIFT_IMMEDIATE,
  ...SSE_WIDEN,
  ...SSE_PTEST,
];
