// SPDX-License-Identifier: BSD-2-Clause
// Shows the host's compiler every case of the hot loop before a guest does. V8 optimises a function for what it has
// seen of it: a case that was never executed becomes a way back to its own interpreter, and the whole loop falls
// back with it, to be compiled anew in half a second. A kernel's boot did that a dozen times (docs/quirks.md).
//
// Each case is executed a few times on a machine of its own, with values that need all 32 bits.
import { GuestMemory, MIN_RAM } from "../../mmu/guest-memory.ts";
import { GUEST_FAULT } from "../../mmu/page-fault.ts";
import { Cpu } from "../cpu.ts";
import {
  EA_PLAIN,
  EA_SEGMENT,
  INFO_C_SHIFT,
  INFO_EA_SHIFT,
  OP,
  RECORD_WORDS,
} from "../decode/record.ts";
import { processorModel } from "../model.ts";
import { NO_PORTS } from "../no-ports.ts";
import { BLOCK, GPR, RBP, RBX, RSP, ZERO } from "../state-layout.ts";
import { BlockBuilder } from "./block-builder.ts";
import { BLOCK_COUNT, BLOCK_HEADER, SCRATCH } from "./code-cache.ts";
import {
  LAST_HOT_OP,
  OP_CMOV_R32,
  OP_CMOV_R64,
  OP_JCC,
  OP_JUMPED_SYNC,
  OP_SET_R8,
  OP_STALE,
} from "./hot-ops.ts";
import { Interpreter } from "./interpreter.ts";

/** Where operands in memory and the stack are, far from each other. */
const OPERAND = 0x2000;
const STACK = 0x8000;

const REGISTER = GPR + 2 * RBX;
const CONDITIONS = 16;
const CONDITIONAL = [OP_JCC, OP_CMOV_R32, OP_CMOV_R64, OP_SET_R8];

/** Low and high half of the operands: small, at the edges of an int32, and all ones. */
const VALUES: readonly (readonly [lo: number, hi: number])[] = [
  [1, 0],
  [0x7fffffff, 0x7fffffff],
  [-0x80000000, -0x80000000],
  [-1, -1],
];

/** To be called once in a process, and only worth it where functions note what they see from their first call on. */
export function rehearse(): void {
  const cpu = new Cpu(new GuestMemory(MIN_RAM), NO_PORTS, processorModel());
  const interpreter = new Interpreter(cpu, new BlockBuilder(cpu));
  for (const value of VALUES) {
    for (const addressing of [EA_PLAIN, EA_SEGMENT]) {
      for (let op = OP_STALE; op <= LAST_HOT_OP; op++) {
        executeCase(cpu, interpreter, op, addressing << INFO_EA_SHIFT, value);
      }
    }
    for (let condition = 0; condition < CONDITIONS; condition++) {
      for (const op of CONDITIONAL) {
        executeCase(cpu, interpreter, op, condition << INFO_C_SHIFT, value);
      }
    }
  }
}

/** One instruction and nothing behind it. */
function executeCase(
  cpu: Cpu,
  interpreter: Interpreter,
  op: number,
  info: number,
  [lo, hi]: readonly [number, number],
): void {
  const { s, code, mem } = cpu;
  for (const slot of [REGISTER, GPR]) {
    s[slot] = lo;
    s[slot + 1] = hi;
  }
  mem.store64(OPERAND, 0, lo, hi);
  setPair(s, RSP, STACK);
  setPair(s, RBP, STACK);
  s[BLOCK] = SCRATCH;
  code[SCRATCH + BLOCK_COUNT] = 1;
  const record = SCRATCH + BLOCK_HEADER;
  // A is RBX, B is RAX; base and index are none.
  code.set(
    [op, REGISTER | (GPR << 8) | (ZERO << 16) | (ZERO << 24), OPERAND, lo, 0, info, 4, 0],
    record,
  );
  code[record + RECORD_WORDS + OP] = OP_JUMPED_SYNC;
  try {
    interpreter.rehearse(record);
  } catch (fault) {
    if (fault !== GUEST_FAULT) throw fault;
  }
}

function setPair(s: Int32Array, register: number, value: number): void {
  s[GPR + 2 * register] = value;
  s[GPR + 2 * register + 1] = 0;
}
