// SPDX-License-Identifier: BSD-2-Clause
// BMI1 and BMI2: three-operand instructions on general registers in VEX encoding (SDM 2 §2.3).
import { type IsaRow, row, withOptions } from "./row.ts";

const EXTRACT = "0umuu0";
const LOWEST = "0mmuum";

export const BMI_ROWS: readonly IsaRow[] = [
  ...withOptions({ feature: "BMI1" }, [
    row("andn", "Gy,By,Ey", "VEX.LZ.0F38 F2", "andn", { flags: "0mmuu0" }),
    row("bextr", "Gy,Ey,By", "VEX.LZ.0F38 F7", "bextr", { flags: EXTRACT }),
    row("blsr", "By,Ey", "VEX.LZ.0F38 F3 /1", "blsr", { flags: LOWEST }),
    row("blsmsk", "By,Ey", "VEX.LZ.0F38 F3 /2", "blsmsk", { flags: "0m0uum" }),
    row("blsi", "By,Ey", "VEX.LZ.0F38 F3 /3", "blsi", { flags: LOWEST }),
  ]),
  ...withOptions({ feature: "BMI2" }, [
    row("bzhi", "Gy,Ey,By", "VEX.LZ.0F38 F5", "bzhi", { flags: LOWEST }),
    row("pext", "Gy,By,Ey", "VEX.LZ.F3.0F38 F5", "pext"),
    row("pdep", "Gy,By,Ey", "VEX.LZ.F2.0F38 F5", "pdep"),
    row("mulx", "Gy,By,Ey", "VEX.LZ.F2.0F38 F6", "mulx"),
    row("shlx", "Gy,Ey,By", "VEX.LZ.66.0F38 F7", "shlx"),
    row("sarx", "Gy,Ey,By", "VEX.LZ.F3.0F38 F7", "sarx"),
    row("shrx", "Gy,Ey,By", "VEX.LZ.F2.0F38 F7", "shrx"),
    row("rorx", "Gy,Ey,Ib", "VEX.LZ.F2.0F3A F0", "rorx"),
  ]),
];
