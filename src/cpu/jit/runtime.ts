// SPDX-License-Identifier: BSD-2-Clause
// What translated code calls back for: executors of instructions without a lowering, TLB misses, flags whose
// kind it does not know. None of these ever throws into WebAssembly.
import { VCPU_STATE_OFFSET } from "../../mmu/machine-layout.ts";
import { GUEST_FAULT } from "../../mmu/page-fault.ts";
import { CONTEXT_PRIVILEGE_BITS } from "../../mmu/tlb.ts";
import type { InoutExit } from "../bus.ts";
import type { Cpu } from "../cpu.ts";
import { NEXT, OP, RECORD_WORDS, ROW } from "../decode/record.ts";
import { isCondition, settleFlags } from "../flags.ts";
import { EXECUTORS } from "../interp/executors.ts";
import { OP_BREAK, OP_STALE, OP_SYNC } from "../interp/hot-ops.ts";
import type { Executor } from "../interp/operands.ts";
import { EXIT_BAIL, EXIT_FAULT, EXIT_SYNC } from "../interp/translation.ts";
import { ISA_ROWS } from "../isa/table.ts";
import { CURRENT, RIP, RIP_HIGH_MASK, VECTOR_SCRATCH, YMM_WORDS } from "../state-layout.ts";
import { needsAttention } from "../system/events.ts";
import type { RuntimeImport } from "./translator.ts";
import { NO_PLACE, PLACE_WRITE } from "./unit-helpers.ts";

/** What the import `exec` returns if the unit can go on; else it is the unit's exit. */
const EXEC_DONE = 0;

const PAGE = 4096;

/** Where a load from two pages is put together. */
const SCRATCH_BYTE = 4 * (VECTOR_SCRATCH + 3 * YMM_WORDS);

export class Runtime {
  /** Executor calls by row: which instructions to write a lowering for. */
  readonly fallbacks = new Int32Array(ISA_ROWS.length);
  refills = 0;
  /** The latest access that no place was found for is a device's to answer. */
  isDeviceAccess = false;
  readonly #cpu: Cpu;
  readonly #executors: readonly Executor[];

  constructor(cpu: Cpu) {
    this.#cpu = cpu;
    this.#executors = ISA_ROWS.map(({ op }) => EXECUTORS[op]);
  }

  imports(): Readonly<Record<RuntimeImport, (...values: number[]) => number | undefined>> {
    const cpu = this.#cpu;
    const { s } = cpu;
    return {
      storeAcross: (lo, hi, valueLo, valueHi, size) =>
        this.#storeAcross(lo!, hi!, valueLo!, valueHi!, size!),
      exec: (record) => this.#exec(record!),
      execAndLook: (record) => this.#execAndLook(record!),
      ticks: () => cpu.environment.readTsc(),
      refill: (lo, hi, request) => this.#refill(lo!, hi!, request!),
      condition: (code) => (isCondition(s, code!) ? 1 : 0),
      settle: () => void settleFlags(s),
    };
  }

  /** Names of operations and how often their executors were called, most often first. */
  calledExecutors(): [name: string, calls: number][] {
    const calls = new Map<string, number>();
    this.fallbacks.forEach((count, row) => {
      const { op } = ISA_ROWS[row]!;
      if (count !== 0) calls.set(op, (calls.get(op) ?? 0) + count);
    });
    return [...calls].sort(([, a], [, b]) => b - a);
  }

  #exec(p: number): number {
    const cpu = this.#cpu;
    const { s, code } = cpu;
    const row = code[p + ROW]!;
    this.fallbacks[row] = this.fallbacks[row]! + 1;
    s[CURRENT] = p;
    try {
      this.#executors[row]!(cpu, p);
    } catch (signal) {
      if (signal !== GUEST_FAULT) throw signal;
      return EXIT_FAULT;
    }
    const next = code[p + RECORD_WORDS + OP]!;
    if (next !== OP_STALE && next !== OP_BREAK) return EXEC_DONE;
    // The interpreter knows how to stop there.
    s[CURRENT] = p + RECORD_WORDS;
    return EXIT_BAIL;
  }

  /** For the last instruction of a block behind which the run loop may have to look around. */
  #execAndLook(p: number): number {
    const cpu = this.#cpu;
    const { s, code, mem } = cpu;
    const key = cpu.codeKey;
    const space = mem.tlb.context >> CONTEXT_PRIVILEGE_BITS;
    const exit = this.#exec(p);
    if (exit !== EXEC_DONE) return exit;
    s[CURRENT] = 0;
    const end = p + RECORD_WORDS;
    if (cpu.exit?.kind === "inout" && cpu.onPortAccess !== undefined) {
      return this.#accessPort(cpu.exit, cpu.onPortAccess, end);
    }
    const isSame = cpu.codeKey === key && mem.tlb.context >> CONTEXT_PRIVILEGE_BITS === space;
    if (isSame && !needsAttention(cpu)) return EXEC_DONE;
    if (code[end + OP] === OP_SYNC) this.#advance(code[end + NEXT]!);
    return EXIT_SYNC;
  }

  /** What the run loop would do with the exit, in the middle of a unit whose block ends at `end`. */
  #accessPort(exit: InoutExit, access: (exit: InoutExit) => void, end: number): number {
    const cpu = this.#cpu;
    const { code } = cpu;
    if (code[end + OP] === OP_SYNC) this.#advance(code[end + NEXT]!);
    cpu.exit = undefined;
    cpu.counters.inout++;
    access(exit);
    // A device may have written over this very code.
    return code[end + OP] === OP_SYNC && !needsAttention(cpu) ? EXEC_DONE : EXIT_SYNC;
  }

  #advance(distance: number): void {
    const { s } = this.#cpu;
    const lo = (s[RIP]! + distance) | 0;
    s[RIP + 1] = (s[RIP + 1]! + (lo >>> 0 < distance ? 1 : 0)) & s[RIP_HIGH_MASK]!;
    s[RIP] = lo;
  }

  /** The bytes of a load from two pages, side by side in the state; NO_PLACE if one of the pages is not RAM. */
  #gather(lo: number, hi: number, size: number): number {
    const { mem, memory, bytes } = this.#cpu;
    const head = PAGE - (lo & (PAGE - 1));
    const first = mem.readablePlace(lo, hi);
    // This may take the first page's entry from the TLB, but not its place.
    const second = mem.readablePlace((lo + head) | 0, this.#highBehind(lo, hi));
    if (first < 0 || second < 0) return NO_PLACE;
    for (let i = 0; i < head; i++) bytes[SCRATCH_BYTE + i] = memory.bytes[first + i]!;
    for (let i = head; i < size; i++) bytes[SCRATCH_BYTE + i] = memory.bytes[second + i - head]!;
    return VCPU_STATE_OFFSET + SCRATCH_BYTE;
  }

  /** Stores the lower `size` bytes of a value into two pages; -1, with nothing done, if the interpreter has to. */
  #storeAcross(lo: number, hi: number, valueLo: number, valueHi: number, size: number): number {
    const { mem, memory } = this.#cpu;
    const head = PAGE - (lo & (PAGE - 1));
    if (size <= head) return -1;
    try {
      const first = mem.writablePlace(lo, hi);
      const second = mem.writablePlace((lo + head) | 0, this.#highBehind(lo, hi));
      if (first < 0 || second < 0) return -1;
      for (let i = 0; i < size; i++) {
        const byte = (i < 4 ? valueLo : valueHi) >>> (8 * (i & 3));
        memory.bytes[i < head ? first + i : second + i - head] = byte;
      }
      return 0;
    } catch (signal) {
      if (signal !== GUEST_FAULT) throw signal;
      return -1;
    }
  }

  /** The high half of the address of the page behind that of (hi:lo). */
  #highBehind(lo: number, hi: number): number {
    if (!this.#cpu.is64) return 0;
    return (lo | (PAGE - 1)) === -1 ? (hi + 1) | 0 : hi;
  }

  /** Place of an access in the machine's memory; NO_PLACE if the interpreter has to carry it out. */
  #refill(lo: number, hi: number, request: number): number {
    this.refills++;
    const size = request & ~PLACE_WRITE;
    const { mem } = this.#cpu;
    // It may trap, or fault before the page is looked at: no accessed or dirty flag may be set for it here.
    if (mem.watcher.isWatched(lo, hi)) return NO_PLACE;
    try {
      if ((lo & (PAGE - 1)) + size > PAGE) {
        return (request & PLACE_WRITE) === 0 ? this.#gather(lo, hi, size) : NO_PLACE;
      }
      const isWrite = (request & PLACE_WRITE) !== 0;
      const place = isWrite ? mem.writablePlace(lo, hi) : mem.readablePlace(lo, hi);
      this.isDeviceAccess = place < 0 && mem.isOutsideRam(lo, hi, isWrite);
      return place;
    } catch (signal) {
      if (signal !== GUEST_FAULT) throw signal;
      return NO_PLACE;
    }
  }
}
