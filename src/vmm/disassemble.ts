// SPDX-License-Identifier: BSD-2-Clause
import { hex } from "../base/bits.ts";
import { pairToBigInt } from "../base/u64.ts";
import type { Cpu } from "../cpu/cpu.ts";
import { CS, RIP, SEG_BASE, SEG_WORDS, SEGMENTS } from "../cpu/state-layout.ts";
import { ACCESS_READ, GUEST_FAULT } from "../mmu/page-fault.ts";

const LONGEST = 15;

/** The bytes at a vCPU's RIP as text, as far as they can be read. Changes nothing the guest could notice. */
export function instructionText(cpu: Cpu): string {
  const { s } = cpu;
  const base = cpu.is64 ? 0 : s[SEGMENTS + CS * SEG_WORDS + SEG_BASE]!;
  const lo = (s[RIP]! + base) | 0;
  let text = "";
  try {
    for (let i = 0; i < LONGEST; i++) {
      const offset = cpu.mem.translate((lo + i) | 0, s[RIP + 1]!, ACCESS_READ);
      if (offset < 0) break;
      text += cpu.memory.bytes[offset]!.toString(16).padStart(2, "0");
    }
  } catch (signal) {
    if (signal !== GUEST_FAULT) throw signal;
  }
  return text === "" ? `(nothing at ${hex(pairToBigInt(lo, s[RIP + 1]!))})` : text;
}
