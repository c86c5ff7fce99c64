// SPDX-License-Identifier: BSD-2-Clause
// SSE4.2's string comparisons. Memory operands need no alignment. SDM 2 4.1.
import { type IsaRow, row, withOptions } from "./row.ts";

export const SSE_STRING_ROWS: readonly IsaRow[] = withOptions(
  { feature: "SSE4_2", flags: "mmm00m" },
  [
    row("pcmpestrm", "Vdq,Wdq,Ib", "66 0F 3A 60", "pcmpestrm"),
    row("pcmpestri", "Vdq,Wdq,Ib", "66 0F 3A 61", "pcmpestri"),
    row("pcmpistrm", "Vdq,Wdq,Ib", "66 0F 3A 62", "pcmpistrm"),
    row("pcmpistri", "Vdq,Wdq,Ib", "66 0F 3A 63", "pcmpistri"),
  ],
);
