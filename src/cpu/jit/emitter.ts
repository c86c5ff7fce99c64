// SPDX-License-Identifier: BSD-2-Clause
// The function of one unit as it is being written: guest registers and flags in WebAssembly locals, the state
// block behind them, the ways out. Lowerings (lower/*.ts) use this and nothing below it.
//
//   loop $dispatch
//     block $exit
//       block $lookup
//         block $stopped
//           block … block br_table pc end … end     one label a guest block, in order of address
//             a guest block's code
//             its stub: where it is left for the interpreter
//         end
//       end
//       probe the jump cache; back to $dispatch if it leads into this unit
//     end
//   end
//   spill; go on to another unit, or return
//
// Registers are loaded at the top and stored at the way out; in between only locals change, and only when an
// instruction is complete, so that every point where it can fault has the state from before it.
import { JUMP_CACHE_OFFSET, TLB_CONTEXT, TLB_TABLE } from "../../mmu/machine-layout.ts";
import { NEXT, RECORD_WORDS, ROW, SLOTS } from "../decode/record.ts";
import { BLOCK_COUNT, BLOCK_OFFSET } from "../interp/code-cache.ts";
import {
  JUMP_CONTEXT,
  JUMP_IN_PAGE_BITS,
  JUMP_IN_PAGE_FOLD,
  JUMP_KEY_SHIFT,
  JUMP_PAGE_BITS,
  JUMP_PAGE_FOLD,
  JUMP_RIP,
  JUMP_STRIDE,
  JUMP_UNIT,
} from "../interp/jump-cache.ts";
import {
  BORDER_BYTES,
  EXIT_BAIL,
  EXIT_BUDGET,
  EXIT_LOOKUP,
  EXIT_SYNC,
  UNIT_ENTRY_MASK,
  UNIT_SLOT_SHIFT,
} from "../interp/translation.ts";
import { BLOCK, CURRENT, GPR, REMAINING, RIP, ZERO } from "../state-layout.ts";
import { isLongKey } from "../system/mode.ts";
import { FlagEmitter } from "./flag-emitter.ts";
import { leftKind } from "./left-kind.ts";
import { isFlagless, isLight } from "./light.ts";
import { endOf, isCall, successorsOf } from "./unit.ts";
import type { ByteBuffer } from "./wasm/byte-buffer.ts";
import type { Label, Local } from "./wasm/function-builder.ts";
import { TYPE_EMPTY, TYPE_I32, TYPE_I64 } from "./wasm/opcodes.ts";

/** Function indexes in the unit's module. */
export interface RuntimeFunctions {
  /** (address, size and access) → place in memory, or -1. The module's own, as is the next one. */
  readonly place: number;
  /** (address, value, size) → 0 if the store was done. */
  readonly store: number;
  /** (record) → EXEC_ status. */
  readonly exec: number;
  /** The same for the last instruction of a block, behind which the run loop may have to look around. */
  readonly execAndLook: number;
  /** () → the time stamp counter before the guest's offset, a double. */
  readonly ticks: number;
  /** (condition code) → 0 or 1, from the state block. */
  readonly condition: number;
  /** () → works the flags out into the state block's FLAGS word. */
  readonly settle: number;
  /** (entry, place in the table) → EXIT_: goes on to another unit, if there can be others. */
  readonly chain: number | undefined;
}

/** Beyond that many, a return is looked up like any other jump. */
const MAX_RETURN_SITES = 4;

/** A guest block of the unit. */
export interface UnitBlock {
  /** Header index in `code`. */
  readonly at: number;
  /** What to add to a record's index for its index in the vCPU's code cache. */
  readonly delta: number;
}

/** What the code from a byte on was written for. */
export interface Origin {
  /** Its place in the function's code, in front of which the prologue will be put. */
  readonly at: number;
  /**
   * block: the beginning of a guest block, at `record` its header. instruction, end: `record` is its. done: behind
   * the guest block's last. stub: what the block has left to the interpreter. exit: the unit's ways out.
   */
  readonly part: "block" | "instruction" | "end" | "done" | "stub" | "exit";
  readonly record: number;
}

export class UnitEmitter extends FlagEmitter {
  readonly blocks: readonly UnitBlock[];
  readonly runtime: RuntimeFunctions;
  /** What the blocks were decoded for. */
  readonly codeKey: number;
  /** Where the unit will be in the table. */
  readonly slot: number;
  /** In order of place. */
  readonly origins: Origin[] = [];

  // Locals that live as long as the function.
  readonly pc: Local;
  readonly tlb: Local;
  readonly address: Local;
  readonly entry: Local;
  readonly #remaining: Local;
  readonly #status: Local;
  /** Where control goes when it leaves the unit. */
  readonly rip: Local;
  readonly #record: Local;
  readonly #blockOut: Local;
  readonly #next: Local;

  // Labels.
  #dispatch!: Label;
  #exit!: Label;
  #lookup!: Label;
  #stopped!: Label;
  #starts: Label[] = [];
  #bail!: Label;
  #self: Label | undefined;

  /** Position of the guest block being written, its header, and its offset in its page. */
  index = 0;
  block = 0;
  /** The encodings for which the block being written has made sure that vector instructions do not fault. */
  readonly checkedVectors = new Set<"legacy" | "vex">();

  readonly #foundKinds = new Map<number, number>();

  constructor(
    code: Int32Array,
    blocks: readonly UnitBlock[],
    runtime: RuntimeFunctions,
    codeKey: number,
    slot: number,
  ) {
    super(code, isLongKey(codeKey));
    this.blocks = blocks;
    this.runtime = runtime;
    this.codeKey = codeKey;
    this.slot = slot;
    const { fn } = this;
    this.pc = fn.parameter(0, "pc");
    this.tlb = fn.lasting(TYPE_I32, "tlb");
    this.address = fn.lasting(TYPE_I64, "address");
    this.entry = fn.lasting(TYPE_I32, "entry");
    this.#remaining = fn.lasting(TYPE_I32, "remaining");
    this.#status = fn.lasting(TYPE_I32, "status");
    this.rip = fn.lasting(TYPE_I64, "rip");
    this.#record = fn.lasting(TYPE_I32, "record");
    this.#blockOut = fn.lasting(TYPE_I32, "block");
    this.#next = fn.lasting(TYPE_I32, "next");
  }

  // Ways out.

  /** The instruction at `p` is the interpreter's. Whatever it needs is in locals; nothing of it was done. */
  bail(p: number): void {
    this.writeLateFlags();
    this.fn.i32(p - this.block).set(this.#record);
    this.fn.br(this.#bail);
  }

  /** The same if the i32 on the stack is not zero. */
  bailIf(p: number): void {
    this.fn.if();
    this.bail(p);
    this.fn.end();
  }

  /** Leaves for the address in i64 on the stack, wherever that is. */
  leave(): void {
    this.fn.set(this.rip);
    this.leaveByTarget();
  }

  /** The same for the address in `rip`. */
  leaveByTarget(): void {
    this.settleKind();
    this.fn.br(this.#lookup);
  }

  /** Leaves the instruction at `p` to the interpreter if the address in `local` is not canonical. */
  bailUnlessCanonical(p: number, local: Local): void {
    const { fn } = this;
    // Bits 63:47 are all the same: 0 or -1.
    fn.get(local).i64(47).op("i64.shr_s").op("i32.wrap_i64");
    fn.i32(1).op("i32.add").i32(1).op("i32.gt_u");
    this.bailIf(p);
  }

  /** Position in the unit of the block `distance` bytes from this one's start, -1 if it is none of it. */
  #inside(distance: number): number {
    const offset = (this.code[this.block + BLOCK_OFFSET]! + distance) | 0;
    return this.blocks.findIndex(({ at }) => this.code[at + BLOCK_OFFSET] === offset);
  }

  /** A branch to a non-canonical address faults itself, which the interpreter does. No unit is near the border. */
  checkBranch(p: number, distance: number): void {
    if (!this.is64 || Math.abs(distance) < BORDER_BYTES / 2) return;
    const local = this.temp(TYPE_I64);
    this.pushCodeAddress(distance);
    this.fn.set(local);
    this.bailUnlessCanonical(p, local);
  }

  /** The relative branch at `p`. */
  branch(p: number, distance: number): void {
    this.checkBranch(p, distance);
    this.go(distance);
  }

  /** Goes `distance` bytes from the block's start: inside the unit if that is a block of it. */
  go(distance: number): void {
    this.settleKind();
    const target = this.#inside(distance);
    if (target < 0) {
      this.pushCodeAddress(distance);
      this.leave();
    } else this.#enter(target);
  }

  #enter(target: number): void {
    if (target === this.index && this.#self !== undefined) this.fn.br(this.#self);
    else if (target > this.index) this.fn.br(this.#starts[target]!);
    else this.fn.i32(target).set(this.pc).br(this.#dispatch);
  }

  /** Leaves for the address in `rip`; returns to where the unit has called from stay inside. */
  leaveByReturn(): void {
    const { fn } = this;
    this.settleKind();
    for (const site of this.#returnSites().slice(0, MAX_RETURN_SITES)) {
      fn.get(this.rip);
      fn.get(this.page).i64(this.code[this.blocks[site]!.at + BLOCK_OFFSET]! & 0xfff);
      fn.op("i64.add").op("i64.eq").if();
      this.#enter(site);
      fn.end();
    }
    this.leaveByTarget();
  }

  /** Blocks that lie behind a call of the unit. */
  #returnSites(): number[] {
    const { code } = this;
    const behind = this.blocks
      .filter(({ at }) => isCall(code, at))
      .map(({ at }) => (code[at + BLOCK_OFFSET]! + code[endOf(code, at) + NEXT]!) | 0);
    return this.blocks.flatMap(({ at }, index) =>
      behind.includes(code[at + BLOCK_OFFSET]!) ? [index] : [],
    );
  }

  /** RIP is `push`ed, and the run loop has to look around. */
  sync(push: () => void): void {
    this.settleKind();
    push();
    this.fn.set(this.rip).i32(EXIT_SYNC).set(this.#status).i32(0).set(this.#record);
    this.fn.br(this.#exit);
  }

  /** Pushes RIP as an executor has left it. */
  pushStateRip(): void {
    this.loadState("i64.load", RIP);
  }

  // Executors.

  /**
   * Calls the executor of the instruction at `p`, with all state in its block, and takes the state back from
   * there. Control goes on behind it unless it faulted or something asks to stop; with `isLooking`, which is for
   * a block's last instruction, nor if there is anything for the run loop to see.
   */
  callExecutor(p: number, isLooking = false): void {
    const { fn, runtime } = this;
    const row = this.code[p + ROW]!;
    if (isLight(row)) {
      this.#callLight(p, isFlagless(row));
      return;
    }
    const record = p + this.blocks[this.index]!.delta;
    this.#spill();
    this.stateBase();
    this.pushBlockStart();
    this.storeState("i64.store", RIP);
    this.stateBase();
    fn.i32(this.block + this.blocks[this.index]!.delta);
    this.storeState("i32.store", BLOCK);
    // Whatever it is if not done, all state is in the block already.
    fn.i32(record)
      .call(isLooking ? runtime.execAndLook : runtime.exec)
      .tee(this.#status)
      .if();
    fn.get(this.#status).op("return").end();
    this.#reload();
    this.kindIs(-1);
    this.expectedKind = -1;
  }

  /** The same for one that sees no general registers but those of its operand's address. */
  #callLight(p: number, isFlagless: boolean): void {
    const { fn } = this;
    const record = p + this.blocks[this.index]!.delta;
    const block = this.block + this.blocks[this.index]!.delta;
    for (const slot of [(this.code[p + SLOTS]! >>> 16) & 0xff, this.code[p + SLOTS]! >>> 24]) {
      if (slot < GPR || slot >= ZERO || ((slot - GPR) & 1) !== 0) continue;
      this.stateBase();
      this.get64(slot);
      this.storeState("i64.store", slot);
    }
    this.stateBase();
    this.pushBlockStart();
    this.storeState("i64.store", RIP);
    this.stateBase();
    fn.i32(block);
    this.storeState("i32.store", BLOCK);
    this.stateBase();
    fn.get(this.#remaining);
    this.storeState("i32.store", REMAINING);
    if (!isFlagless) {
      this.writeLateFlags();
      this.publishFlags();
    }
    fn.i32(record).call(this.runtime.exec).set(this.#status);
    if (!isFlagless) {
      this.fetchFlags();
      this.kindIs(-1);
      this.expectedKind = -1;
    }
    fn.get(this.#status).if();
    this.writeLateFlags();
    // An instruction that faulted is to be gone back to; one that was done is not.
    fn.i32(record + RECORD_WORDS).i32(record);
    fn.get(this.#status).i32(EXIT_BAIL).op("i32.eq").op("select").set(this.#record);
    fn.i32(block).set(this.#blockOut);
    this.pushBlockStart();
    fn.set(this.rip).br(this.#exit).end();
  }

  /** All state into the block, as an executor wants it. */
  #spill(): void {
    this.writeLateFlags();
    for (let register = 0; register < 16; register++) {
      this.stateBase();
      this.getGpr(register);
      this.storeState("i64.store", GPR + 2 * register);
      this.modified.add(register);
    }
    this.publishFlags();
    this.stateBase();
    this.fn.get(this.#remaining);
    this.storeState("i32.store", REMAINING);
  }

  #reload(): void {
    for (let register = 0; register < 16; register++) {
      this.loadState("i64.load", GPR + 2 * register);
      this.fn.set(this.gpr(register));
    }
    this.fetchFlags();
    this.loadState("i32.load", TLB_TABLE);
    this.fn.set(this.tlb);
    this.loadState("i32.load", REMAINING);
    this.fn.set(this.#remaining);
  }

  /** What the flags probably are where blocks are entered from the unit's, by their places in memory. */
  #guessKinds(): void {
    const { code } = this;
    for (const { at } of this.blocks) {
      const kind = leftKind(code, at);
      if (kind < 0) continue;
      const offset = code[at + BLOCK_OFFSET]!;
      for (const distance of successorsOf(code, at)) {
        const target = (offset + distance) | 0;
        // A loop comes from its own end more often than from anywhere else.
        if (target === offset || !this.#foundKinds.has(target)) this.#foundKinds.set(target, kind);
      }
    }
  }

  /** Pushes how many instructions of the budget are left once the one at `p` has begun. */
  pushRemaining(p: number): void {
    const ahead = (endOf(this.code, this.block) - p) / RECORD_WORDS - 1;
    this.fn.get(this.#remaining);
    if (ahead !== 0) this.fn.i32(ahead).op("i32.add");
  }

  // The function.

  /** To be called where the code of the instruction at `p`, or of the block's END, begins. */
  begin(p: number): void {
    this.#origin(p < endOf(this.code, this.block) ? "instruction" : "end", p);
  }

  #origin(part: Origin["part"], record: number): void {
    this.origins.push({ at: this.fn.length, part, record });
  }

  /** Writes all of it: `lowerBlock` is called for each guest block in turn. */
  build(lowerBlock: (emitter: UnitEmitter) => void): ByteBuffer {
    const { fn } = this;
    this.#guessKinds();
    this.#dispatch = fn.loop(TYPE_EMPTY, "dispatch");
    this.#exit = fn.block(TYPE_EMPTY, "exit");
    this.#lookup = fn.block(TYPE_EMPTY, "lookup");
    this.#stopped = fn.block(TYPE_EMPTY, "stopped");
    const starts = this.blocks.map(() => undefined as Label | undefined);
    for (let i = this.blocks.length - 1; i >= 0; i--) {
      starts[i] = fn.block(TYPE_EMPTY, `block${i}`);
    }
    this.#starts = starts as Label[];
    fn.get(this.pc).brTable(this.#starts);
    this.blocks.forEach(({ at }, index) => {
      fn.end();
      this.#guestBlock(index, at, lowerBlock);
    });
    this.#origin("exit", 0);
    fn.op("unreachable").end();
    this.#stop();
    fn.br(this.#exit).end();
    fn.i32(EXIT_LOOKUP).set(this.#status).i32(0).set(this.#record);
    if (this.runtime.chain !== undefined) this.#findNext();
    fn.end().end();
    this.#epilogue();
    return fn.finish(this.#prologue());
  }

  #guestBlock(index: number, at: number, lowerBlock: (emitter: UnitEmitter) => void): void {
    const { fn } = this;
    this.index = index;
    this.block = at;
    this.offsetInPage = this.code[at + BLOCK_OFFSET]! & 0xfff;
    this.kindIs(-1);
    this.checkedVectors.clear();
    this.#origin("block", at);
    this.#bail = fn.block(TYPE_EMPTY, `bail${index}`);
    // Hosts' first compilers keep nothing in registers at the beginning of a loop.
    const isLoop = successorsOf(this.code, at).includes(0);
    this.#self = isLoop ? fn.loop(TYPE_EMPTY, `again${index}`) : undefined;
    this.#takeBudget(this.code[at + BLOCK_COUNT]!);
    this.expectedKind = this.#foundKinds.get(this.code[at + BLOCK_OFFSET]!) ?? -1;
    lowerBlock(this);
    this.#origin("done", at);
    if (isLoop) fn.end();
    fn.op("unreachable").end();
    this.#origin("stub", at);
    this.#leaveBlock(at);
  }

  /**
   * The instructions of the block that begins are paid for; if too few are left, the unit is. How many those were,
   * and where, is the stub's to say.
   */
  #takeBudget(count: number): void {
    const { fn } = this;
    fn.get(this.#remaining).i32(count).op("i32.sub").tee(this.#remaining);
    fn.i32(0).op("i32.lt_s").if();
    fn.i32(0).set(this.#record).br(this.#bail).end();
  }

  /** The stub of the block at `at`: the interpreter goes on with #record, its place in the block; 0 if it was not begun. */
  #leaveBlock(at: number): void {
    const { fn } = this;
    fn.get(this.#remaining);
    fn.i32(0)
      .i32(this.code[at + BLOCK_COUNT]!)
      .get(this.#record)
      .op("select");
    fn.op("i32.add").set(this.#remaining);
    fn.i32(at + this.blocks[this.index]!.delta).set(this.#blockOut);
    this.pushBlockStart();
    fn.set(this.rip).br(this.#stopped);
  }

  /** What is the same for all stubs. */
  #stop(): void {
    const { fn } = this;
    fn.get(this.#record).if();
    fn.get(this.#record).get(this.#blockOut).op("i32.add").set(this.#record);
    fn.i32(EXIT_BAIL).set(this.#status);
    fn.else();
    fn.i32(EXIT_BUDGET).set(this.#status);
    fn.end();
  }

  #prologue(): ByteBuffer {
    const { fn } = this;
    return fn.prologue(() => {
      this.gprs.forEach((local, register) => {
        if (local === undefined) return;
        this.loadState("i64.load", GPR + 2 * register);
        fn.set(local);
      });
      if (this.usesFlags) this.fetchFlags();
      this.loadState("i64.load", RIP);
      fn.i64(-4096, -1).op("i64.and").set(this.page);
      this.loadState("i32.load", TLB_TABLE);
      fn.set(this.tlb);
      this.loadState("i32.load", REMAINING);
      fn.set(this.#remaining);
    });
  }

  #epilogue(): void {
    const { fn } = this;
    for (const register of this.modified) {
      this.stateBase();
      this.getGpr(register);
      this.storeState("i64.store", GPR + 2 * register);
    }
    if (this.usesFlags) this.storeFlags();
    this.stateBase();
    fn.get(this.#remaining);
    this.storeState("i32.store", REMAINING);
    this.stateBase();
    fn.get(this.rip);
    this.storeState("i64.store", RIP);
    this.stateBase();
    fn.get(this.#record);
    this.storeState("i32.store", CURRENT);
    this.stateBase();
    fn.get(this.#blockOut);
    this.storeState("i32.store", BLOCK);
    const { chain } = this.runtime;
    if (chain !== undefined) {
      fn.get(this.#next).if();
      fn.get(this.#next).i32(UNIT_ENTRY_MASK).op("i32.and");
      fn.get(this.#next).i32(UNIT_SLOT_SHIFT).op("i32.shr_u").returnCall(chain).end();
    }
    fn.get(this.#status);
  }

  /**
   * The target is not one that was known while translating: asks the jump cache for its unit, which is then in
   * #next; else that stays 0. The hash is interp/jump-cache.ts's.
   */
  #findNext(): void {
    const { fn } = this;
    const entry = this.entry;
    const lo = fn.local(TYPE_I32);
    fn.get(this.rip).op("i32.wrap_i64").set(lo);
    fn.get(lo).i32(12).op("i32.shr_u").get(lo).i32(JUMP_PAGE_FOLD).op("i32.shr_u").op("i32.xor");
    fn.get(this.rip).i64(32).op("i64.shr_u").op("i32.wrap_i64").op("i32.xor");
    fn.i32((1 << JUMP_PAGE_BITS) - 1)
      .op("i32.and")
      .i32(JUMP_IN_PAGE_BITS)
      .op("i32.shl");
    fn.get(lo).get(lo).i32(JUMP_IN_PAGE_FOLD).op("i32.shr_u").op("i32.xor");
    fn.i32((1 << JUMP_IN_PAGE_BITS) - 1)
      .op("i32.and")
      .op("i32.or");
    fn.i32(2 + Math.log2(JUMP_STRIDE))
      .op("i32.shl")
      .tee(entry);
    fn.memory("i64.load", JUMP_CACHE_OFFSET + 4 * JUMP_RIP)
      .get(this.rip)
      .op("i64.eq")
      .if();
    fn.get(entry).memory("i32.load", JUMP_CACHE_OFFSET + 4 * JUMP_CONTEXT);
    this.loadState("i32.load", TLB_CONTEXT);
    fn.i32(this.codeKey << JUMP_KEY_SHIFT)
      .op("i32.xor")
      .op("i32.eq")
      .if();
    fn.get(entry)
      .memory("i32.load", JUMP_CACHE_OFFSET + 4 * JUMP_UNIT)
      .set(this.#next);
    this.#goBack();
    fn.end().end();
  }

  /** A target in this very unit, at the address that the unit runs at. */
  #goBack(): void {
    const { fn } = this;
    fn.get(this.#next).i32(UNIT_SLOT_SHIFT).op("i32.shr_u").i32(this.slot).op("i32.eq");
    fn.get(this.rip).get(this.page).op("i64.xor").i64(-4096, -1).op("i64.and").op("i64.eqz");
    fn.op("i32.and").if();
    fn.get(this.#next).i32(UNIT_ENTRY_MASK).op("i32.and").set(this.pc);
    fn.i32(0).set(this.#next);
    fn.br(this.#dispatch).end();
  }
}
