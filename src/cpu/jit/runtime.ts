// SPDX-License-Identifier: BSD-2-Clause
// What translated code calls back for: executors of instructions without a lowering, TLB misses, flags whose
// kind it does not know. None of these ever throws into WebAssembly.
import { GUEST_FAULT } from "../../mmu/page-fault.ts";
import type { Cpu } from "../cpu.ts";
import { OP, RECORD_WORDS, ROW } from "../decode/record.ts";
import { isCondition, settleFlags } from "../flags.ts";
import { EXECUTORS } from "../interp/executors.ts";
import { OP_BREAK, OP_STALE } from "../interp/hot-ops.ts";
import type { Executor } from "../interp/operands.ts";
import { EXIT_BAIL, EXIT_FAULT } from "../interp/translation.ts";
import { ISA_ROWS } from "../isa/table.ts";
import { CURRENT } from "../state-layout.ts";
import { REFILL_WRITE } from "./memory-path.ts";
import type { RuntimeImport } from "./translator.ts";

/** What the import `exec` returns if the unit can go on; else it is the unit's exit. */
export const EXEC_DONE = 0;

const PAGE = 4096;

export class Runtime {
  /** Executor calls by row: which instructions to write a lowering for. */
  readonly fallbacks = new Int32Array(ISA_ROWS.length);
  refills = 0;
  readonly #cpu: Cpu;
  readonly #executors: readonly Executor[];

  constructor(cpu: Cpu) {
    this.#cpu = cpu;
    this.#executors = ISA_ROWS.map(({ op }) => EXECUTORS[op]);
  }

  imports(): Readonly<Record<RuntimeImport, (...values: number[]) => number | undefined>> {
    const { s } = this.#cpu;
    return {
      exec: (record) => this.#exec(record!),
      refill: (lo, hi, request) => this.#refill(lo!, hi!, request!),
      condition: (code) => (isCondition(s, code!) ? 1 : 0),
      settle: () => void settleFlags(s),
    };
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

  /** Place of an access in the machine's memory; -1 if the interpreter has to carry it out. */
  #refill(lo: number, hi: number, request: number): number {
    this.refills++;
    const size = request & ~REFILL_WRITE;
    if ((lo & (PAGE - 1)) + size > PAGE) return -1;
    const { mem } = this.#cpu;
    // It may trap, or fault before the page is looked at: no accessed or dirty flag may be set for it here.
    if (mem.watcher.isWatched(lo, hi)) return -1;
    try {
      return (request & REFILL_WRITE) === 0 ? mem.readablePlace(lo, hi) : mem.writablePlace(lo, hi);
    } catch (signal) {
      if (signal !== GUEST_FAULT) throw signal;
      return -1;
    }
  }
}
