// SPDX-License-Identifier: BSD-2-Clause
// Which rows random programs are made of: everything with an outcome that belongs to the program. Branches
// come in patterns of their own (patterns.ts).
import type { Operation } from "../../../src/cpu/isa/operations.ts";
import { PARSED_ROWS, type ParsedRow } from "../../../src/cpu/isa/table.ts";
import { processorModel } from "../../../src/cpu/model.ts";
import { existsIn } from "../choices.ts";
import { recordableRows } from "../native/generator.ts";
import { VECTOR_FEATURES } from "../native/scenario.ts";

/** Results that are not exact, or that tell what processors keep in different ways. */
const NOT_PORTABLE: ReadonlySet<Operation> = new Set<Operation>([
  ...(["f2xm1", "fyl2x", "fyl2xp1", "fptan", "fpatan", "fsin", "fcos", "fsincos"] as const),
  ...(["rcpps", "rcpss", "rsqrtps", "rsqrtss"] as const),
  // The pointers to the last instruction, which AMD keeps for exceptions alone.
  ...(["fnstenv", "fnsave", "fxsave", "xsave"] as const),
]);

/** Ends of blocks that programs may have in their middle. */
const MAY_END: ReadonlySet<Operation> = new Set<Operation>(["popf", "popSegment", "movToSegment"]);

/** What only our own engines can be asked about. */
const OURS_ALONE: ReadonlySet<Operation> = new Set<Operation>(["cpuid", "xgetbv", "rdpid"]);

export interface RowChoice {
  readonly integer: readonly ParsedRow[];
  readonly vector: readonly ParsedRow[];
}

function isVector({ row }: ParsedRow): boolean {
  return row.feature !== undefined && VECTOR_FEATURES.has(row.feature);
}

/** Rows for programs that run on the host as well, or on our engines alone. */
export function programRows(isPortable: boolean): RowChoice {
  const recordable = new Set(recordableRows());
  const { features } = processorModel();
  const rows = PARSED_ROWS.filter((parsed) => {
    const { op, ends, feature } = parsed.row;
    if (!existsIn(parsed, 64) || (feature !== undefined && !features.has(feature))) return false;
    if (ends !== undefined && !MAY_END.has(op)) return !isPortable && OURS_ALONE.has(op);
    if (!isPortable) return recordable.has(parsed) || isVector(parsed);
    return recordable.has(parsed) && !NOT_PORTABLE.has(op);
  });
  return {
    integer: rows.filter((parsed) => !isVector(parsed)),
    vector: rows.filter(isVector),
  };
}

/** The one row of this mnemonic with these operands. */
export function rowNamed(mnemonic: string, operands: string): ParsedRow {
  return PARSED_ROWS.find(
    (parsed) =>
      existsIn(parsed, 64) && parsed.row.mnemonic === mnemonic && parsed.row.operands === operands,
  )!;
}

export const BRANCH_ROWS: readonly ParsedRow[] = PARSED_ROWS.filter(
  ({ row }) => row.op === "jcc" || row.op === "jmp" || row.op === "jcxz",
);
