// SPDX-License-Identifier: BSD-2-Clause
// Executors of F16C: conversions between half and single precision.
import { HI } from "../../mmu/machine-layout.ts";
import type { Cpu } from "../cpu.ts";
import { IMM, SLOT_MEMORY } from "../decode/record.ts";
import { roundingMode } from "../simd/float-convert.ts";
import { halfToSingle, singleToHalf } from "../simd/float-half.ts";
import { slotA } from "./operands.ts";
import {
  beginVector,
  clearUpper,
  copy128,
  destination,
  isWide,
  operand64,
  operand128,
  secondRegister,
  secondSlot,
} from "./vector.ts";
import { endPacked, RESULT, settleExceptions } from "./vector-float.ts";

function vcvtph2ps(cpu: Cpu, p: number): void {
  beginVector(cpu, p);
  const slot = secondSlot(cpu, p);
  const count = isWide(cpu, p) ? 8 : 4;
  const b = count === 8 ? operand128(cpu, p, slot) : operand64(cpu, p, slot);
  for (let i = 0; i < count; i++) halfToSingle(cpu, RESULT + i, cpu.words[2 * b + i]!);
  endPacked(cpu, p, destination(cpu, p), RESULT);
}

/** Immediate bit 2: round as MXCSR says, else as bits 1:0 say. */
function vcvtps2ph(cpu: Cpu, p: number): void {
  beginVector(cpu, p);
  const { s, mem } = cpu;
  const count = isWide(cpu, p) ? 8 : 4;
  const isStore = slotA(cpu, p) === SLOT_MEMORY;
  const lo = isStore ? cpu.ea(p, 2 * count, true) : 0;
  const hi = s[HI]!;
  // The store's faults go before exceptions of the conversion.
  if (isStore) {
    mem.checkAlignment(lo, hi, 8);
    mem.probeWrite(lo, hi, 2 * count);
  }
  const b = secondRegister(cpu, p);
  const imm = cpu.code[p + IMM]!;
  const mode = (imm & 4) !== 0 ? roundingMode(cpu) : imm & 3;
  s.fill(0, RESULT, RESULT + 4);
  for (let i = 0; i < count; i++) cpu.words[2 * RESULT + i] = singleToHalf(cpu, b + i, mode);
  settleExceptions(cpu);
  if (!isStore) {
    const d = destination(cpu, p);
    copy128(s, d, RESULT);
    clearUpper(s, d);
  } else if (count === 8) mem.store128(lo, hi, RESULT);
  else mem.store64(lo, hi, s[RESULT]!, s[RESULT + 1]!);
}

export const HALF_EXECUTORS = { vcvtph2ps, vcvtps2ph } as const;
