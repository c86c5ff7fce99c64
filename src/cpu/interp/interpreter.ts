// SPDX-License-Identifier: BSD-2-Clause
// The interpreter's hot loop: records in, state out. It runs until the budget is used up, or an instruction
// asks for the vCPU's attention (an END of kind SYNC), or a fault unwinds it.
//
// Everything frequent is a case here. Cases are in line where a call would cost more than the work, and they
// share arithmetic with the executors; what is not a case is called through the executor table.
import { HI } from "../../mmu/machine-layout.ts";
import { GUEST_FAULT } from "../../mmu/page-fault.ts";
import {
  add32,
  add64,
  dec32,
  dec64,
  inc32,
  inc64,
  logic32,
  logic64,
  logicNarrow,
  sub32,
  sub64,
  subNarrow,
} from "../alu.ts";
import { checkTarget, relativeRip } from "../branch.ts";
import type { Cpu } from "../cpu.ts";
import {
  FIRST_EXECUTOR,
  IMM,
  INFO,
  INFO_C_SHIFT,
  LINK,
  NEXT,
  OP,
  RECORD_WORDS,
  SLOTS,
} from "../decode/record.ts";
import { effectiveAddress } from "../ea.ts";
import { isCondition, WIDTH_8 } from "../flags.ts";
import { probeStack } from "../stack.ts";
import {
  ADDRESS,
  BLOCK,
  CURRENT,
  GPR,
  RBP,
  REMAINING,
  RIP,
  RIP_HIGH_MASK,
  RSP,
} from "../state-layout.ts";
import { GP, UD } from "../vectors.ts";
import type { BlockBuilder } from "./block-builder.ts";
import {
  BLOCK_COUNT,
  BLOCK_HEADER,
  BLOCK_KEY,
  BLOCK_OFFSET,
  BLOCK_RUNS,
  SCRATCH,
} from "./code-cache.ts";
import { EXECUTOR_TABLE } from "./executors.ts";
import * as op from "./hot-ops.ts";
import { JumpCache } from "./jump-cache.ts";
import { sar32, sar64, shl32, shl64, shr32, shr64 } from "./shift.ts";
import {
  EXIT_BAIL,
  EXIT_FAULT,
  EXIT_LOOKUP,
  isAtBorder,
  NO_TRANSLATION,
  type Translation,
} from "./translation.ts";

const SP = GPR + 2 * RSP;
const BP = GPR + 2 * RBP;

/** Entries of a block are counted up to here, then anew. */
const MAX_RUNS = 0x3fffffff;

const SIGN = 1 << 31;

/** The run loop has to look around before it goes on; RIP is where it goes on. */
const STOP = 0;

export class Interpreter {
  readonly #cpu: Cpu;
  readonly #builder: BlockBuilder;
  readonly #jumps: JumpCache;
  /** Nothing is to run behind the block in execution, whatever the budget. */
  #isShort = false;
  #translation: Translation = NO_TRANSLATION;
  /** The translation's count mask, and the sign that a block's unit has. */
  #hotMask = NO_TRANSLATION.countMask;

  constructor(cpu: Cpu, builder: BlockBuilder) {
    this.#cpu = cpu;
    this.#builder = builder;
    this.#jumps = new JumpCache(cpu.memory.memory.buffer);
    cpu.mem.tlb.listener = {
      pageForgotten: (lo, hi) => this.#jumps.forgetPage(lo, hi),
      contextsReused: () => this.#jumps.clear(),
    };
    cpu.cache.onFlush = () => {
      this.#jumps.clear();
      this.#translation.forgotten();
    };
    cpu.cache.onPageForgotten = (page) => this.#translation.pageForgotten(page);
  }

  /** Hot blocks go there from now on. */
  use(translation: Translation): void {
    this.#translation = translation;
    this.#hotMask = translation.countMask | SIGN;
  }

  /** Units are about to be given back: nothing may lead to them. */
  forgetUnits(): void {
    this.#jumps.clear();
  }

  /** Runs whole blocks from RIP while the budget lasts; may throw GUEST_FAULT. */
  run(): void {
    this.#isShort = false;
    const block = this.#enter();
    if (block !== STOP) this.#execute(block);
  }

  /** Executes from a record on, for what the host learns from it (interp/rehearsal.ts). */
  rehearse(record: number): void {
    this.#execute(record);
  }

  /** Runs up to `count` instructions from RIP as one block that ends there. */
  runShort(count: number): void {
    const { s, code } = this.#cpu;
    const block = this.#builder.shortBlock(count);
    const left = s[REMAINING]! - code[block + BLOCK_COUNT]!;
    this.#isShort = true;
    const isEager = this.#translation.isEager && this.#cpu.isFlat && !this.#isAtBorder();
    if (isEager && code[block + BLOCK_COUNT] !== 0) {
      this.#runShortUnit(block, left);
      return;
    }
    s[REMAINING] = left;
    s[BLOCK] = block;
    this.#execute(block + BLOCK_HEADER);
  }

  /** The same by a unit, which has no more than it needs, so that it leads nowhere. */
  #runShortUnit(block: number, left: number): void {
    const cpu = this.#cpu;
    const { s, code } = cpu;
    cpu.withhold(left);
    code[block + BLOCK_OFFSET] = s[RIP]! & 0xfff;
    code[block + BLOCK_KEY] = cpu.codeKey;
    const exit = this.#translation.runOnce(block);
    cpu.withhold(-left);
    if (exit === EXIT_FAULT) throw GUEST_FAULT;
    if (exit === EXIT_BAIL) this.#execute(s[CURRENT]!);
    else s[CURRENT] = 0;
  }

  /**
   * The first record of the block at RIP, paid for; STOP if the budget is too small for it. Without a budget
   * not even the fetch may happen: its fault would come before what is due now.
   */
  #enter(): number {
    const cpu = this.#cpu;
    const { s } = cpu;
    if (this.#isShort || s[REMAINING]! <= 0) {
      s[CURRENT] = 0;
      return STOP;
    }
    return this.#pay(this.#find());
  }

  /** The block at RIP. */
  #find(): number {
    const cpu = this.#cpu;
    const { s } = cpu;
    const known = this.#jumps.find(s[RIP]!, s[RIP + 1]!, cpu.mem.tlb.context, cpu.codeKey);
    if (known !== 0) return known;
    const block = this.#builder.block();
    if (block !== SCRATCH && cpu.isFlat) this.#keep(block, 0);
    return block;
  }

  #keep(block: number, unit: number): void {
    const cpu = this.#cpu;
    const at = { lo: cpu.s[RIP]!, hi: cpu.s[RIP + 1]! };
    this.#jumps.keep(at, cpu.mem.tlb.context, cpu.codeKey, block, unit);
  }

  /** The block's first record, paid for; or where control is after its unit has run. */
  #pay(block: number): number {
    const { s, code } = this.#cpu;
    const left = s[REMAINING]! - code[block + BLOCK_COUNT]!;
    if (left < 0) {
      s[CURRENT] = 0;
      return STOP;
    }
    const runs = (code[block + BLOCK_RUNS]! + 1) | 0;
    if ((runs & this.#hotMask) <= 0) return this.#enterHot(block, left, runs);
    s[REMAINING] = left;
    s[BLOCK] = block;
    code[block + BLOCK_RUNS] = runs & MAX_RUNS;
    return block + BLOCK_HEADER;
  }

  /** The same for a block that has a unit or is to get one: apart, since the other is in line at every branch. */
  #enterHot(block: number, left: number, runs: number): number {
    const { s, code } = this.#cpu;
    const isAlone = this.#isAtBorder();
    if (runs <= 0) {
      if (!isAlone) return this.#runUnit(1 - runs);
    } else {
      code[block + BLOCK_RUNS] = runs & MAX_RUNS;
      // What a unit needs is its own to pay.
      const isReady = !isAlone && this.#translation.request(block);
      if (isReady) return this.#runUnit(-code[block + BLOCK_RUNS]!);
    }
    s[REMAINING] = left;
    s[BLOCK] = block;
    return block + BLOCK_HEADER;
  }

  /** RIP is where no unit may be. */
  #isAtBorder(): boolean {
    const { s } = this.#cpu;
    return this.#cpu.is64 && isAtBorder(s[RIP]!, s[RIP + 1]!);
  }

  /** Runs units as long as one leads to another; then the record where the interpreter goes on, or STOP. */
  #runUnit(first: number): number {
    const { s, code } = this.#cpu;
    let unit = first;
    for (;;) {
      switch (this.#translation.run(unit)) {
        case EXIT_LOOKUP: {
          if (s[REMAINING]! <= 0) return STOP;
          const block = this.#find();
          if (code[block + BLOCK_RUNS]! >= 0 || this.#isAtBorder()) return this.#pay(block);
          unit = -code[block + BLOCK_RUNS]!;
          this.#keep(block, unit);
          break;
        }
        case EXIT_BAIL:
          return s[CURRENT]!;
        case EXIT_FAULT:
          throw GUEST_FAULT;
        default:
          s[CURRENT] = 0;
          return STOP;
      }
    }
  }

  /**
   * Goes `distance` bytes from the block's start: the target's first record, or STOP. A target in the same
   * page is linked to the record at `p`, since where that page lies cannot change on the way.
   */
  #follow(p: number, distance: number): number {
    const cpu = this.#cpu;
    const { s, code } = cpu;
    const from = s[RIP]!;
    const lo = (from + distance) | 0;
    const carry = lo >>> 0 < distance >>> 0 ? 1 : 0;
    s[RIP] = lo;
    s[RIP + 1] = (s[RIP + 1]! + (distance >> 31) + carry) & s[RIP_HIGH_MASK]!;
    const linked = code[p + LINK]!;
    if (linked !== 0) return this.#pay(linked);
    if (cpu.is64 && s[RIP + 1]! >> 15 !== s[RIP + 1]! >> 31) this.#leaveCanonical(p, distance);
    s[CURRENT] = 0;
    const canLink = ((from ^ lo) & -4096) === 0 && s[BLOCK] !== SCRATCH && cpu.isFlat;
    if (!canLink || s[REMAINING]! <= 0) return this.#enter();
    const flushes = cpu.cache.flushes;
    const block = this.#builder.block();
    // Building may have emptied the cache, and this record with it.
    if (block !== SCRATCH && cpu.cache.flushes === flushes) code[p + LINK] = block;
    return this.#pay(block);
  }

  /** A branch to a non-canonical address faults itself; running into one faults at the fetch. */
  #leaveCanonical(p: number, distance: number): void {
    const { s, code } = this.#cpu;
    if (code[p + OP] === op.OP_NEXT) return;
    const lo = (s[RIP]! - distance) | 0;
    s[RIP + 1] = s[RIP + 1]! - (distance >> 31) - (s[RIP]! >>> 0 < distance >>> 0 ? 1 : 0);
    s[RIP] = lo;
    s[CURRENT] = p;
    this.#cpu.raise(GP, 0);
  }

  /** A record that must not be executed as it stands: its bytes changed, or something asked to stop here. */
  #leaveAt(p: number): void {
    const cpu = this.#cpu;
    const { s, code } = cpu;
    s[CURRENT] = p;
    if (code[p + OP] === op.OP_BREAK) cpu.endBreak();
    const kind = code[p + OP]!;
    if (kind === op.OP_JUMPED || kind === op.OP_JUMPED_SYNC) s[CURRENT] = 0;
    else cpu.rewind();
    if (kind === op.OP_STALE) this.#jumps.forgetPage(s[RIP]!, s[RIP + 1]!);
  }

  #execute(first: number): void {
    const cpu = this.#cpu;
    const { s, code, mem, bytes, words } = cpu;
    let p = first;
    for (;;) {
      switch (code[p + OP]!) {
        case op.OP_STALE:
        case op.OP_BREAK:
          this.#leaveAt(p);
          return;
        case op.OP_NEXT:
          p = this.#follow(p, code[p + NEXT]!);
          if (p === STOP) return;
          continue;
        case op.OP_SYNC: {
          const distance = code[p + NEXT]!;
          const lo = (s[RIP]! + distance) | 0;
          s[RIP + 1] = (s[RIP + 1]! + (lo >>> 0 < distance ? 1 : 0)) & s[RIP_HIGH_MASK]!;
          s[RIP] = lo;
          s[CURRENT] = 0;
          return;
        }
        case op.OP_JUMPED:
          s[CURRENT] = 0;
          p = this.#enter();
          if (p === STOP) return;
          continue;
        case op.OP_JUMPED_SYNC:
          s[CURRENT] = 0;
          return;
        case op.OP_UNDEFINED:
          s[CURRENT] = p;
          cpu.raise(UD);
          break;
        case op.OP_TOO_LONG:
          s[CURRENT] = p;
          cpu.raise(GP, 0);
          break;
        case op.OP_NOP:
          break;

        case op.OP_MOV_RR32: {
          const slots = code[p + SLOTS]!;
          const a = slots & 0xff;
          s[a] = s[(slots >>> 8) & 0xff]!;
          s[a + 1] = 0;
          break;
        }
        case op.OP_MOV_RR64: {
          const slots = code[p + SLOTS]!;
          const a = slots & 0xff;
          const b = (slots >>> 8) & 0xff;
          s[a] = s[b]!;
          s[a + 1] = s[b + 1]!;
          break;
        }
        case op.OP_MOV_RI32: {
          const a = code[p + SLOTS]! & 0xff;
          s[a] = code[p + IMM]!;
          s[a + 1] = 0;
          break;
        }
        case op.OP_MOV_RI64: {
          const a = code[p + SLOTS]! & 0xff;
          s[a] = code[p + IMM]!;
          s[a + 1] = code[p + LINK]!;
          break;
        }
        case op.OP_LOAD8: {
          const lo = cpu.ea(p, 1, false);
          bytes[code[p + SLOTS]! & 0xff] = mem.load8(lo, s[HI]!);
          break;
        }
        case op.OP_LOAD16: {
          const lo = cpu.ea(p, 2, false);
          words[code[p + SLOTS]! & 0xff] = mem.load16(lo, s[HI]!);
          break;
        }
        case op.OP_LOAD32: {
          const lo = cpu.ea(p, 4, false);
          const a = code[p + SLOTS]! & 0xff;
          s[a] = mem.load32(lo, s[HI]!);
          s[a + 1] = 0;
          break;
        }
        case op.OP_LOAD64: {
          const lo = cpu.ea(p, 8, false);
          const a = code[p + SLOTS]! & 0xff;
          s[a] = mem.load64(lo, s[HI]!);
          s[a + 1] = s[HI]!;
          break;
        }
        case op.OP_STORE8: {
          const lo = cpu.ea(p, 1, true);
          mem.store8(lo, s[HI]!, bytes[(code[p + SLOTS]! >>> 8) & 0xff]!);
          break;
        }
        case op.OP_STORE16: {
          const lo = cpu.ea(p, 2, true);
          mem.store16(lo, s[HI]!, words[(code[p + SLOTS]! >>> 8) & 0xff]!);
          break;
        }
        case op.OP_STORE32: {
          const lo = cpu.ea(p, 4, true);
          mem.store32(lo, s[HI]!, s[(code[p + SLOTS]! >>> 8) & 0xff]!);
          break;
        }
        case op.OP_STORE64: {
          const lo = cpu.ea(p, 8, true);
          const b = (code[p + SLOTS]! >>> 8) & 0xff;
          mem.store64(lo, s[HI]!, s[b]!, s[b + 1]!);
          break;
        }
        case op.OP_STORE_I8: {
          const lo = cpu.ea(p, 1, true);
          mem.store8(lo, s[HI]!, code[p + IMM]!);
          break;
        }
        case op.OP_STORE_I16: {
          const lo = cpu.ea(p, 2, true);
          mem.store16(lo, s[HI]!, code[p + IMM]!);
          break;
        }
        case op.OP_STORE_I32: {
          const lo = cpu.ea(p, 4, true);
          mem.store32(lo, s[HI]!, code[p + IMM]!);
          break;
        }
        case op.OP_STORE_I64: {
          const lo = cpu.ea(p, 8, true);
          const value = code[p + IMM]!;
          mem.store64(lo, s[HI]!, value, value >> 31);
          break;
        }
        case op.OP_MOVZX8_R: {
          const slots = code[p + SLOTS]!;
          const a = slots & 0xff;
          s[a] = bytes[(slots >>> 8) & 0xff]!;
          s[a + 1] = 0;
          break;
        }
        case op.OP_MOVZX8_M: {
          const lo = cpu.ea(p, 1, false);
          const a = code[p + SLOTS]! & 0xff;
          s[a] = mem.load8(lo, s[HI]!);
          s[a + 1] = 0;
          break;
        }
        case op.OP_MOVZX16_R: {
          const slots = code[p + SLOTS]!;
          const a = slots & 0xff;
          s[a] = words[(slots >>> 8) & 0xff]!;
          s[a + 1] = 0;
          break;
        }
        case op.OP_MOVZX16_M: {
          const lo = cpu.ea(p, 2, false);
          const a = code[p + SLOTS]! & 0xff;
          s[a] = mem.load16(lo, s[HI]!);
          s[a + 1] = 0;
          break;
        }
        case op.OP_MOVSXD_R: {
          const slots = code[p + SLOTS]!;
          const a = slots & 0xff;
          const value = s[(slots >>> 8) & 0xff]!;
          s[a] = value;
          s[a + 1] = value >> 31;
          break;
        }
        case op.OP_MOVSXD_M: {
          const lo = cpu.ea(p, 4, false);
          const a = code[p + SLOTS]! & 0xff;
          const value = mem.load32(lo, s[HI]!);
          s[a] = value;
          s[a + 1] = value >> 31;
          break;
        }
        case op.OP_LEA32: {
          const a = code[p + SLOTS]! & 0xff;
          s[a] = effectiveAddress(cpu, p);
          s[a + 1] = 0;
          break;
        }
        case op.OP_LEA64: {
          const a = code[p + SLOTS]! & 0xff;
          const lo = effectiveAddress(cpu, p);
          s[a] = lo;
          s[a + 1] = s[HI]!;
          break;
        }
        case op.OP_CMOV_R32: {
          const slots = code[p + SLOTS]!;
          const a = slots & 0xff;
          if (isCondition(s, code[p + INFO]! >>> INFO_C_SHIFT)) s[a] = s[(slots >>> 8) & 0xff]!;
          s[a + 1] = 0;
          break;
        }
        case op.OP_CMOV_R64: {
          if (isCondition(s, code[p + INFO]! >>> INFO_C_SHIFT)) {
            const slots = code[p + SLOTS]!;
            const a = slots & 0xff;
            const b = (slots >>> 8) & 0xff;
            s[a] = s[b]!;
            s[a + 1] = s[b + 1]!;
          }
          break;
        }
        case op.OP_SET_R8:
          bytes[code[p + SLOTS]! & 0xff] = isCondition(s, code[p + INFO]! >>> INFO_C_SHIFT) ? 1 : 0;
          break;

        case op.OP_INC32: {
          const a = code[p + SLOTS]! & 0xff;
          s[a] = inc32(s, s[a]!);
          s[a + 1] = 0;
          break;
        }
        case op.OP_INC64: {
          const a = code[p + SLOTS]! & 0xff;
          s[a] = inc64(s, s[a]!, s[a + 1]!);
          s[a + 1] = s[HI]!;
          break;
        }
        case op.OP_DEC32: {
          const a = code[p + SLOTS]! & 0xff;
          s[a] = dec32(s, s[a]!);
          s[a + 1] = 0;
          break;
        }
        case op.OP_DEC64: {
          const a = code[p + SLOTS]! & 0xff;
          s[a] = dec64(s, s[a]!, s[a + 1]!);
          s[a + 1] = s[HI]!;
          break;
        }
        case op.OP_SHL_I32: {
          const a = code[p + SLOTS]! & 0xff;
          s[a] = shl32(s, s[a]!, code[p + IMM]! & 31);
          s[a + 1] = 0;
          break;
        }
        case op.OP_SHL_I64: {
          const a = code[p + SLOTS]! & 0xff;
          s[a] = shl64(s, s[a]!, s[a + 1]!, code[p + IMM]! & 63);
          s[a + 1] = s[HI]!;
          break;
        }
        case op.OP_SHR_I32: {
          const a = code[p + SLOTS]! & 0xff;
          s[a] = shr32(s, s[a]!, code[p + IMM]! & 31);
          s[a + 1] = 0;
          break;
        }
        case op.OP_SHR_I64: {
          const a = code[p + SLOTS]! & 0xff;
          s[a] = shr64(s, s[a]!, s[a + 1]!, code[p + IMM]! & 63);
          s[a + 1] = s[HI]!;
          break;
        }
        case op.OP_SAR_I32: {
          const a = code[p + SLOTS]! & 0xff;
          s[a] = sar32(s, s[a]!, code[p + IMM]! & 31);
          s[a + 1] = 0;
          break;
        }
        case op.OP_SAR_I64: {
          const a = code[p + SLOTS]! & 0xff;
          s[a] = sar64(s, s[a]!, s[a + 1]!, code[p + IMM]! & 63);
          s[a + 1] = s[HI]!;
          break;
        }

        case op.OP_ADD_RR32: {
          const slots = code[p + SLOTS]!;
          const a = slots & 0xff;
          s[a] = add32(s, s[a]!, s[(slots >>> 8) & 0xff]!);
          s[a + 1] = 0;
          break;
        }
        case op.OP_ADD_RR64: {
          const slots = code[p + SLOTS]!;
          const a = slots & 0xff;
          const b = (slots >>> 8) & 0xff;
          s[a] = add64(s, s[a]!, s[a + 1]!, s[b]!, s[b + 1]!);
          s[a + 1] = s[HI]!;
          break;
        }
        case op.OP_ADD_RI32: {
          const a = code[p + SLOTS]! & 0xff;
          s[a] = add32(s, s[a]!, code[p + IMM]!);
          s[a + 1] = 0;
          break;
        }
        case op.OP_ADD_RI64: {
          const a = code[p + SLOTS]! & 0xff;
          const value = code[p + IMM]!;
          s[a] = add64(s, s[a]!, s[a + 1]!, value, value >> 31);
          s[a + 1] = s[HI]!;
          break;
        }
        case op.OP_ADD_RM32: {
          const lo = cpu.ea(p, 4, false);
          const value = mem.load32(lo, s[HI]!);
          const a = code[p + SLOTS]! & 0xff;
          s[a] = add32(s, s[a]!, value);
          s[a + 1] = 0;
          break;
        }
        case op.OP_ADD_RM64: {
          const at = cpu.ea(p, 8, false);
          const lo = mem.load64(at, s[HI]!);
          const a = code[p + SLOTS]! & 0xff;
          s[a] = add64(s, s[a]!, s[a + 1]!, lo, s[HI]!);
          s[a + 1] = s[HI]!;
          break;
        }
        case op.OP_ADD_MR32: {
          const at = cpu.ea(p, 4, true);
          const atHi = s[HI]!;
          const b = (code[p + SLOTS]! >>> 8) & 0xff;
          mem.probeWrite(at, atHi, 4);
          mem.store32(at, atHi, add32(s, mem.load32(at, atHi), s[b]!));
          break;
        }
        case op.OP_ADD_MR64: {
          const at = cpu.ea(p, 8, true);
          const atHi = s[HI]!;
          const b = (code[p + SLOTS]! >>> 8) & 0xff;
          mem.probeWrite(at, atHi, 8);
          const lo = mem.load64(at, atHi);
          const result = add64(s, lo, s[HI]!, s[b]!, s[b + 1]!);
          mem.store64(at, atHi, result, s[HI]!);
          break;
        }
        case op.OP_ADD_MI32: {
          const at = cpu.ea(p, 4, true);
          const atHi = s[HI]!;
          const value = code[p + IMM]!;
          mem.probeWrite(at, atHi, 4);
          mem.store32(at, atHi, add32(s, mem.load32(at, atHi), value));
          break;
        }
        case op.OP_ADD_MI64: {
          const at = cpu.ea(p, 8, true);
          const atHi = s[HI]!;
          const value = code[p + IMM]!;
          mem.probeWrite(at, atHi, 8);
          const lo = mem.load64(at, atHi);
          const result = add64(s, lo, s[HI]!, value, value >> 31);
          mem.store64(at, atHi, result, s[HI]!);
          break;
        }
        case op.OP_OR_RR32: {
          const slots = code[p + SLOTS]!;
          const a = slots & 0xff;
          s[a] = logic32(s, s[a]! | s[(slots >>> 8) & 0xff]!);
          s[a + 1] = 0;
          break;
        }
        case op.OP_OR_RR64: {
          const slots = code[p + SLOTS]!;
          const a = slots & 0xff;
          const b = (slots >>> 8) & 0xff;
          s[a] = logic64(s, s[a]! | s[b]!, s[a + 1]! | s[b + 1]!);
          s[a + 1] = s[HI]!;
          break;
        }
        case op.OP_OR_RI32: {
          const a = code[p + SLOTS]! & 0xff;
          s[a] = logic32(s, s[a]! | code[p + IMM]!);
          s[a + 1] = 0;
          break;
        }
        case op.OP_OR_RI64: {
          const a = code[p + SLOTS]! & 0xff;
          const value = code[p + IMM]!;
          s[a] = logic64(s, s[a]! | value, s[a + 1]! | (value >> 31));
          s[a + 1] = s[HI]!;
          break;
        }
        case op.OP_OR_RM32: {
          const lo = cpu.ea(p, 4, false);
          const value = mem.load32(lo, s[HI]!);
          const a = code[p + SLOTS]! & 0xff;
          s[a] = logic32(s, s[a]! | value);
          s[a + 1] = 0;
          break;
        }
        case op.OP_OR_RM64: {
          const at = cpu.ea(p, 8, false);
          const lo = mem.load64(at, s[HI]!);
          const a = code[p + SLOTS]! & 0xff;
          s[a] = logic64(s, s[a]! | lo, s[a + 1]! | s[HI]!);
          s[a + 1] = s[HI]!;
          break;
        }
        case op.OP_OR_MR32: {
          const at = cpu.ea(p, 4, true);
          const atHi = s[HI]!;
          const b = (code[p + SLOTS]! >>> 8) & 0xff;
          mem.probeWrite(at, atHi, 4);
          mem.store32(at, atHi, logic32(s, mem.load32(at, atHi) | s[b]!));
          break;
        }
        case op.OP_OR_MR64: {
          const at = cpu.ea(p, 8, true);
          const atHi = s[HI]!;
          const b = (code[p + SLOTS]! >>> 8) & 0xff;
          mem.probeWrite(at, atHi, 8);
          const lo = mem.load64(at, atHi);
          const result = logic64(s, lo | s[b]!, s[HI]! | s[b + 1]!);
          mem.store64(at, atHi, result, s[HI]!);
          break;
        }
        case op.OP_OR_MI32: {
          const at = cpu.ea(p, 4, true);
          const atHi = s[HI]!;
          const value = code[p + IMM]!;
          mem.probeWrite(at, atHi, 4);
          mem.store32(at, atHi, logic32(s, mem.load32(at, atHi) | value));
          break;
        }
        case op.OP_OR_MI64: {
          const at = cpu.ea(p, 8, true);
          const atHi = s[HI]!;
          const value = code[p + IMM]!;
          mem.probeWrite(at, atHi, 8);
          const lo = mem.load64(at, atHi);
          const result = logic64(s, lo | value, s[HI]! | (value >> 31));
          mem.store64(at, atHi, result, s[HI]!);
          break;
        }
        case op.OP_AND_RR32: {
          const slots = code[p + SLOTS]!;
          const a = slots & 0xff;
          s[a] = logic32(s, s[a]! & s[(slots >>> 8) & 0xff]!);
          s[a + 1] = 0;
          break;
        }
        case op.OP_AND_RR64: {
          const slots = code[p + SLOTS]!;
          const a = slots & 0xff;
          const b = (slots >>> 8) & 0xff;
          s[a] = logic64(s, s[a]! & s[b]!, s[a + 1]! & s[b + 1]!);
          s[a + 1] = s[HI]!;
          break;
        }
        case op.OP_AND_RI32: {
          const a = code[p + SLOTS]! & 0xff;
          s[a] = logic32(s, s[a]! & code[p + IMM]!);
          s[a + 1] = 0;
          break;
        }
        case op.OP_AND_RI64: {
          const a = code[p + SLOTS]! & 0xff;
          const value = code[p + IMM]!;
          s[a] = logic64(s, s[a]! & value, s[a + 1]! & (value >> 31));
          s[a + 1] = s[HI]!;
          break;
        }
        case op.OP_AND_RM32: {
          const lo = cpu.ea(p, 4, false);
          const value = mem.load32(lo, s[HI]!);
          const a = code[p + SLOTS]! & 0xff;
          s[a] = logic32(s, s[a]! & value);
          s[a + 1] = 0;
          break;
        }
        case op.OP_AND_RM64: {
          const at = cpu.ea(p, 8, false);
          const lo = mem.load64(at, s[HI]!);
          const a = code[p + SLOTS]! & 0xff;
          s[a] = logic64(s, s[a]! & lo, s[a + 1]! & s[HI]!);
          s[a + 1] = s[HI]!;
          break;
        }
        case op.OP_AND_MR32: {
          const at = cpu.ea(p, 4, true);
          const atHi = s[HI]!;
          const b = (code[p + SLOTS]! >>> 8) & 0xff;
          mem.probeWrite(at, atHi, 4);
          mem.store32(at, atHi, logic32(s, mem.load32(at, atHi) & s[b]!));
          break;
        }
        case op.OP_AND_MR64: {
          const at = cpu.ea(p, 8, true);
          const atHi = s[HI]!;
          const b = (code[p + SLOTS]! >>> 8) & 0xff;
          mem.probeWrite(at, atHi, 8);
          const lo = mem.load64(at, atHi);
          const result = logic64(s, lo & s[b]!, s[HI]! & s[b + 1]!);
          mem.store64(at, atHi, result, s[HI]!);
          break;
        }
        case op.OP_AND_MI32: {
          const at = cpu.ea(p, 4, true);
          const atHi = s[HI]!;
          const value = code[p + IMM]!;
          mem.probeWrite(at, atHi, 4);
          mem.store32(at, atHi, logic32(s, mem.load32(at, atHi) & value));
          break;
        }
        case op.OP_AND_MI64: {
          const at = cpu.ea(p, 8, true);
          const atHi = s[HI]!;
          const value = code[p + IMM]!;
          mem.probeWrite(at, atHi, 8);
          const lo = mem.load64(at, atHi);
          const result = logic64(s, lo & value, s[HI]! & (value >> 31));
          mem.store64(at, atHi, result, s[HI]!);
          break;
        }
        case op.OP_SUB_RR32: {
          const slots = code[p + SLOTS]!;
          const a = slots & 0xff;
          s[a] = sub32(s, s[a]!, s[(slots >>> 8) & 0xff]!);
          s[a + 1] = 0;
          break;
        }
        case op.OP_SUB_RR64: {
          const slots = code[p + SLOTS]!;
          const a = slots & 0xff;
          const b = (slots >>> 8) & 0xff;
          s[a] = sub64(s, s[a]!, s[a + 1]!, s[b]!, s[b + 1]!);
          s[a + 1] = s[HI]!;
          break;
        }
        case op.OP_SUB_RI32: {
          const a = code[p + SLOTS]! & 0xff;
          s[a] = sub32(s, s[a]!, code[p + IMM]!);
          s[a + 1] = 0;
          break;
        }
        case op.OP_SUB_RI64: {
          const a = code[p + SLOTS]! & 0xff;
          const value = code[p + IMM]!;
          s[a] = sub64(s, s[a]!, s[a + 1]!, value, value >> 31);
          s[a + 1] = s[HI]!;
          break;
        }
        case op.OP_SUB_RM32: {
          const lo = cpu.ea(p, 4, false);
          const value = mem.load32(lo, s[HI]!);
          const a = code[p + SLOTS]! & 0xff;
          s[a] = sub32(s, s[a]!, value);
          s[a + 1] = 0;
          break;
        }
        case op.OP_SUB_RM64: {
          const at = cpu.ea(p, 8, false);
          const lo = mem.load64(at, s[HI]!);
          const a = code[p + SLOTS]! & 0xff;
          s[a] = sub64(s, s[a]!, s[a + 1]!, lo, s[HI]!);
          s[a + 1] = s[HI]!;
          break;
        }
        case op.OP_SUB_MR32: {
          const at = cpu.ea(p, 4, true);
          const atHi = s[HI]!;
          const b = (code[p + SLOTS]! >>> 8) & 0xff;
          mem.probeWrite(at, atHi, 4);
          mem.store32(at, atHi, sub32(s, mem.load32(at, atHi), s[b]!));
          break;
        }
        case op.OP_SUB_MR64: {
          const at = cpu.ea(p, 8, true);
          const atHi = s[HI]!;
          const b = (code[p + SLOTS]! >>> 8) & 0xff;
          mem.probeWrite(at, atHi, 8);
          const lo = mem.load64(at, atHi);
          const result = sub64(s, lo, s[HI]!, s[b]!, s[b + 1]!);
          mem.store64(at, atHi, result, s[HI]!);
          break;
        }
        case op.OP_SUB_MI32: {
          const at = cpu.ea(p, 4, true);
          const atHi = s[HI]!;
          const value = code[p + IMM]!;
          mem.probeWrite(at, atHi, 4);
          mem.store32(at, atHi, sub32(s, mem.load32(at, atHi), value));
          break;
        }
        case op.OP_SUB_MI64: {
          const at = cpu.ea(p, 8, true);
          const atHi = s[HI]!;
          const value = code[p + IMM]!;
          mem.probeWrite(at, atHi, 8);
          const lo = mem.load64(at, atHi);
          const result = sub64(s, lo, s[HI]!, value, value >> 31);
          mem.store64(at, atHi, result, s[HI]!);
          break;
        }
        case op.OP_XOR_RR32: {
          const slots = code[p + SLOTS]!;
          const a = slots & 0xff;
          s[a] = logic32(s, s[a]! ^ s[(slots >>> 8) & 0xff]!);
          s[a + 1] = 0;
          break;
        }
        case op.OP_XOR_RR64: {
          const slots = code[p + SLOTS]!;
          const a = slots & 0xff;
          const b = (slots >>> 8) & 0xff;
          s[a] = logic64(s, s[a]! ^ s[b]!, s[a + 1]! ^ s[b + 1]!);
          s[a + 1] = s[HI]!;
          break;
        }
        case op.OP_XOR_RI32: {
          const a = code[p + SLOTS]! & 0xff;
          s[a] = logic32(s, s[a]! ^ code[p + IMM]!);
          s[a + 1] = 0;
          break;
        }
        case op.OP_XOR_RI64: {
          const a = code[p + SLOTS]! & 0xff;
          const value = code[p + IMM]!;
          s[a] = logic64(s, s[a]! ^ value, s[a + 1]! ^ (value >> 31));
          s[a + 1] = s[HI]!;
          break;
        }
        case op.OP_XOR_RM32: {
          const lo = cpu.ea(p, 4, false);
          const value = mem.load32(lo, s[HI]!);
          const a = code[p + SLOTS]! & 0xff;
          s[a] = logic32(s, s[a]! ^ value);
          s[a + 1] = 0;
          break;
        }
        case op.OP_XOR_RM64: {
          const at = cpu.ea(p, 8, false);
          const lo = mem.load64(at, s[HI]!);
          const a = code[p + SLOTS]! & 0xff;
          s[a] = logic64(s, s[a]! ^ lo, s[a + 1]! ^ s[HI]!);
          s[a + 1] = s[HI]!;
          break;
        }
        case op.OP_XOR_MR32: {
          const at = cpu.ea(p, 4, true);
          const atHi = s[HI]!;
          const b = (code[p + SLOTS]! >>> 8) & 0xff;
          mem.probeWrite(at, atHi, 4);
          mem.store32(at, atHi, logic32(s, mem.load32(at, atHi) ^ s[b]!));
          break;
        }
        case op.OP_XOR_MR64: {
          const at = cpu.ea(p, 8, true);
          const atHi = s[HI]!;
          const b = (code[p + SLOTS]! >>> 8) & 0xff;
          mem.probeWrite(at, atHi, 8);
          const lo = mem.load64(at, atHi);
          const result = logic64(s, lo ^ s[b]!, s[HI]! ^ s[b + 1]!);
          mem.store64(at, atHi, result, s[HI]!);
          break;
        }
        case op.OP_XOR_MI32: {
          const at = cpu.ea(p, 4, true);
          const atHi = s[HI]!;
          const value = code[p + IMM]!;
          mem.probeWrite(at, atHi, 4);
          mem.store32(at, atHi, logic32(s, mem.load32(at, atHi) ^ value));
          break;
        }
        case op.OP_XOR_MI64: {
          const at = cpu.ea(p, 8, true);
          const atHi = s[HI]!;
          const value = code[p + IMM]!;
          mem.probeWrite(at, atHi, 8);
          const lo = mem.load64(at, atHi);
          const result = logic64(s, lo ^ value, s[HI]! ^ (value >> 31));
          mem.store64(at, atHi, result, s[HI]!);
          break;
        }
        case op.OP_CMP_RR32: {
          const slots = code[p + SLOTS]!;
          const a = slots & 0xff;
          sub32(s, s[a]!, s[(slots >>> 8) & 0xff]!);
          break;
        }
        case op.OP_CMP_RR64: {
          const slots = code[p + SLOTS]!;
          const a = slots & 0xff;
          const b = (slots >>> 8) & 0xff;
          sub64(s, s[a]!, s[a + 1]!, s[b]!, s[b + 1]!);
          break;
        }
        case op.OP_CMP_RI32: {
          const a = code[p + SLOTS]! & 0xff;
          sub32(s, s[a]!, code[p + IMM]!);
          break;
        }
        case op.OP_CMP_RI64: {
          const a = code[p + SLOTS]! & 0xff;
          const value = code[p + IMM]!;
          sub64(s, s[a]!, s[a + 1]!, value, value >> 31);
          break;
        }
        case op.OP_CMP_RM32: {
          const lo = cpu.ea(p, 4, false);
          const value = mem.load32(lo, s[HI]!);
          const a = code[p + SLOTS]! & 0xff;
          sub32(s, s[a]!, value);
          break;
        }
        case op.OP_CMP_RM64: {
          const at = cpu.ea(p, 8, false);
          const lo = mem.load64(at, s[HI]!);
          const a = code[p + SLOTS]! & 0xff;
          sub64(s, s[a]!, s[a + 1]!, lo, s[HI]!);
          break;
        }
        case op.OP_CMP_MR32: {
          const lo = cpu.ea(p, 4, false);
          const b = (code[p + SLOTS]! >>> 8) & 0xff;
          sub32(s, mem.load32(lo, s[HI]!), s[b]!);
          break;
        }
        case op.OP_CMP_MR64: {
          const at = cpu.ea(p, 8, false);
          const b = (code[p + SLOTS]! >>> 8) & 0xff;
          const lo = mem.load64(at, s[HI]!);
          sub64(s, lo, s[HI]!, s[b]!, s[b + 1]!);
          break;
        }
        case op.OP_CMP_MI32: {
          const lo = cpu.ea(p, 4, false);
          const value = code[p + IMM]!;
          sub32(s, mem.load32(lo, s[HI]!), value);
          break;
        }
        case op.OP_CMP_MI64: {
          const at = cpu.ea(p, 8, false);
          const value = code[p + IMM]!;
          const lo = mem.load64(at, s[HI]!);
          sub64(s, lo, s[HI]!, value, value >> 31);
          break;
        }
        case op.OP_TEST_RR32: {
          const slots = code[p + SLOTS]!;
          const a = slots & 0xff;
          logic32(s, s[a]! & s[(slots >>> 8) & 0xff]!);
          break;
        }
        case op.OP_TEST_RR64: {
          const slots = code[p + SLOTS]!;
          const a = slots & 0xff;
          const b = (slots >>> 8) & 0xff;
          logic64(s, s[a]! & s[b]!, s[a + 1]! & s[b + 1]!);
          break;
        }
        case op.OP_TEST_RI32: {
          const a = code[p + SLOTS]! & 0xff;
          logic32(s, s[a]! & code[p + IMM]!);
          break;
        }
        case op.OP_TEST_RI64: {
          const a = code[p + SLOTS]! & 0xff;
          const value = code[p + IMM]!;
          logic64(s, s[a]! & value, s[a + 1]! & (value >> 31));
          break;
        }
        case op.OP_TEST_MR32: {
          const lo = cpu.ea(p, 4, false);
          const b = (code[p + SLOTS]! >>> 8) & 0xff;
          logic32(s, mem.load32(lo, s[HI]!) & s[b]!);
          break;
        }
        case op.OP_TEST_MR64: {
          const at = cpu.ea(p, 8, false);
          const b = (code[p + SLOTS]! >>> 8) & 0xff;
          const lo = mem.load64(at, s[HI]!);
          logic64(s, lo & s[b]!, s[HI]! & s[b + 1]!);
          break;
        }
        case op.OP_TEST_MI32: {
          const lo = cpu.ea(p, 4, false);
          const value = code[p + IMM]!;
          logic32(s, mem.load32(lo, s[HI]!) & value);
          break;
        }
        case op.OP_TEST_MI64: {
          const at = cpu.ea(p, 8, false);
          const value = code[p + IMM]!;
          const lo = mem.load64(at, s[HI]!);
          logic64(s, lo & value, s[HI]! & (value >> 31));
          break;
        }

        case op.OP_CMP_RR8: {
          const slots = code[p + SLOTS]!;
          subNarrow(s, bytes[slots & 0xff]!, bytes[(slots >>> 8) & 0xff]!, WIDTH_8);
          break;
        }
        case op.OP_CMP_RI8:
          subNarrow(s, bytes[code[p + SLOTS]! & 0xff]!, code[p + IMM]! & 0xff, WIDTH_8);
          break;
        case op.OP_CMP_RM8: {
          const lo = cpu.ea(p, 1, false);
          subNarrow(s, bytes[code[p + SLOTS]! & 0xff]!, mem.load8(lo, s[HI]!), WIDTH_8);
          break;
        }
        case op.OP_CMP_MR8: {
          const lo = cpu.ea(p, 1, false);
          const a = mem.load8(lo, s[HI]!);
          subNarrow(s, a, bytes[(code[p + SLOTS]! >>> 8) & 0xff]!, WIDTH_8);
          break;
        }
        case op.OP_CMP_MI8: {
          const lo = cpu.ea(p, 1, false);
          subNarrow(s, mem.load8(lo, s[HI]!), code[p + IMM]! & 0xff, WIDTH_8);
          break;
        }
        case op.OP_TEST_RR8: {
          const slots = code[p + SLOTS]!;
          logicNarrow(s, bytes[slots & 0xff]! & bytes[(slots >>> 8) & 0xff]!, WIDTH_8);
          break;
        }
        case op.OP_TEST_RI8:
          logicNarrow(s, bytes[code[p + SLOTS]! & 0xff]! & code[p + IMM]!, WIDTH_8);
          break;
        case op.OP_TEST_MI8: {
          const lo = cpu.ea(p, 1, false);
          logicNarrow(s, mem.load8(lo, s[HI]!) & code[p + IMM]! & 0xff, WIDTH_8);
          break;
        }

        case op.OP_PUSH_R64: {
          s[CURRENT] = p;
          const b = code[p + SLOTS]! & 0xff;
          const lo = (s[SP]! - 8) | 0;
          const hi = (s[SP + 1]! - (lo >>> 0 >= 0xfffffff8 ? 1 : 0)) | 0;
          mem.store64(lo, hi, s[b]!, s[b + 1]!);
          s[SP] = lo;
          s[SP + 1] = hi;
          break;
        }
        case op.OP_PUSH_I64: {
          s[CURRENT] = p;
          const value = code[p + IMM]!;
          const lo = (s[SP]! - 8) | 0;
          const hi = (s[SP + 1]! - (lo >>> 0 >= 0xfffffff8 ? 1 : 0)) | 0;
          mem.store64(lo, hi, value, value >> 31);
          s[SP] = lo;
          s[SP + 1] = hi;
          break;
        }
        case op.OP_PUSH_M64: {
          const at = cpu.ea(p, 8, false);
          const valueLo = mem.load64(at, s[HI]!);
          const valueHi = s[HI]!;
          const lo = (s[SP]! - 8) | 0;
          const hi = (s[SP + 1]! - (lo >>> 0 >= 0xfffffff8 ? 1 : 0)) | 0;
          mem.store64(lo, hi, valueLo, valueHi);
          s[SP] = lo;
          s[SP + 1] = hi;
          break;
        }
        case op.OP_POP_R64: {
          s[CURRENT] = p;
          const a = code[p + SLOTS]! & 0xff;
          const valueLo = mem.load64(s[SP]!, s[SP + 1]!);
          const valueHi = s[HI]!;
          const lo = (s[SP]! + 8) | 0;
          if (lo >>> 0 < 8) s[SP + 1] = s[SP + 1]! + 1;
          s[SP] = lo;
          s[a] = valueLo;
          s[a + 1] = valueHi;
          break;
        }
        case op.OP_LEAVE64: {
          s[CURRENT] = p;
          const valueLo = mem.load64(s[BP]!, s[BP + 1]!);
          const valueHi = s[HI]!;
          const lo = (s[BP]! + 8) | 0;
          s[SP + 1] = s[BP + 1]! + (lo >>> 0 < 8 ? 1 : 0);
          s[SP] = lo;
          s[BP] = valueLo;
          s[BP + 1] = valueHi;
          break;
        }

        case op.OP_JMP:
          p = this.#follow(p, code[p + IMM]!);
          if (p === STOP) return;
          continue;
        case op.OP_JCC:
          if (!isCondition(s, code[p + INFO]! >>> INFO_C_SHIFT)) break;
          p = this.#follow(p, code[p + IMM]!);
          if (p === STOP) return;
          continue;
        case op.OP_CALL64: {
          s[CURRENT] = p;
          if (code[p + LINK] === 0) {
            const lo = relativeRip(cpu, p);
            const hi = s[HI]!;
            if (hi >> 15 !== hi >> 31) probeStack(cpu, -8, 8);
            checkTarget(cpu, lo, hi);
          }
          this.#pushReturn(p);
          p = this.#follow(p, code[p + IMM]!);
          if (p === STOP) return;
          continue;
        }
        case op.OP_RET64: {
          s[CURRENT] = p;
          const lo = mem.load64(s[SP]!, s[SP + 1]!);
          const hi = s[HI]!;
          if (hi >> 15 !== hi >> 31) cpu.raise(GP, 0);
          const sp = (s[SP]! + 8) | 0;
          if (sp >>> 0 < 8) s[SP + 1] = s[SP + 1]! + 1;
          s[SP] = sp;
          s[RIP] = lo;
          s[RIP + 1] = hi;
          s[CURRENT] = 0;
          p = this.#enter();
          if (p === STOP) return;
          continue;
        }
        case op.OP_CALL_R64:
        case op.OP_CALL_M64: {
          s[CURRENT] = p;
          this.#loadTarget(p);
          const lo = s[ADDRESS]!;
          const hi = s[ADDRESS + 1]!;
          this.#pushReturn(p);
          s[RIP] = lo;
          s[RIP + 1] = hi;
          s[CURRENT] = 0;
          p = this.#enter();
          if (p === STOP) return;
          continue;
        }
        case op.OP_JMP_R64:
        case op.OP_JMP_M64: {
          s[CURRENT] = p;
          this.#loadTarget(p);
          s[RIP] = s[ADDRESS]!;
          s[RIP + 1] = s[ADDRESS + 1]!;
          s[CURRENT] = 0;
          p = this.#enter();
          if (p === STOP) return;
          continue;
        }

        default:
          s[CURRENT] = p;
          EXECUTOR_TABLE[code[p + OP]! - FIRST_EXECUTOR]!(cpu, p);
          break;
      }
      p += RECORD_WORDS;
    }
  }

  /** An indirect branch's target, checked, into ADDRESS. */
  #loadTarget(p: number): void {
    const cpu = this.#cpu;
    const { s, code, mem } = cpu;
    const slot = code[p + SLOTS]! & 0xff;
    let lo: number;
    let hi: number;
    const kind = code[p + OP]!;
    const isCall = kind === op.OP_CALL_M64 || kind === op.OP_CALL_R64;
    if (kind === op.OP_CALL_M64 || kind === op.OP_JMP_M64) {
      const at = cpu.ea(p, 8, false);
      lo = mem.load64(at, s[HI]!);
      hi = s[HI]!;
    } else {
      lo = s[slot]!;
      hi = s[slot + 1]!;
    }
    if (hi >> 15 !== hi >> 31) {
      // A stack that cannot be written comes first.
      if (isCall) probeStack(cpu, -8, 8);
      cpu.raise(GP, 0);
    }
    s[ADDRESS] = lo;
    s[ADDRESS + 1] = hi;
  }

  /** Pushes the address behind the instruction at `p`, 64 bits. */
  #pushReturn(p: number): void {
    const { s, code, mem } = this.#cpu;
    const distance = code[p + NEXT]!;
    const returnLo = (s[RIP]! + distance) | 0;
    const returnHi = (s[RIP + 1]! + (returnLo >>> 0 < distance ? 1 : 0)) | 0;
    const lo = (s[SP]! - 8) | 0;
    const hi = (s[SP + 1]! - (lo >>> 0 >= 0xfffffff8 ? 1 : 0)) | 0;
    mem.store64(lo, hi, returnLo, returnHi);
    s[SP] = lo;
    s[SP + 1] = hi;
  }
}
