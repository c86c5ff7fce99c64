// SPDX-License-Identifier: BSD-2-Clause
// Results that are not exact: x87 functions, to which SDM 1 8.3.10 allows an error of one unit in the last
// place, and the approximations RCPPS and RSQRTPS, which SDM 2 allows 1.5 * 2^-12 of the value. Two processors
// may differ by twice as much. A recorded result stands for its neighbours where these differ from it in the
// last bits alone; where a carry could go further it is not recorded.
import type { Operation } from "../../../src/cpu/isa/operations.ts";
import type { Choice } from "../encoder.ts";
import { FCW_AT, FIELD_BY_NAME, FSW_AT, type RegisterField, type Snapshot } from "../snapshot.ts";
import type { Vector } from "../vector.ts";

/** The same bit of the status word and, as a mask, of the control word. */
const STATUS_PE = 0x20;
const STATUS_C1 = 0x200;

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

const APPROXIMATE: ReadonlySet<Operation> = new Set<Operation>([
  "rcpps",
  "rcpss",
  "rsqrtps",
  "rsqrtss",
]);

/** What a register holds may differ in the low `bits` bits, by `error` units. */
interface Tolerance {
  readonly field: RegisterField;
  readonly at: number;
  readonly bits: number;
  readonly error: bigint;
}

const EXTENDED = { at: 0, bits: 3, error: 2n };
/** Of 23 bits: 2 * 1.5 * 2^-12 of a significand below 2. */
const APPROXIMATION = { bits: 14, error: 6144n };

export type UndefinedBits = Vector["undefinedBits"];

/** Bits that may differ although both processors are right; undefined if they cannot be told. */
export function inexactBits(choice: Choice, after: Snapshot): UndefinedBits | undefined {
  const { row } = choice.parsed;
  const results = RESULTS[row.op];
  if (results !== undefined) return inexactFunction(results, after);
  return APPROXIMATE.has(row.op) ? inexactLanes(choice, after) : [];
}

function inexactFunction(results: readonly string[], after: Snapshot): UndefinedBits | undefined {
  // Exact results, NaNs and infinities are the same everywhere.
  if ((after.view.getUint16(FSW_AT, true) & STATUS_PE) === 0) return [];
  // A result that happens to be exact is not so for everybody.
  if ((after.view.getUint16(FCW_AT, true) & STATUS_PE) === 0) return undefined;
  const open = openBits(
    results.map((name) => ({ ...EXTENDED, field: FIELD_BY_NAME.get(name)! })),
    after,
  );
  const status = { field: FIELD_BY_NAME.get("fsw")!, mask: BigInt(STATUS_C1 | STATUS_PE) };
  return open === undefined ? undefined : [status, ...open];
}

function inexactLanes(choice: Choice, after: Snapshot): UndefinedBits | undefined {
  const field = FIELD_BY_NAME.get(`ymm${choice.reg}`)!;
  const isScalar = choice.parsed.row.op.endsWith("ss");
  const count = isScalar ? 1 : choice.vexL === 1 ? 8 : 4;
  const value = after.read(field);
  const lanes = Array.from({ length: count }, (_, lane) => 32 * lane).filter((at) => {
    const exponent = Number((value >> BigInt(at + 23)) & 0xffn);
    // Zeros, infinities and NaNs are the same everywhere.
    return exponent !== 0 && exponent !== 0xff;
  });
  return openBits(
    lanes.map((at) => ({ ...APPROXIMATION, field, at })),
    after,
  );
}

function openBits(tolerances: readonly Tolerance[], after: Snapshot): UndefinedBits | undefined {
  const isTold = tolerances.every(({ field, at, bits, error }) => {
    const last = BigInt.asUintN(bits, after.read(field) >> BigInt(at));
    return last >= error && last < (1n << BigInt(bits)) - error;
  });
  if (!isTold) return undefined;
  return tolerances.map(({ field, at, bits }) => ({
    field,
    mask: ((1n << BigInt(bits)) - 1n) << BigInt(at),
  }));
}
