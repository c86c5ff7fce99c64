// SPDX-License-Identifier: BSD-2-Clause
// vm.json and the runners' marks as they are read back: whoever has had the disk meanwhile, nothing of another shape
// gets further than here.
import { MAX_RAM, MIN_RAM } from "../mmu/guest-memory.ts";
import type { VmStage } from "../vmm/registry.ts";
import type { VmRemains } from "../vmm/remains.ts";
import { SUSPEND_STATUS, type SuspendHow } from "../vmm/suspend.ts";
import type { ProcessIdentity } from "./process-identity.ts";

/** vm.json. */
export interface StoredVm {
  readonly version: 1;
  readonly stage: VmStage;
  readonly generation: number;
  readonly memoryBytes: number;
  readonly suspended?: SuspendHow;
  readonly config: Record<string, string>;
  readonly symbols?: { readonly start: number; readonly end: number };
  readonly remains?: VmRemains;
  /** Number of the runner's mark under which this was written: crashes up to it are history. */
  readonly mark: number;
}

/** What a mark's file says. */
export interface RunnerMark extends ProcessIdentity {
  readonly isReleased: boolean;
  /** The latest mark whose process died with it. */
  readonly crashedAt: number;
}

type Check = (value: unknown) => boolean;
type Shape = Readonly<Record<string, Check>>;

const isFlag: Check = (value) => typeof value === "boolean";
const isText: Check = (value) => typeof value === "string";
const isWhole: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const isByte: Check = (value) => isWhole(value) && (value as number) < 256;
const isNumber: Check = (value) => typeof value === "number" && Number.isFinite(value);
const isOneOf =
  (choices: readonly unknown[]): Check =>
  (value) =>
    choices.includes(value);
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const isMemorySize: Check = (value) =>
  value === 0 || (isWhole(value) && (value as number) >= MIN_RAM && (value as number) <= MAX_RAM);
const isTextRecord: Check = (value) => isRecord(value) && Object.values(value).every(isText);

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const shaped =
  (shape: Shape): Check =>
  (value) =>
    isRecord(value) && Object.entries(shape).every(([name, check]) => check(value[name]));

const isStatistic: Check = (value) =>
  Array.isArray(value) && value.length === 2 && isText(value[0]) && isNumber(value[1]);

const isRemains: Check = shaped({
  hasRun: isFlag,
  stats: listOf(isStatistic),
  exitReason: isWhole,
  isX2apic: isFlag,
  exitsOnHlt: isFlag,
  exitsOnPause: isFlag,
  nvram: listOf(isByte),
  rtcAheadSeconds: isNumber,
});

const STAGES: readonly VmStage[] = ["empty", "loaded", "suspended", "crashed"];

const isStoredVm: Check = shaped({
  version: isOneOf([1]),
  stage: isOneOf(STAGES),
  generation: isWhole,
  memoryBytes: isMemorySize,
  suspended: optional(isOneOf(Object.keys(SUSPEND_STATUS))),
  config: isTextRecord,
  symbols: optional(shaped({ start: isWhole, end: isWhole })),
  remains: optional(isRemains),
  mark: isWhole,
});

const isRunnerMark: Check = shaped({
  pid: (value) => isWhole(value) && (value as number) > 0,
  started: isText,
  isReleased: isFlag,
  crashedAt: isWhole,
});

/** Undefined for what is no VM's record. */
export function parseStoredVm(text: string): StoredVm | undefined {
  const value = parse(text);
  return isStoredVm(value) ? (value as StoredVm) : undefined;
}

/** Undefined for what is no mark. */
export function parseRunnerMark(text: string): RunnerMark | undefined {
  const value = parse(text);
  return isRunnerMark(value) ? (value as RunnerMark) : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
