// SPDX-License-Identifier: BSD-2-Clause
// From GUEST_FAULT to the guest's handler: SDM 3A 6.5-6.8, 6.15. Faults that meet faults become double
// faults, and those shut the processor down.
import { HI } from "../../mmu/machine-layout.ts";
import { GUEST_FAULT } from "../../mmu/page-fault.ts";
import { type Cpu, FROM_MEMORY } from "../cpu.ts";
import { INFO, INFO_SEGMENT_SHIFT, ROW, SLOT_MEMORY, SLOTS } from "../decode/record.ts";
import { linearAddress } from "../ea.ts";
import { FLAG_RF, readFlags } from "../flags.ts";
import type { Operation } from "../isa/operations.ts";
import { ISA_ROWS } from "../isa/table.ts";
import { ACTIVITY_SHUTDOWN, CR2, CURRENT, DR6, DR7, GPR, RSP, SS } from "../state-layout.ts";
import { AC, DB, DE, DF, GP, NP, PF, SS_FAULT, TS } from "../vectors.ts";
import { deliver } from "./interrupt.ts";

const DR7_GD = 1 << 13;

/** Exceptions that push an error code. */
const HAS_ERROR_CODE: ReadonlySet<number> = new Set([DF, TS, NP, SS_FAULT, GP, PF, AC]);
const CONTRIBUTORY: ReadonlySet<number> = new Set([DE, TS, NP, SS_FAULT, GP]);

/** Operations whose implicit accesses go to the stack. */
const USES_STACK: ReadonlySet<Operation> = new Set<Operation>([
  "push",
  "pop",
  "pushf",
  "popf",
  "pushSegment",
  "popSegment",
  "call",
  "callIndirect",
  "callFarIndirect",
  "ret",
  "retFar",
  "enter",
  "leave",
  "iret",
]);

/** Handles the GUEST_FAULT that the instruction in execution has thrown. */
export function handleFault(cpu: Cpu): void {
  const { vector, errorCode } = describeFault(cpu);
  cpu.rewind();
  // It has not happened: neither its traps, nor that what held traps and interrupts off for it still does.
  cpu.pendingDebug = cpu.heldDebug;
  cpu.shadowAt = -1;
  raiseException(cpu, vector, errorCode, true);
}

/** The fault's vector and code; a page fault's address goes to CR2. The record is cleared for the next one. */
function describeFault(cpu: Cpu): { vector: number; errorCode: number } {
  const { s } = cpu;
  if (cpu.faultVector !== FROM_MEMORY) {
    const description = { vector: cpu.faultVector, errorCode: cpu.faultCode };
    cpu.faultVector = FROM_MEMORY;
    return description;
  }
  const { fault } = cpu.mem;
  if (fault.isNonCanonical) return { vector: isStackFault(cpu) ? SS_FAULT : GP, errorCode: 0 };
  s[CR2] = fault.lo;
  s[CR2 + 1] = fault.hi;
  return { vector: PF, errorCode: fault.errorCode };
}

/** A non-canonical stack access raises #SS: by SS as the operand's segment, or by the instruction itself. */
function isStackFault(cpu: Cpu): boolean {
  const { s, code, mem } = cpu;
  const p = s[CURRENT]!;
  if (p === 0) return false;
  const { op } = ISA_ROWS[code[p + ROW]!]!;
  const slots = code[p + SLOTS]!;
  if (USES_STACK.has(op)) {
    if ((slots & 0xff) !== SLOT_MEMORY && ((slots >>> 8) & 0xff) !== SLOT_MEMORY) return true;
    // POP reads the stack before it looks at its operand, the others the other way round.
    const sp = GPR + 2 * RSP;
    const isAtTop = mem.fault.lo === s[sp] && mem.fault.hi === s[sp + 1];
    if (op === "pop" ? isAtTop : !isOperandFault(cpu, p)) return true;
  }
  return ((code[p + INFO]! >>> INFO_SEGMENT_SHIFT) & 7) === SS;
}

/** The fault lies in the memory operand of the instruction at `p`. */
function isOperandFault(cpu: Cpu, p: number): boolean {
  const { fault } = cpu.mem;
  const lo = linearAddress(cpu, p, 1, false);
  const distance = (fault.lo - lo) | 0;
  const carry = fault.lo >>> 0 < distance >>> 0 ? 1 : 0;
  return distance >= 0 && distance < 16 && fault.hi === ((cpu.s[HI]! + carry) | 0);
}

/**
 * Calls an exception's handler at the current RIP, which faults must have been rewound to. A fault has RF set in
 * the flags it pushes, an instruction breakpoint and a trap have not: SDM 3B 17.3.1.1.
 */
function raiseException(cpu: Cpu, vector: number, errorCode: number, isFault: boolean): void {
  let current = vector;
  let code = errorCode;
  let resume = isFault ? FLAG_RF : 0;
  for (;;) {
    cpu.counters.exceptions++;
    cpu.trace?.fault(current, code);
    try {
      deliver(cpu, {
        vector: current,
        errorCode: HAS_ERROR_CODE.has(current) ? code : undefined,
        source: "event",
        flags: readFlags(cpu.s) | resume,
      });
      return;
    } catch (signal) {
      if (signal !== GUEST_FAULT) throw signal;
      const second = describeFault(cpu);
      resume = FLAG_RF;
      // A stack of CPL 3's own that #AC cannot be pushed to: processors try for ever.
      if (current === DF || (current === AC && second.vector === AC)) {
        shutDown(cpu);
        return;
      }
      if (isDoubleFault(current, second.vector)) {
        current = DF;
        code = 0;
      } else {
        current = second.vector;
        code = second.errorCode;
      }
    }
  }
}

/** SDM 3A table 6-5. */
function isDoubleFault(first: number, second: number): boolean {
  if (CONTRIBUTORY.has(first)) return CONTRIBUTORY.has(second);
  return first === PF && (second === PF || CONTRIBUTORY.has(second));
}

/** A debug exception, but for DR7.GD's: the causes are added to DR6, and its handler may use the registers. */
export function raiseDebug(cpu: Cpu, causes: number): void {
  const { s } = cpu;
  s[DR6] = s[DR6]! | causes;
  s[DR7] = s[DR7]! & ~DR7_GD;
  raiseException(cpu, DB, 0, false);
}

/** Delivers an external interrupt or NMI at the current RIP. */
export function deliverInterrupt(cpu: Cpu, vector: number): void {
  try {
    deliver(cpu, { vector, errorCode: undefined, source: "event", flags: readFlags(cpu.s) });
  } catch (signal) {
    if (signal !== GUEST_FAULT) throw signal;
    const { vector: fault, errorCode } = describeFault(cpu);
    raiseException(cpu, fault, errorCode, true);
  }
}

function shutDown(cpu: Cpu): void {
  cpu.setActivity(ACTIVITY_SHUTDOWN, true);
  cpu.exit = { kind: "suspended", how: "triplefault" };
}
