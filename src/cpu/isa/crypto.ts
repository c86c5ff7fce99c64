// SPDX-License-Identifier: BSD-2-Clause
// AES-NI, PCLMULQDQ and SHA: SDM 2, SDM 1 12.13 and 12.14. The VEX forms with 256 bits (VAES, VPCLMULQDQ) are
// not offered; SHA has no VEX forms.
import { type IsaRow, row, withOptions } from "./row.ts";
import { sameOperands, threeOperands, vexForm } from "./vex.ts";

const AES_ROUNDS: readonly IsaRow[] = withOptions({ feature: "AES" }, [
  row("aesenc", "Vdq,Wdq", "66 0F 38 DC", "aesenc"),
  row("aesenclast", "Vdq,Wdq", "66 0F 38 DD", "aesenclast"),
  row("aesdec", "Vdq,Wdq", "66 0F 38 DE", "aesdec"),
  row("aesdeclast", "Vdq,Wdq", "66 0F 38 DF", "aesdeclast"),
]);

const AES_KEYS: readonly IsaRow[] = withOptions({ feature: "AES" }, [
  row("aesimc", "Vdq,Wdq", "66 0F 38 DB", "aesimc"),
  row("aeskeygenassist", "Vdq,Wdq,Ib", "66 0F 3A DF", "aeskeygenassist"),
]);

const CARRYLESS: readonly IsaRow[] = [
  row("pclmulqdq", "Vdq,Wdq,Ib", "66 0F 3A 44", "pclmulqdq", { feature: "PCLMULQDQ" }),
];

const SHA: readonly IsaRow[] = withOptions({ feature: "SHA" }, [
  row("sha1nexte", "Vdq,Wdq", "NP 0F 38 C8", "sha1nexte"),
  row("sha1msg1", "Vdq,Wdq", "NP 0F 38 C9", "sha1msg1"),
  row("sha1msg2", "Vdq,Wdq", "NP 0F 38 CA", "sha1msg2"),
  row("sha256rnds2", "Vdq,Wdq", "NP 0F 38 CB", "sha256rnds2"),
  row("sha256msg1", "Vdq,Wdq", "NP 0F 38 CC", "sha256msg1"),
  row("sha256msg2", "Vdq,Wdq", "NP 0F 38 CD", "sha256msg2"),
  row("sha1rnds4", "Vdq,Wdq,Ib", "NP 0F 3A CC", "sha1rnds4"),
]);

/** A VEX form is there if AVX is, too: both come from the same model, which has AVX where it has these. */
const vexed = (rows: readonly IsaRow[], rule: typeof sameOperands): IsaRow[] =>
  rows.map((each) =>
    vexForm(each, {
      length: "128",
      feature: each.feature!,
      operands: rule(each.operands),
    }),
  );

export const CRYPTO_ROWS: readonly IsaRow[] = [
  ...AES_ROUNDS,
  ...AES_KEYS,
  ...CARRYLESS,
  ...SHA,
  ...vexed([...AES_ROUNDS, ...CARRYLESS], threeOperands),
  ...vexed(AES_KEYS, sameOperands),
];
