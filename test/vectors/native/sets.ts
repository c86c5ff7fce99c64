// SPDX-License-Identifier: BSD-2-Clause
// The vectors that are kept in test/vectors/data: one file for each family of features, recorded by
// `npm run vectors:generate -- --sets`, small enough to run every time.
import type { Feature } from "../../../src/cpu/isa/row.ts";
import type { ParsedRow } from "../../../src/cpu/isa/table.ts";
import { recordableRows } from "./generator.ts";

export const DATA_DIRECTORY = "test/vectors/data";

export interface VectorSet {
  /** The file is called so, and ends in .jsonl.gz. */
  readonly name: string;
  readonly features: readonly Feature[];
  readonly seed: number;
  readonly perRow: number;
}

const SEED = 20_251_122;

/** Rows of features that no set names are in the first. */
const INTEGER: VectorSet = { name: "integer", features: [], seed: SEED, perRow: 60 };

const SSE: readonly Feature[] = ["SSE", "SSE2", "SSE3", "SSSE3", "SSE4_1", "SSE4_2"];

export const VECTOR_SETS: readonly VectorSet[] = [
  INTEGER,
  { name: "x87", features: ["X87"], seed: SEED, perRow: 40 },
  { name: "mmx", features: ["MMX"], seed: SEED, perRow: 40 },
  { name: "sse", features: [...SSE, "FXSR"], seed: SEED, perRow: 36 },
  { name: "avx", features: ["AVX", "AVX2", "F16C", "XSAVE"], seed: SEED, perRow: 24 },
  { name: "fma", features: ["FMA"], seed: SEED, perRow: 20 },
  { name: "crypto", features: ["AES", "PCLMULQDQ", "SHA"], seed: SEED, perRow: 40 },
];

export function rowsOf(set: VectorSet): ParsedRow[] {
  return recordableRows().filter((parsed) => setOf(parsed) === set);
}

function setOf({ row }: ParsedRow): VectorSet {
  const { feature } = row;
  if (feature === undefined) return INTEGER;
  return VECTOR_SETS.find(({ features }) => features.includes(feature)) ?? INTEGER;
}

export function setPath({ name }: VectorSet): string {
  return `${DATA_DIRECTORY}/${name}.jsonl.gz`;
}
