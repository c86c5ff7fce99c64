// SPDX-License-Identifier: BSD-2-Clause
// From hot blocks to units in the table, and back: collects requests, has them translated in batches, drops what
// is no longer true. Guest code that WebAssembly refuses stays the interpreter's.
//
// With a compiler on another thread, blocks are interpreted on while it works. What it sends back is looked at
// when the next block is hot, and forgotten if the code has changed meanwhile.

import { RAM_OFFSET } from "../../mmu/machine-layout.ts";
import type { Cpu } from "../cpu.ts";
import { INFO, INFO_OUTSIDE_RAM, OP } from "../decode/record.ts";
import {
  BLOCK_COUNT,
  BLOCK_HASH_NEXT,
  BLOCK_HEADER,
  BLOCK_KEY,
  BLOCK_OFFSET,
  BLOCK_PAGE_NEXT,
  BLOCK_RUNS,
  BLOCK_WORDS,
  SCRATCH,
} from "../interp/code-cache.ts";
import { OP_STALE } from "../interp/hot-ops.ts";
import type { Interpreter } from "../interp/interpreter.ts";
import {
  EXIT_BAIL,
  type Translation,
  UNIT_ENTRY_MASK,
  UNIT_SLOT_SHIFT,
} from "../interp/translation.ts";
import { BLOCK, CURRENT, REMAINING } from "../state-layout.ts";
import { isFlatKey } from "../system/mode.ts";
import {
  packJob,
  type TranslatedJob,
  translateAndCompile,
  type UnitCompiler,
  unitSources,
} from "./compiler.ts";
import { Runtime } from "./runtime.ts";
import { IMPORT_CHAIN } from "./translator.ts";
import { blockState, selectUnit } from "./unit.ts";
import { type UnitFunction, UnitTable } from "./unit-table.ts";
import { IMPORT_MEMORY, IMPORT_MODULE } from "./wasm/module-builder.ts";

/** Units of one module at most: what one compilation costs beyond its code is shared by them. */
const BATCH = 32;
/** How often blocks that wait for their translation have to be hot anew before no more company is waited for. */
const PATIENCE = 8;
/** A block that was entered this fraction of the threshold is translated if another one of its page is hot. */
const WARM = 4;
/** Jobs that the other thread has at a time: one in work, and one so that it need not wait for the next. */
const MAX_JOBS = 2;
/** How often an instruction has to leave its unit for a device before the unit is translated anew, without that. */
const DEVICE_ACCESSES = 16;
/** Bytes of WebAssembly that are kept; beyond, everything is dropped and begins anew. */
const MAX_BYTES = 64 * 1024 * 1024;

/**
 * Modules that are kept, likewise. V8 maps memory several times for each, and ends the whole process when the system
 * grants no more mappings, 65,530 on Linux.
 */
const MAX_MODULES = 4096;

/** Counted since the vCPU was made. */
export interface TranslationCounters {
  units: number;
  blocks: number;
  instructions: number;
  bytes: number;
  modules: number;
  /** Those of them that were made by the vCPU's own thread. */
  awaited: number;
  refused: number;
  dropped: number;
  flushes: number;
  /** Guest instructions that units have executed, and what they left of a block to the interpreter. */
  retired: number;
  /** Host time spent on writing WebAssembly, and on having it compiled. */
  translatingMs: number;
  compilingMs: number;
  /** Returns from units to JavaScript, by EXIT_. */
  readonly exits: number[];
}

const NONE: ReadonlySet<number> = new Set();

interface Unit {
  readonly slot: number;
  readonly blocks: readonly number[];
}

export interface TranslationOptions {
  /** How often a block is interpreted before it is translated; up to the next power of two. */
  readonly threshold: number;
  /** The host's time in milliseconds, for the counters alone. */
  readonly now: () => number;
  /** Translates on another thread. Without, and while it is not ready, the vCPU waits for its units. */
  readonly compiler?: UnitCompiler | undefined;
}

export class TranslationEngine implements Translation {
  readonly countMask: number;
  readonly isEager: boolean;
  readonly runtime: Runtime;
  readonly counters: TranslationCounters = {
    units: 0,
    blocks: 0,
    instructions: 0,
    bytes: 0,
    modules: 0,
    awaited: 0,
    refused: 0,
    dropped: 0,
    flushes: 0,
    retired: 0,
    translatingMs: 0,
    compilingMs: 0,
    exits: [0, 0, 0, 0, 0],
  };
  readonly #cpu: Cpu;
  readonly #interpreter: Interpreter;
  #table: UnitTable;
  readonly #imports: Record<string, unknown>;
  readonly #byPage = new Map<number, Unit[]>();
  readonly #now: () => number;
  readonly #compiler: UnitCompiler | undefined;
  /** Hot blocks that no job has yet. */
  readonly #requests = new Set<number>();
  /** What the jobs that are being worked on will bring, the oldest first; undefined if it is no longer wanted. */
  readonly #jobs: (readonly Unit[] | undefined)[] = [];
  /** The blocks in them. */
  readonly #underway = new Set<number>();
  #repeated = 0;
  #liveBytes = 0;
  #liveModules = 0;
  /** How often the record of an instruction was left to the interpreter because of a device. */
  readonly #deviceAccesses = new Map<number, number>();
  /** Units of blocks that are not kept, by the blocks' words. */
  #prepared = new Map<string, UnitFunction>();

  constructor(
    cpu: Cpu,
    interpreter: Interpreter,
    { threshold, now, compiler }: TranslationOptions,
  ) {
    this.#now = now;
    this.#compiler = compiler;
    this.#cpu = cpu;
    this.#interpreter = interpreter;
    this.countMask = 2 ** Math.ceil(Math.log2(Math.max(threshold, 1))) - 1;
    this.isEager = threshold === 0;
    this.runtime = new Runtime(cpu);
    this.#table = new UnitTable(cpu.memory.memory);
    this.#imports = { ...this.runtime.imports(), [IMPORT_MEMORY]: cpu.memory.memory };
  }

  request(block: number): boolean {
    const { code } = this.#cpu;
    if (block === SCRATCH || !isFlatKey(code[block + BLOCK_KEY]!)) return false;
    this.#collect();
    if (code[block + BLOCK_RUNS]! < 0) return true;
    if (this.#underway.has(block)) return false;
    if (this.#requests.has(block)) this.#repeated++;
    else this.#requests.add(block);
    if (this.#isEnough()) this.#carryOut();
    return code[block + BLOCK_RUNS]! < 0;
  }

  /** Whether what is requested is worth a module of its own now. */
  #isEnough(): boolean {
    if (this.isEager) return true;
    if (this.#jobs.length >= MAX_JOBS) return false;
    return this.#repeated >= PATIENCE || this.#requests.size >= BATCH;
  }

  /**
   * Translates blocks that {@link runOnce} is about to be given in one module, which is many times cheaper than one
   * for each; what was prepared before is given up. Each array begins like the code cache, with its block at SCRATCH.
   */
  prepare(blocks: readonly Int32Array[]): void {
    this.#prepared = new Map();
    const units = blocks.map((code) => ({ code, blocks: [{ at: SCRATCH, delta: 0 }], slot: 0 }));
    const instance = this.#instantiate(translateAndCompile(units, false, this.#now));
    units.forEach(({ code }, index) => {
      const run = instance?.exports[`u${index}`] as UnitFunction | undefined;
      if (run !== undefined) this.#prepared.set(wordsOf(code, SCRATCH), run);
    });
  }

  runOnce(block: number): number {
    const run = this.#prepared.get(wordsOf(this.#cpu.code, block)) ?? this.#compileOnce(block);
    return this.#enter(run, 0, 0);
  }

  #compileOnce(block: number): UnitFunction {
    const unit = { code: this.#cpu.code, blocks: [{ at: block, delta: 0 }], slot: 0 };
    const instance = this.#instantiate(translateAndCompile([unit], false, this.#now));
    if (instance === undefined) throw new RangeError("the host refuses to compile a single block");
    return instance.exports["u0"] as UnitFunction;
  }

  run(unit: number): number {
    return this.#enter(this.#table.enter, unit & UNIT_ENTRY_MASK, unit >> UNIT_SLOT_SHIFT);
  }

  #enter(run: UnitTable["enter"], entry: number, slot: number): number {
    const { s } = this.#cpu;
    const before = s[REMAINING]!;
    const exit = run(entry, slot);
    this.counters.retired += before - s[REMAINING]!;
    const { exits } = this.counters;
    exits[exit] = exits[exit]! + 1;
    if (exit === EXIT_BAIL && this.runtime.isDeviceAccess) this.#leftForDevice();
    return exit;
  }

  /** Instructions that keep accessing devices are called by units, which costs less than leaving them. */
  #leftForDevice(): void {
    const { s, code } = this.#cpu;
    this.runtime.isDeviceAccess = false;
    const record = s[CURRENT]!;
    const accesses = (this.#deviceAccesses.get(record) ?? 0) + 1;
    this.#deviceAccesses.set(record, accesses);
    if (accesses < DEVICE_ACCESSES) return;
    this.#deviceAccesses.delete(record);
    code[record + INFO] = code[record + INFO]! | INFO_OUTSIDE_RAM;
    const { unit } = blockState(code, s[BLOCK]!);
    if (unit !== undefined) this.#drop(s[BLOCK]!, unit);
  }

  /** Drops the unit of a block: its blocks are interpreted until they are hot again. */
  #drop(block: number, slot: number): void {
    const { code } = this.#cpu;
    const page = pageOf(code, block);
    const units = this.#byPage.get(page)!;
    const unit = units.find((other) => other.slot === slot)!;
    this.#byPage.set(
      page,
      units.filter((other) => other !== unit),
    );
    for (const member of unit.blocks) code[member + BLOCK_RUNS] = 0;
    this.#table.drop(slot);
    this.counters.dropped++;
  }

  #carryOut(): void {
    const requests = [...this.#requests];
    this.#requests.clear();
    this.#repeated = 0;
    if (this.#isFull(requests.length)) this.#startOver();
    const taken = new Set(this.#underway);
    const units: Unit[] = [];
    for (const hot of requests) {
      if (!this.#isFree(hot, taken)) continue;
      const blocks = selectUnit(this.#cpu.code, this.#seeds(hot, taken), (offset, key) => {
        const block = this.#cpu.cache.find(offset >>> 0, key);
        return block !== 0 && this.#isFree(block, taken) ? block : 0;
      });
      for (const block of blocks) taken.add(block);
      units.push({ slot: this.#table.reserve(), blocks });
    }
    if (units.length > 0) this.#translate(units);
  }

  #isFull(units: number): boolean {
    const { room } = this.#table;
    return room < units || this.#liveBytes > MAX_BYTES || this.#liveModules >= MAX_MODULES;
  }

  /** A hot block, and those of its page that soon will be: they may lead to each other in ways not seen in the code. */
  #seeds(hot: number, taken: ReadonlySet<number>): number[] {
    const { code, cache } = this.#cpu;
    const key = code[hot + BLOCK_KEY]!;
    const isWarm = (block: number) =>
      block !== hot &&
      code[block + BLOCK_KEY] === key &&
      code[block + BLOCK_RUNS]! * WARM > this.countMask &&
      this.#isFree(block, taken);
    return [hot, ...cache.blocksBeside(code[hot + BLOCK_OFFSET]! >>> 0).filter(isWarm)];
  }

  #isFree(block: number, taken: ReadonlySet<number>): boolean {
    const { code } = this.#cpu;
    return (
      code[block + BLOCK_RUNS]! >= 0 &&
      code[block + BLOCK_HEADER + OP] !== OP_STALE &&
      !taken.has(block)
    );
  }

  #translate(units: readonly Unit[]): void {
    const job = packJob(this.#cpu.code, units);
    if (this.isEager || this.#compiler?.isReady !== true) {
      this.counters.awaited++;
      this.#finish(units, translateAndCompile(unitSources(job), true, this.#now));
      return;
    }
    this.#compiler.begin(job);
    this.#jobs.push(units);
    for (const { blocks } of units) for (const block of blocks) this.#underway.add(block);
  }

  /** Takes what the other thread has done. */
  #collect(): void {
    const compiler = this.#compiler;
    if (compiler === undefined || this.#jobs.length === 0) return;
    if (!compiler.isReady) this.#abandonJobs();
    for (let done = compiler.collect(); done !== undefined; done = compiler.collect()) {
      const units = this.#jobs.shift();
      if (units === undefined) continue;
      for (const { blocks } of units) for (const block of blocks) this.#underway.delete(block);
      this.#finish(units, done);
    }
  }

  /** Jobs of a thread that is no longer there; their blocks may be requested again. */
  #abandonJobs(): void {
    this.#jobs.length = 0;
    this.#underway.clear();
  }

  #finish(units: readonly Unit[], done: TranslatedJob): void {
    const instance = this.#instantiate(done);
    if (instance === undefined) {
      this.counters.refused += units.length;
      return;
    }
    this.#liveBytes += done.bytes;
    this.#liveModules++;
    units.forEach((unit, index) => {
      // Code that was written in the meantime is stale.
      if (!unit.blocks.every((block) => this.#isFree(block, NONE))) return;
      this.#install(unit, instance.exports[`u${index}`] as UnitFunction);
    });
  }

  /** Undefined if the host has refused. */
  #instantiate(job: TranslatedJob): WebAssembly.Instance | undefined {
    const { counters } = this;
    counters.translatingMs += job.translatingMs;
    counters.compilingMs += job.compilingMs;
    counters.modules++;
    counters.bytes += job.bytes;
    if (job.module === undefined) return undefined;
    return new WebAssembly.Instance(job.module as WebAssembly.Module, {
      [IMPORT_MODULE]: { ...this.#imports, [IMPORT_CHAIN]: this.#table.enter },
    });
  }

  #install(unit: Unit, run: UnitFunction): void {
    const { code } = this.#cpu;
    const { slot, blocks } = unit;
    this.#table.install(slot, run);
    blocks.forEach((block, entry) => {
      code[block + BLOCK_RUNS] = -((slot << UNIT_SLOT_SHIFT) | entry);
      this.counters.instructions += code[block + BLOCK_COUNT]!;
    });
    this.counters.units++;
    this.counters.blocks += blocks.length;
    const page = pageOf(code, blocks[0]!);
    const others = this.#byPage.get(page);
    if (others === undefined) this.#byPage.set(page, [unit]);
    else others.push(unit);
  }

  pageForgotten(page: number): void {
    const units = this.#byPage.get(page);
    if (units === undefined) return;
    this.#byPage.delete(page);
    for (const { slot } of units) this.#table.drop(slot);
    this.counters.dropped += units.length;
  }

  forgotten(): void {
    for (const page of [...this.#byPage.keys()]) this.pageForgotten(page);
    this.#deviceAccesses.clear();
    this.#requests.clear();
    this.#repeated = 0;
    this.#jobs.fill(undefined);
    this.#underway.clear();
    this.#liveBytes = 0;
    this.#liveModules = 0;
    this.#table = new UnitTable(this.#cpu.memory.memory);
    this.counters.flushes++;
  }

  /** Drops every unit; the blocks are interpreted until they are hot again. */
  #startOver(): void {
    const { code } = this.#cpu;
    for (const units of this.#byPage.values()) {
      for (const { blocks } of units) for (const block of blocks) code[block + BLOCK_RUNS] = 0;
    }
    this.#interpreter.forgetUnits();
    this.forgotten();
  }
}

/** The frame that a block lies in. */
function pageOf(code: Int32Array, block: number): number {
  return (((code[block + BLOCK_OFFSET]! >>> 0) - RAM_OFFSET) / 4096) | 0;
}

/** What a short block's translation depends on: where in a page it lies, its mode, and its records. */
function wordsOf(code: Int32Array, block: number): string {
  const words = code.slice(block, block + code[block + BLOCK_WORDS]!);
  words[BLOCK_HASH_NEXT] = 0;
  words[BLOCK_PAGE_NEXT] = 0;
  words[BLOCK_RUNS] = 0;
  return String.fromCharCode(...new Uint16Array(words.buffer));
}
