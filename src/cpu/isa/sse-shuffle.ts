// SPDX-License-Identifier: BSD-2-Clause
// Unpacking, shuffling, blending, inserting and extracting elements of XMM registers. SDM 2, legacy
// encodings; the VEX ones are made from these rows in avx.ts.
import { type IsaRow, row } from "./row.ts";

const SSE = { feature: "SSE" } as const;
const SSE2 = { feature: "SSE2" } as const;
const SSSE3 = { feature: "SSSE3" } as const;
const SSE4_1 = { feature: "SSE4_1" } as const;

/** On floats: AVX has them with 256 bits. */
export const SSE_SHUFFLE_FLOAT: readonly IsaRow[] = [
  row("unpcklps", "Vx,Wx", "NP 0F 14", "punpckldq", SSE),
  row("unpckhps", "Vx,Wx", "NP 0F 15", "punpckhdq", SSE),
  row("unpcklpd", "Vx,Wx", "66 0F 14", "punpcklqdq", SSE2),
  row("unpckhpd", "Vx,Wx", "66 0F 15", "punpckhqdq", SSE2),
  row("shufps", "Vx,Wx,Ib", "NP 0F C6", "shufps", SSE),
  row("shufpd", "Vx,Wx,Ib", "66 0F C6", "shufpd", SSE2),
  row("blendps", "Vx,Wx,Ib", "66 0F 3A 0C", "blendps", SSE4_1),
  row("blendpd", "Vx,Wx,Ib", "66 0F 3A 0D", "blendpd", SSE4_1),
];

/** On integers: 256 bits came with AVX2. */
export const SSE_SHUFFLE_INTEGER: readonly IsaRow[] = [
  row("punpcklbw", "Vx,Wx", "66 0F 60", "punpcklbw", SSE2),
  row("punpcklwd", "Vx,Wx", "66 0F 61", "punpcklwd", SSE2),
  row("punpckldq", "Vx,Wx", "66 0F 62", "punpckldq", SSE2),
  row("punpckhbw", "Vx,Wx", "66 0F 68", "punpckhbw", SSE2),
  row("punpckhwd", "Vx,Wx", "66 0F 69", "punpckhwd", SSE2),
  row("punpckhdq", "Vx,Wx", "66 0F 6A", "punpckhdq", SSE2),
  row("punpcklqdq", "Vx,Wx", "66 0F 6C", "punpcklqdq", SSE2),
  row("punpckhqdq", "Vx,Wx", "66 0F 6D", "punpckhqdq", SSE2),
  row("pshufb", "Vx,Wx", "66 0F 38 00", "pshufb", SSSE3),
  row("palignr", "Vx,Wx,Ib", "66 0F 3A 0F", "palignr", SSSE3),
  row("pblendw", "Vx,Wx,Ib", "66 0F 3A 0E", "pblendw", SSE4_1),
];

/** One source and an immediate. */
export const SSE_SHUFFLE_UNARY: readonly IsaRow[] = [
  row("pshufd", "Vx,Wx,Ib", "66 0F 70", "pshufd", SSE2),
  row("pshufhw", "Vx,Wx,Ib", "F3 0F 70", "pshufhw", SSE2),
  row("pshuflw", "Vx,Wx,Ib", "F2 0F 70", "pshuflw", SSE2),
];

/** The mask is XMM0. VEX has other opcodes for these. */
const BLEND_BY_XMM0: readonly IsaRow[] = [
  row("pblendvb", "Vdq,Wdq", "66 0F 38 10", "pblendvb", SSE4_1),
  row("blendvps", "Vdq,Wdq", "66 0F 38 14", "blendvps", SSE4_1),
  row("blendvpd", "Vdq,Wdq", "66 0F 38 15", "blendvpd", SSE4_1),
];

export const SSE_EXTRACT: readonly IsaRow[] = [
  row("pextrw", "Gd,Udq,Ib", "66 0F C5", "pextrw", SSE2),
  row("pextrb", "Rd,Vdq,Ib", "66 0F 3A 14", "pextrb", SSE4_1),
  row("pextrb", "Mb,Vdq,Ib", "66 0F 3A 14", "pextrb", SSE4_1),
  row("pextrw", "Rd,Vdq,Ib", "66 0F 3A 15", "pextrw", SSE4_1),
  row("pextrw", "Mw,Vdq,Ib", "66 0F 3A 15", "pextrw", SSE4_1),
  row("pextrd", "Ed,Vdq,Ib", "66 0F 3A 16", "pextrd", SSE4_1),
  row("pextrq", "Eq,Vdq,Ib", "66 REX.W 0F 3A 16", "pextrd", SSE4_1),
  row("extractps", "Ed,Vdq,Ib", "66 0F 3A 17", "pextrd", SSE4_1),
];

export const SSE_INSERT: readonly IsaRow[] = [
  row("pinsrw", "Vdq,Rd,Ib", "66 0F C4", "pinsrw", SSE2),
  row("pinsrw", "Vdq,Mw,Ib", "66 0F C4", "pinsrw", SSE2),
  row("pinsrb", "Vdq,Rd,Ib", "66 0F 3A 20", "pinsrb", SSE4_1),
  row("pinsrb", "Vdq,Mb,Ib", "66 0F 3A 20", "pinsrb", SSE4_1),
  row("insertps", "Vdq,Wd,Ib", "66 0F 3A 21", "insertps", SSE4_1),
  row("pinsrd", "Vdq,Ed,Ib", "66 0F 3A 22", "pinsrd", SSE4_1),
  row("pinsrq", "Vdq,Eq,Ib", "66 REX.W 0F 3A 22", "pinsrd", SSE4_1),
];

export const SSE_SHUFFLE_ROWS: readonly IsaRow[] = [
  ...SSE_SHUFFLE_FLOAT,
  ...SSE_SHUFFLE_INTEGER,
  ...SSE_SHUFFLE_UNARY,
  ...BLEND_BY_XMM0,
  ...SSE_EXTRACT,
  ...SSE_INSERT,
];
