// SPDX-License-Identifier: BSD-2-Clause
// MMX: SDM 1 chapter 9, and what SSE, SSE2 and SSSE3 added to its registers. The XMM forms of the same
// instructions, under other prefixes, are elsewhere.
import type { Operation } from "./operations.ts";
import { type IsaRow, type RowOptions, row, withOptions } from "./row.ts";

type Entry = readonly [mnemonic: string, opcode: string, op: Operation];

/** P = P operation Q. */
function binary(feature: RowOptions["feature"], entries: readonly Entry[]): IsaRow[] {
  const options: RowOptions = feature === undefined ? {} : { feature };
  return entries.map(([mnemonic, opcode, op]) =>
    row(mnemonic, "P,Qq", `NP ${opcode}`, op, options),
  );
}

const ORIGINAL = binary("MMX", [
  ["packsswb", "0F 63", "mmxPacksswb"],
  ["pcmpgtb", "0F 64", "mmxPcmpgtb"],
  ["pcmpgtw", "0F 65", "mmxPcmpgtw"],
  ["pcmpgtd", "0F 66", "mmxPcmpgtd"],
  ["packuswb", "0F 67", "mmxPackuswb"],
  ["punpckhbw", "0F 68", "mmxPunpckhbw"],
  ["punpckhwd", "0F 69", "mmxPunpckhwd"],
  ["punpckhdq", "0F 6A", "mmxPunpckhdq"],
  ["packssdw", "0F 6B", "mmxPackssdw"],
  ["pcmpeqb", "0F 74", "mmxPcmpeqb"],
  ["pcmpeqw", "0F 75", "mmxPcmpeqw"],
  ["pcmpeqd", "0F 76", "mmxPcmpeqd"],
  ["psrlw", "0F D1", "mmxPsrlw"],
  ["psrld", "0F D2", "mmxPsrld"],
  ["psrlq", "0F D3", "mmxPsrlq"],
  ["pmullw", "0F D5", "mmxPmullw"],
  ["psubusb", "0F D8", "mmxPsubusb"],
  ["psubusw", "0F D9", "mmxPsubusw"],
  ["pand", "0F DB", "mmxPand"],
  ["paddusb", "0F DC", "mmxPaddusb"],
  ["paddusw", "0F DD", "mmxPaddusw"],
  ["pandn", "0F DF", "mmxPandn"],
  ["psraw", "0F E1", "mmxPsraw"],
  ["psrad", "0F E2", "mmxPsrad"],
  ["pmulhw", "0F E5", "mmxPmulhw"],
  ["psubsb", "0F E8", "mmxPsubsb"],
  ["psubsw", "0F E9", "mmxPsubsw"],
  ["por", "0F EB", "mmxPor"],
  ["paddsb", "0F EC", "mmxPaddsb"],
  ["paddsw", "0F ED", "mmxPaddsw"],
  ["pxor", "0F EF", "mmxPxor"],
  ["psllw", "0F F1", "mmxPsllw"],
  ["pslld", "0F F2", "mmxPslld"],
  ["psllq", "0F F3", "mmxPsllq"],
  ["pmaddwd", "0F F5", "mmxPmaddwd"],
  ["psubb", "0F F8", "mmxPsubb"],
  ["psubw", "0F F9", "mmxPsubw"],
  ["psubd", "0F FA", "mmxPsubd"],
  ["paddb", "0F FC", "mmxPaddb"],
  ["paddw", "0F FD", "mmxPaddw"],
  ["paddd", "0F FE", "mmxPaddd"],
]);

/** The three that read no more than four bytes of memory. */
const LOW_UNPACKS: readonly IsaRow[] = [
  row("punpcklbw", "P,Qd", "NP 0F 60", "mmxPunpcklbw"),
  row("punpcklwd", "P,Qd", "NP 0F 61", "mmxPunpcklwd"),
  row("punpckldq", "P,Qd", "NP 0F 62", "mmxPunpckldq"),
];

const MOVES: readonly IsaRow[] = [
  row("movd", "P,Ed", "NP 0F 6E", "mmxMovdLoad"),
  row("movq", "P,Eq", "NP REX.W 0F 6E", "mmxMovdLoad"),
  row("movd", "Ed,P", "NP 0F 7E", "mmxMovdStore"),
  row("movq", "Eq,P", "NP REX.W 0F 7E", "mmxMovdStore"),
  row("movq", "P,Qq", "NP 0F 6F", "mmxMovqLoad"),
  row("movq", "Qq,P", "NP 0F 7F", "mmxMovqStore"),
  row("emms", "", "NP 0F 77", "emms"),
];

/** Shifts by an immediate: the operations are those of shifts by a register. */
const SHIFTS: readonly IsaRow[] = [
  row("psrlw", "N,Ib", "NP 0F 71 /2", "mmxPsrlw"),
  row("psraw", "N,Ib", "NP 0F 71 /4", "mmxPsraw"),
  row("psllw", "N,Ib", "NP 0F 71 /6", "mmxPsllw"),
  row("psrld", "N,Ib", "NP 0F 72 /2", "mmxPsrld"),
  row("psrad", "N,Ib", "NP 0F 72 /4", "mmxPsrad"),
  row("pslld", "N,Ib", "NP 0F 72 /6", "mmxPslld"),
  row("psrlq", "N,Ib", "NP 0F 73 /2", "mmxPsrlq"),
  row("psllq", "N,Ib", "NP 0F 73 /6", "mmxPsllq"),
];

const SSE_ROWS: readonly IsaRow[] = [
  ...binary("SSE", [
    ["pminub", "0F DA", "mmxPminub"],
    ["pmaxub", "0F DE", "mmxPmaxub"],
    ["pavgb", "0F E0", "mmxPavgb"],
    ["pavgw", "0F E3", "mmxPavgw"],
    ["pmulhuw", "0F E4", "mmxPmulhuw"],
    ["pminsw", "0F EA", "mmxPminsw"],
    ["pmaxsw", "0F EE", "mmxPmaxsw"],
    ["psadbw", "0F F6", "mmxPsadbw"],
  ]),
  ...withOptions({ feature: "SSE" }, [
    row("pshufw", "P,Qq,Ib", "NP 0F 70", "mmxPshufw"),
    row("pinsrw", "P,Rd,Ib", "NP 0F C4", "mmxPinsrw"),
    row("pinsrw", "P,Mw,Ib", "NP 0F C4", "mmxPinsrw"),
    row("pextrw", "Gd,N,Ib", "NP 0F C5", "mmxPextrw"),
    row("pmovmskb", "Gd,N", "NP 0F D7", "mmxPmovmskb"),
    row("movntq", "Mq,P", "NP 0F E7", "mmxMovqStore"),
    row("maskmovq", "P,N", "NP 0F F7", "mmxMaskmovq"),
    row("cvtpi2ps", "V,Qq", "NP 0F 2A", "cvtpi2ps"),
    row("cvttps2pi", "P,Wq", "NP 0F 2C", "cvttps2pi"),
    row("cvtps2pi", "P,Wq", "NP 0F 2D", "cvtps2pi"),
  ]),
];

const SSE2_ROWS: readonly IsaRow[] = [
  ...binary("SSE2", [
    ["paddq", "0F D4", "mmxPaddq"],
    ["pmuludq", "0F F4", "mmxPmuludq"],
    ["psubq", "0F FB", "mmxPsubq"],
  ]),
  ...withOptions({ feature: "SSE2" }, [
    row("movq2dq", "V,N", "F3 0F D6", "movq2dq"),
    row("movdq2q", "P,U", "F2 0F D6", "movdq2q"),
    row("cvtpi2pd", "V,Qq", "66 0F 2A", "cvtpi2pd"),
    row("cvttpd2pi", "P,Wdq", "66 0F 2C", "cvttpd2pi"),
    row("cvtpd2pi", "P,Wdq", "66 0F 2D", "cvtpd2pi"),
  ]),
];

const SSSE3_ROWS: readonly IsaRow[] = [
  ...binary("SSSE3", [
    ["pshufb", "0F 38 00", "mmxPshufb"],
    ["phaddw", "0F 38 01", "mmxPhaddw"],
    ["phaddd", "0F 38 02", "mmxPhaddd"],
    ["phaddsw", "0F 38 03", "mmxPhaddsw"],
    ["pmaddubsw", "0F 38 04", "mmxPmaddubsw"],
    ["phsubw", "0F 38 05", "mmxPhsubw"],
    ["phsubd", "0F 38 06", "mmxPhsubd"],
    ["phsubsw", "0F 38 07", "mmxPhsubsw"],
    ["psignb", "0F 38 08", "mmxPsignb"],
    ["psignw", "0F 38 09", "mmxPsignw"],
    ["psignd", "0F 38 0A", "mmxPsignd"],
    ["pmulhrsw", "0F 38 0B", "mmxPmulhrsw"],
    ["pabsb", "0F 38 1C", "mmxPabsb"],
    ["pabsw", "0F 38 1D", "mmxPabsw"],
    ["pabsd", "0F 38 1E", "mmxPabsd"],
  ]),
  row("palignr", "P,Qq,Ib", "NP 0F 3A 0F", "mmxPalignr", { feature: "SSSE3" }),
];

export const MMX_ROWS: readonly IsaRow[] = [
  ...ORIGINAL,
  ...withOptions({ feature: "MMX" }, [...LOW_UNPACKS, ...MOVES, ...SHIFTS]),
  ...SSE_ROWS,
  ...SSE2_ROWS,
  ...SSSE3_ROWS,
];
