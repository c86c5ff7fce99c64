// SPDX-License-Identifier: BSD-2-Clause
// Conversions on XMM and general registers. SDM 2, legacy encodings; the VEX ones are made from these rows
// in avx.ts. Those with MMX registers are not here.
import { type IsaRow, row } from "./row.ts";

const SSE = { feature: "SSE" } as const;
const SSE2 = { feature: "SSE2" } as const;

/** Elements keep their size. */
export const SSE_CONVERT_SAME: readonly IsaRow[] = [
  row("cvtdq2ps", "Vx,Wx", "NP 0F 5B", "cvtdq2ps", SSE2),
  row("cvtps2dq", "Vx,Wx", "66 0F 5B", "cvtps2dq", SSE2),
  row("cvttps2dq", "Vx,Wx", "F3 0F 5B", "cvttps2dq", SSE2),
];

/** Elements become twice as large. */
export const SSE_CONVERT_WIDER: readonly IsaRow[] = [
  row("cvtps2pd", "Vdq,Wq", "NP 0F 5A", "cvtps2pd", SSE2),
  row("cvtdq2pd", "Vdq,Wq", "F3 0F E6", "cvtdq2pd", SSE2),
];

/** Elements become half as large; the other half of A is zeroed. */
export const SSE_CONVERT_NARROWER: readonly IsaRow[] = [
  row("cvtpd2ps", "Vdq,Wx", "66 0F 5A", "cvtpd2ps", SSE2),
  row("cvttpd2dq", "Vdq,Wx", "66 0F E6", "cvttpd2dq", SSE2),
  row("cvtpd2dq", "Vdq,Wx", "F2 0F E6", "cvtpd2dq", SSE2),
];

/** To the lowest element; the rest of A stays. */
export const SSE_CONVERT_SCALAR: readonly IsaRow[] = [
  row("cvtss2sd", "Vq,Wd", "F3 0F 5A", "cvtss2sd", SSE2),
  row("cvtsd2ss", "Vd,Wq", "F2 0F 5A", "cvtsd2ss", SSE2),
  row("cvtsi2ss", "Vd,Ey", "F3 0F 2A", "cvtsi2ss", SSE),
  row("cvtsi2sd", "Vq,Ey", "F2 0F 2A", "cvtsi2sd", SSE2),
];

export const SSE_CONVERT_TO_GPR: readonly IsaRow[] = [
  row("cvttss2si", "Gy,Wd", "F3 0F 2C", "cvttss2si", SSE),
  row("cvttsd2si", "Gy,Wq", "F2 0F 2C", "cvttsd2si", SSE2),
  row("cvtss2si", "Gy,Wd", "F3 0F 2D", "cvtss2si", SSE),
  row("cvtsd2si", "Gy,Wq", "F2 0F 2D", "cvtsd2si", SSE2),
];

export const SSE_CONVERT_ROWS: readonly IsaRow[] = [
  ...SSE_CONVERT_SAME,
  ...SSE_CONVERT_WIDER,
  ...SSE_CONVERT_NARROWER,
  ...SSE_CONVERT_SCALAR,
  ...SSE_CONVERT_TO_GPR,
];
