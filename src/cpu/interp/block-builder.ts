// SPDX-License-Identifier: BSD-2-Clause
// From memory to a block of records: finds the bytes at RIP, decodes until something ends the block (a
// branch, an instruction after which the vCPU must look around, the page's end), and keeps what can be kept.
import { HI } from "../../mmu/machine-layout.ts";
import type { VmExit } from "../bus.ts";
import type { Cpu } from "../cpu.ts";
import {
  type CodeSize,
  DECODED,
  Decoder,
  MAX_INSTRUCTION,
  NEED_MORE,
  type TOO_LONG,
  UNDEFINED,
} from "../decode/decoder.ts";
import { Lookup } from "../decode/lookup.ts";
import { NEXT, OP, RECORD_WORDS } from "../decode/record.ts";
import { PARSED_ROWS } from "../isa/table.ts";
import { CS, RIP, SEG_BASE, SEG_LIMIT, SEG_WORDS, SEGMENTS } from "../state-layout.ts";
import { GP } from "../vectors.ts";
import {
  BLOCK_BYTES,
  BLOCK_COUNT,
  BLOCK_HEADER,
  BLOCK_WORDS,
  MAX_BLOCK,
  SCRATCH,
} from "./code-cache.ts";
import {
  OP_JCC,
  OP_JUMPED,
  OP_JUMPED_SYNC,
  OP_NEXT,
  OP_SYNC,
  OP_TOO_LONG,
  OP_UNDEFINED,
} from "./hot-ops.ts";
import { writeRecord } from "./record-writer.ts";

const NOT_ENDED = -1;
const DEBUG: VmExit = { kind: "debug" };

/** Where instruction bytes are, for one block. */
interface Source {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

export class BlockBuilder {
  readonly #cpu: Cpu;
  readonly #decoder: Decoder;
  /** Bytes of an instruction that crosses a page, or does not lie in RAM. */
  readonly #window = new Uint8Array(MAX_INSTRUCTION);

  constructor(cpu: Cpu) {
    this.#cpu = cpu;
    this.#decoder = new Decoder(new Lookup(cpu.model.features));
  }

  /** The block at RIP, from the cache or freshly decoded. Faults as the fetch does. */
  block(): number {
    const cpu = this.#cpu;
    const { s } = cpu;
    const lo = this.#linearRip();
    const isSplit = !cpu.breakpoints.isEmpty && cpu.breakpoints.splits(lo);
    if (isSplit) return this.shortBlock(MAX_BLOCK);
    const offset = cpu.mem.fetchOffset(lo, s[HI]!);
    if (offset < 0) return this.#outsideRam(lo, s[HI]!);
    const found = cpu.cache.find(offset, cpu.codeKey);
    if (found !== 0 && this.#isInsideLimit(found)) return found;
    const end = offset - (offset % 4096) + 4096;
    const source = { bytes: cpu.memory.bytes, start: offset, end: this.#limitEnd(offset, end) };
    const at = cpu.cache.reserve();
    const bytes = this.#build(at, source, MAX_BLOCK);
    if (bytes === 0) return this.#crossing(lo, offset, source.end < end);
    if (source.end === end) cpu.cache.keep(at, offset, bytes, cpu.codeKey);
    return at;
  }

  /**
   * The block at a place in the machine's memory, for who looks at code without running it, in a flat mode; 0 where
   * none is kept: its first instruction goes on in the next page, or a debugger may want to stop there.
   */
  blockAt(offset: number): number {
    const { breakpoints, cache, codeKey, memory } = this.#cpu;
    if (breakpoints.splits(offset)) return 0;
    const found = cache.find(offset, codeKey);
    if (found !== 0) return found;
    const end = offset - (offset % 4096) + 4096;
    const at = cache.reserve();
    const bytes = this.#build(at, { bytes: memory.bytes, start: offset, end }, MAX_BLOCK);
    if (bytes === 0) return 0;
    cache.keep(at, offset, bytes, codeKey);
    return at;
  }

  /** A block of at most `count` instructions at RIP, that is not kept. */
  shortBlock(count: number): number {
    const cpu = this.#cpu;
    const lo = this.#linearRip();
    if (this.isAtBreakpoint()) return this.#standstill();
    const offset = cpu.mem.fetchOffset(lo, cpu.s[HI]!);
    if (offset < 0) return this.#outsideRam(lo, cpu.s[HI]!);
    const end = offset - (offset % 4096) + 4096;
    const source = { bytes: cpu.memory.bytes, start: offset, end: this.#limitEnd(offset, end) };
    const bytes = this.#build(SCRATCH, source, count);
    return bytes === 0 ? this.#crossing(lo, offset, source.end < end) : SCRATCH;
  }

  /** True if a debugger wants the vCPU to stop before the instruction at RIP. */
  isAtBreakpoint(): boolean {
    const { breakpoints, s } = this.#cpu;
    if (breakpoints.isEmpty) return false;
    const lo = this.#linearRip();
    return breakpoints.stopsAt(lo, s[HI]!, this.#cpu.retired());
  }

  /** A block of no instructions, behind which the vCPU finds that it is to return. */
  #standstill(): number {
    const { code } = this.#cpu;
    this.#cpu.exit ??= DEBUG;
    this.#end(SCRATCH + BLOCK_HEADER, OP_SYNC, 0);
    code[SCRATCH + BLOCK_COUNT] = 0;
    return SCRATCH;
  }

  /** Low half; high half in HI. */
  #linearRip(): number {
    const { s, is64, isFlat } = this.#cpu;
    s[HI] = s[RIP + 1]!;
    if (is64 || isFlat) return s[RIP]!;
    s[HI] = 0;
    if (s[RIP]! >>> 0 > s[SEGMENTS + CS * SEG_WORDS + SEG_LIMIT]! >>> 0) this.#cpu.raise(GP, 0);
    return (s[SEGMENTS + CS * SEG_WORDS + SEG_BASE]! + s[RIP]!) | 0;
  }

  /** Outside flat modes no byte of a block may lie above CS's limit, which the cache does not know. */
  #isInsideLimit(block: number): boolean {
    const { s, isFlat, code } = this.#cpu;
    if (isFlat) return true;
    const limit = s[SEGMENTS + CS * SEG_WORDS + SEG_LIMIT]! >>> 0;
    return (s[RIP]! >>> 0) + code[block + BLOCK_BYTES]! - 1 <= limit;
  }

  #limitEnd(offset: number, end: number): number {
    const { s, isFlat } = this.#cpu;
    if (isFlat) return end;
    const limit = s[SEGMENTS + CS * SEG_WORDS + SEG_LIMIT]! >>> 0;
    return Math.min(end, offset + limit - (s[RIP]! >>> 0) + 1);
  }

  /** Builds at `block`; the number of bytes taken, 0 if not even one instruction was complete. */
  #build(block: number, source: Source, limit: number): number {
    const cpu = this.#cpu;
    const decoder = this.#decoder;
    const { breakpoints } = cpu;
    const stopAt = breakpoints.isEmpty
      ? Number.POSITIVE_INFINITY
      : source.start + breakpoints.distance(source.start);
    let p = block + BLOCK_HEADER;
    let count = 0;
    let at = source.start;
    let end = NOT_ENDED;
    while (count < limit && at < source.end && at < stopAt) {
      const result = decoder.decode(source.bytes, at, source.end, cpu.codeSize as CodeSize);
      if (result === NEED_MORE) break;
      count++;
      if (result !== DECODED) {
        this.#bad(p, at - source.start, result);
        p += RECORD_WORDS;
        at = Math.min(at + MAX_INSTRUCTION, source.end);
        break;
      }
      writeRecord(cpu, p, decoder, at - source.start);
      at += decoder.length;
      end = this.#endOf(p);
      p += RECORD_WORDS;
      if (end !== NOT_ENDED) break;
    }
    if (end === NOT_ENDED) end = OP_NEXT;
    if (count === 0) return 0;
    this.#end(p, end, at - source.start);
    const { code } = cpu;
    code[block + BLOCK_COUNT] = count;
    code[block + BLOCK_WORDS] = p + RECORD_WORDS - block;
    code[block + BLOCK_BYTES] = at - source.start;
    return at - source.start;
  }

  /** The END that the instruction just decoded calls for; NOT_ENDED if the block goes on. */
  #endOf(p: number): number {
    const { row } = PARSED_ROWS[this.#decoder.row]!;
    switch (row.ends) {
      case "branch":
        // The hot loop's conditional branch leaves RIP alone when it falls through.
        return this.#cpu.code[p + OP] === OP_JCC ? OP_NEXT : OP_JUMPED;
      case "branch-sync":
        return OP_JUMPED_SYNC;
      case "sync":
        return OP_SYNC;
      default:
        return this.#isRepeated() ? OP_JUMPED : NOT_ENDED;
    }
  }

  #isRepeated(): boolean {
    const decoder = this.#decoder;
    if (!decoder.hasRep && !decoder.hasRepne) return false;
    switch (PARSED_ROWS[decoder.row]!.row.op) {
      case "movs":
      case "stos":
      case "lods":
      case "scas":
      case "cmps":
        return true;
      default:
        return false;
    }
  }

  /** An instruction that raises #UD or #GP when it is reached. */
  #bad(p: number, offset: number, result: typeof UNDEFINED | typeof TOO_LONG): void {
    const { code } = this.#cpu;
    code.fill(0, p, p + RECORD_WORDS);
    code[p + OP] = result === UNDEFINED ? OP_UNDEFINED : OP_TOO_LONG;
    code[p + NEXT] = offset;
  }

  #end(p: number, op: number, offset: number): void {
    const { code } = this.#cpu;
    code.fill(0, p, p + RECORD_WORDS);
    code[p + OP] = op;
    code[p + NEXT] = offset;
  }

  /** One instruction whose bytes lie in two pages; `isLimited` if CS's limit, not the page, cut it short. */
  #crossing(lo: number, offset: number, isLimited: boolean): number {
    const cpu = this.#cpu;
    if (isLimited) cpu.raise(GP, 0);
    const { bytes } = cpu.memory;
    const inFirst = 4096 - (offset % 4096);
    const window = this.#window;
    for (let i = 0; i < inFirst; i++) window[i] = bytes[offset + i]!;
    const nextLo = (lo + inFirst) | 0;
    const carry = nextLo === 0 ? 1 : 0;
    const nextHi = cpu.is64 ? (cpu.s[RIP + 1]! + carry) | 0 : 0;
    const second = cpu.mem.fetchOffset(nextLo, nextHi);
    for (let i = inFirst; i < MAX_INSTRUCTION; i++) {
      window[i] = second < 0 ? 0xff : bytes[second + i - inFirst]!;
    }
    this.#build(SCRATCH, { bytes: window, start: 0, end: MAX_INSTRUCTION }, 1);
    return SCRATCH;
  }

  /** One instruction that a device or nothing at all answers for. */
  #outsideRam(lo: number, hi: number): number {
    const { mem } = this.#cpu;
    const window = this.#window;
    for (let i = 0; i < MAX_INSTRUCTION; i++) {
      const at = (lo + i) | 0;
      const offset = mem.fetchOffset(at, at >>> 0 < lo >>> 0 ? (hi + 1) | 0 : hi);
      window[i] = offset < 0 ? mem.fetchMmioByte() : this.#cpu.memory.bytes[offset]!;
    }
    this.#build(SCRATCH, { bytes: window, start: 0, end: MAX_INSTRUCTION }, 1);
    return SCRATCH;
  }
}
