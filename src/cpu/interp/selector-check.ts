// SPDX-License-Identifier: BSD-2-Clause
// Executors of isa/system.ts that ask what a selector would give without loading it: LAR, LSL, VERR, VERW, and
// ARPL, with which an operating system lowers a caller's selector first. SDM 3A 5.10. None of them faults for what
// the selector names: ZF is the answer.
import type { Cpu } from "../cpu.ts";
import { changeFlags, FLAG_ZF } from "../flags.ts";
import { CPL } from "../state-layout.ts";
import {
  type Descriptor,
  dplOf,
  isCode,
  isConforming,
  isNull,
  isSegment,
  isWritableData,
  limitOf,
  readDescriptor,
  TYPE_CALL_GATE,
  TYPE_CALL_GATE16,
  TYPE_LDT,
  TYPE_TASK_GATE,
  TYPE_TSS,
  TYPE_TSS_BUSY,
  TYPE_TSS16,
  TYPE_TSS16_BUSY,
  typeOf,
} from "../system/descriptor.ts";
import { closeA16, openA16, readA16, readB16, writeSizedA } from "./operands.ts";
import { requireProtected } from "./privilege.ts";

/** Raises the RPL of A to that of B; ZF says whether it had to. */
function arpl(cpu: Cpu, p: number): void {
  requireProtected(cpu, p);
  const source = readB16(cpu, p);
  const value = openA16(cpu, p);
  const isLower = (value & 3) < (source & 3);
  closeA16(cpu, p, isLower ? (value & ~3) | (source & 3) : value);
  changeFlags(cpu.s, FLAG_ZF, isLower ? FLAG_ZF : 0);
}

const LAR_TYPES: ReadonlySet<number> = new Set([
  TYPE_TSS16,
  TYPE_LDT,
  TYPE_TSS16_BUSY,
  TYPE_CALL_GATE16,
  TYPE_TASK_GATE,
  TYPE_TSS,
  TYPE_TSS_BUSY,
  TYPE_CALL_GATE,
]);

const LAR_TYPES_LONG: ReadonlySet<number> = new Set([
  TYPE_LDT,
  TYPE_TSS,
  TYPE_TSS_BUSY,
  TYPE_CALL_GATE,
]);

const LSL_TYPES: ReadonlySet<number> = new Set([
  TYPE_TSS16,
  TYPE_LDT,
  TYPE_TSS16_BUSY,
  TYPE_TSS,
  TYPE_TSS_BUSY,
]);

const LSL_TYPES_LONG: ReadonlySet<number> = new Set([TYPE_LDT, TYPE_TSS, TYPE_TSS_BUSY]);

/** A descriptor that a selector may be asked about, else undefined. */
function visibleDescriptor(
  cpu: Cpu,
  selector: number,
  systemTypes: ReadonlySet<number>,
): Descriptor | undefined {
  if (isNull(selector)) return undefined;
  const descriptor = readDescriptor(cpu, selector);
  if (descriptor === undefined) return undefined;
  const { access } = descriptor;
  if (!isSegment(access) && !systemTypes.has(typeOf(access))) return undefined;
  const weakest = Math.max(cpu.s[CPL]!, selector & 3);
  return isConforming(access) || dplOf(access) >= weakest ? descriptor : undefined;
}

/** LAR and LSL: what a descriptor says, with ZF, or nothing. */
function inspect(
  short: ReadonlySet<number>,
  long: ReadonlySet<number>,
  value: (descriptor: Descriptor) => number,
) {
  return (cpu: Cpu, p: number): void => {
    requireProtected(cpu, p);
    const descriptor = visibleDescriptor(cpu, readB16(cpu, p), cpu.isLongMode ? long : short);
    if (descriptor !== undefined) writeSizedA(cpu, p, value(descriptor), 0);
    changeFlags(cpu.s, FLAG_ZF, descriptor !== undefined ? FLAG_ZF : 0);
  };
}

/** VERR and VERW: could the segment be read, or written, at this privilege level? */
function verify(isAllowed: (access: number) => boolean) {
  return (cpu: Cpu, p: number): void => {
    requireProtected(cpu, p);
    const descriptor = visibleDescriptor(cpu, readA16(cpu, p), new Set());
    const holds = descriptor !== undefined && isAllowed(descriptor.access);
    changeFlags(cpu.s, FLAG_ZF, holds ? FLAG_ZF : 0);
  };
}

export const SELECTOR_CHECK_EXECUTORS = {
  arpl,
  lar: inspect(LAR_TYPES, LAR_TYPES_LONG, ({ hi }) => hi & 0x00ffff00),
  lsl: inspect(LSL_TYPES, LSL_TYPES_LONG, limitOf),
  verr: verify((access) => isSegment(access) && (!isCode(access) || (access & 2) !== 0)),
  verw: verify(isWritableData),
} as const;
