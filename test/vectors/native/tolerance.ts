// SPDX-License-Identifier: BSD-2-Clause
// x87 functions whose results are not exact: SDM 1 8.3.10 allows an error of one unit in the last place, so
// two processors may differ by two. A recorded result stands for its neighbours where these differ from it in
// the last three bits alone; where a carry would go further it is not recorded.
import type { Operation } from "../../../src/cpu/isa/operations.ts";
import type { IsaRow } from "../../../src/cpu/isa/row.ts";
import { FCW_AT, FIELD_BY_NAME, FSW_AT, type Snapshot } from "../snapshot.ts";
import type { Vector } from "../vector.ts";

/** The same bit of the status word and, as a mask, of the control word. */
const STATUS_PE = 0x20;
const STATUS_C1 = 0x200;
const OPEN_BITS = 7n;

/** The stack registers that hold results which are rounded from an approximation. */
const RESULTS: Readonly<Partial<Record<Operation, readonly string[]>>> = {
  f2xm1: ["st0"],
  fyl2x: ["st0"],
  fyl2xp1: ["st0"],
  fptan: ["st1"],
  fpatan: ["st0"],
  fsin: ["st0"],
  fcos: ["st0"],
  fsincos: ["st0", "st1"],
};

export type UndefinedBits = Vector["undefinedBits"];

/** Bits that may differ although both processors are right; undefined if they cannot be told. */
export function inexactBits({ op }: IsaRow, after: Snapshot): UndefinedBits | undefined {
  const results = RESULTS[op];
  // Exact results, NaNs and infinities are the same everywhere.
  if (results === undefined || (after.view.getUint16(FSW_AT, true) & STATUS_PE) === 0) return [];
  // A result that happens to be exact is not so for everybody.
  if ((after.view.getUint16(FCW_AT, true) & STATUS_PE) === 0) return undefined;
  const fields = results.map((name) => FIELD_BY_NAME.get(name)!);
  const isTold = fields.every((field) => {
    const last = after.read(field) & OPEN_BITS;
    return last >= 2n && last <= OPEN_BITS - 2n;
  });
  if (!isTold) return undefined;
  return [
    { field: FIELD_BY_NAME.get("fsw")!, mask: BigInt(STATUS_C1 | STATUS_PE) },
    ...fields.map((field) => ({ field, mask: OPEN_BITS })),
  ];
}
