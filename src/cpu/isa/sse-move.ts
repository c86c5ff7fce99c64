// SPDX-License-Identifier: BSD-2-Clause
// Moves between vector registers, general registers and memory: MOVAPS … PMOVMSKB. SDM 2, legacy encodings;
// the VEX ones are made from these rows in avx.ts.
import { type IsaRow, row } from "./row.ts";

const SSE = { feature: "SSE" } as const;
const SSE2 = { feature: "SSE2" } as const;
const SSE3 = { feature: "SSE3" } as const;
const SSE4_1 = { feature: "SSE4_1" } as const;

/** A whole register or 16 bytes of memory, wherever they are or (second list) aligned. */
export const SSE_MOVE_FULL: readonly IsaRow[] = [
  row("movups", "Vx,Wx", "NP 0F 10", "movups", SSE),
  row("movups", "Wx,Vx", "NP 0F 11", "movups", SSE),
  row("movupd", "Vx,Wx", "66 0F 10", "movups", SSE2),
  row("movupd", "Wx,Vx", "66 0F 11", "movups", SSE2),
  row("movdqu", "Vx,Wx", "F3 0F 6F", "movups", SSE2),
  row("movdqu", "Wx,Vx", "F3 0F 7F", "movups", SSE2),
  row("lddqu", "Vx,Mx", "F2 0F F0", "movups", SSE3),
  row("movaps", "Vx,Wx", "NP 0F 28", "movaps", SSE),
  row("movaps", "Wx,Vx", "NP 0F 29", "movaps", SSE),
  row("movapd", "Vx,Wx", "66 0F 28", "movaps", SSE2),
  row("movapd", "Wx,Vx", "66 0F 29", "movaps", SSE2),
  row("movdqa", "Vx,Wx", "66 0F 6F", "movaps", SSE2),
  row("movdqa", "Wx,Vx", "66 0F 7F", "movaps", SSE2),
  row("movntps", "Mx,Vx", "NP 0F 2B", "movaps", SSE),
  row("movntpd", "Mx,Vx", "66 0F 2B", "movaps", SSE2),
  row("movntdq", "Mx,Vx", "66 0F E7", "movaps", SSE2),
  row("movsldup", "Vx,Wx", "F3 0F 12", "movsldup", SSE3),
  row("movshdup", "Vx,Wx", "F3 0F 16", "movshdup", SSE3),
];

/** A hint to keep the line out of the caches; AVX2 widens it. */
export const SSE_MOVNTDQA: readonly IsaRow[] = [
  row("movntdqa", "Vx,Mx", "66 0F 38 2A", "movaps", SSE4_1),
];

export const SSE_MOVDDUP: readonly IsaRow[] = [
  row("movddup", "Vdq,Wq", "F2 0F 12", "movddup", SSE3),
];

/** The lowest element to memory, or from memory with zeroes above it. */
export const SSE_MOVE_SCALAR: readonly IsaRow[] = [
  row("movss", "Vd,Md", "F3 0F 10", "movdToVector", SSE),
  row("movss", "Md,Vd", "F3 0F 11", "movssStore", SSE),
  row("movsd", "Vq,Mq", "F2 0F 10", "movq", SSE2),
  row("movsd", "Mq,Vq", "F2 0F 11", "movq", SSE2),
];

/** Halves of a register likewise. */
export const SSE_MOVE_PART: readonly IsaRow[] = [
  row("movq", "Vq,Wq", "F3 0F 7E", "movq", SSE2),
  row("movq", "Wq,Vq", "66 0F D6", "movq", SSE2),
  row("movlps", "Mq,Vq", "NP 0F 13", "movq", SSE),
  row("movlpd", "Mq,Vq", "66 0F 13", "movq", SSE2),
  row("movhps", "Mq,Vdq", "NP 0F 17", "movhpsStore", SSE),
  row("movhpd", "Mq,Vdq", "66 0F 17", "movhpsStore", SSE2),
];

export const SSE_MOVE_GPR: readonly IsaRow[] = [
  row("movd", "Vd,Ed", "66 0F 6E", "movdToVector", SSE2),
  row("movq", "Vq,Eq", "66 REX.W 0F 6E", "movdToVector", SSE2),
  row("movd", "Ed,Vd", "66 0F 7E", "movdFromVector", SSE2),
  row("movq", "Eq,Vq", "66 REX.W 0F 7E", "movdFromVector", SSE2),
];

/** The lowest element into a register whose others stay. */
export const SSE_MOVE_MERGE_SCALAR: readonly IsaRow[] = [
  row("movss", "Vd,Ud", "F3 0F 10", "movss", SSE),
  row("movss", "Ud,Vd", "F3 0F 11", "movss", SSE),
  row("movsd", "Vq,Uq", "F2 0F 10", "movsd", SSE2),
  row("movsd", "Uq,Vq", "F2 0F 11", "movsd", SSE2),
];

/** Halves likewise. */
export const SSE_MOVE_MERGE: readonly IsaRow[] = [
  row("movlps", "Vq,Mq", "NP 0F 12", "movsd", SSE),
  row("movlpd", "Vq,Mq", "66 0F 12", "movsd", SSE2),
  row("movhps", "Vdq,Mq", "NP 0F 16", "movlhps", SSE),
  row("movhpd", "Vdq,Mq", "66 0F 16", "movlhps", SSE2),
  row("movlhps", "Vdq,Uq", "NP 0F 16", "movlhps", SSE),
  row("movhlps", "Vq,Udq", "NP 0F 12", "movhlps", SSE),
];

export const SSE_MOVE_MASK: readonly IsaRow[] = [
  row("movmskps", "Gd,Ux", "NP 0F 50", "movmskps", SSE),
  row("movmskpd", "Gd,Ux", "66 0F 50", "movmskpd", SSE2),
];

export const SSE_PMOVMSKB: readonly IsaRow[] = [
  row("pmovmskb", "Gd,Ux", "66 0F D7", "pmovmskb", SSE2),
];

export const SSE_MASKMOV: readonly IsaRow[] = [
  row("maskmovdqu", "Vdq,Udq", "66 0F F7", "maskmovdqu", SSE2),
];

export const SSE_MOVE_ROWS: readonly IsaRow[] = [
  ...SSE_MOVE_FULL,
  ...SSE_MOVNTDQA,
  ...SSE_MOVDDUP,
  ...SSE_MOVE_SCALAR,
  ...SSE_MOVE_PART,
  ...SSE_MOVE_GPR,
  ...SSE_MOVE_MERGE_SCALAR,
  ...SSE_MOVE_MERGE,
  ...SSE_MOVE_MASK,
  ...SSE_PMOVMSKB,
  ...SSE_MASKMOV,
];
