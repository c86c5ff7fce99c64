// SPDX-License-Identifier: BSD-2-Clause
// What the translator makes of a place in guest code, as text: the unit's guest instructions, and its WebAssembly with
// each of them in front of what it became. The guest notices nothing of it.
//
// The unit is the one that a vCPU would get for which all code in the page that the place leads to has run, and none of
// it is translated yet; a real one has what was executed.
import { hex } from "../../base/bits.ts";
import { VmmError } from "../../base/errors.ts";
import type { Cpu } from "../cpu.ts";
import { MAX_INSTRUCTION } from "../decode/decoder.ts";
import { Lookup } from "../decode/lookup.ts";
import { NEXT, RECORD_WORDS } from "../decode/record.ts";
import { Disassembler, type SymbolResolver } from "../disasm/disassembler.ts";
import { BlockBuilder } from "../interp/block-builder.ts";
import { BLOCK_COUNT, BLOCK_HEADER, BLOCK_OFFSET } from "../interp/code-cache.ts";
import { isFlatKey } from "../system/mode.ts";
import type { Origin, UnitEmitter } from "./emitter.ts";
import { placeName } from "./state-names.ts";
import { translate } from "./translator.ts";
import { type BlockState, blockState, endOf, selectUnit } from "./unit.ts";
import { printModule, type Remark } from "./wasm/print-module.ts";

/** A guest block of a listing, and what runs it in this vCPU. */
export interface ListedBlock {
  readonly address: bigint;
  /** Place of its first byte in the machine's memory. */
  readonly offset: number;
  readonly instructions: number;
  readonly state: BlockState;
}

export interface UnitListing {
  readonly blocks: readonly ListedBlock[];
  readonly instructions: number;
  /** Lines without line ends. */
  readonly guest: readonly string[];
  readonly wasm: readonly string[];
  /** The module's bytes. */
  readonly module: Uint8Array;
}

/** Any but that of the stub. */
const SLOT = 1;

/**
 * To be called while the vCPU is not running, in the mode and the address space that it is in. Throws ERR_NOT_FOUND
 * where no code is mapped, and ERR_UNSUPPORTED for code that is the interpreter's.
 */
export function listUnit(cpu: Cpu, address: bigint, symbolAt: SymbolResolver): UnitListing {
  if (!isFlatKey(cpu.codeKey)) {
    throw new VmmError(
      "ERR_UNSUPPORTED",
      "the vCPU is in a mode with segments, whose code is never translated",
    );
  }
  const [first, ...rest] = selectBlocks(cpu, placeOf(cpu, address));
  if (first === undefined) {
    throw new VmmError(
      "ERR_UNSUPPORTED",
      `the instruction at ${hex(address)} is the interpreter's: it lies in two pages, or a breakpoint is on it`,
    );
  }
  const blocks = [first, ...rest];
  const text = new GuestText(cpu, address & ~0xfffn, symbolAt);
  let emitter: UnitEmitter | undefined;
  const units = [{ code: cpu.code, blocks: blocks.map((at) => ({ at, delta: 0 })), slot: SLOT }];
  const module = translate(units, true, (each) => {
    emitter = each;
  });
  return {
    blocks: blocks.map((block) => ({
      address: text.addressOf(block),
      offset: cpu.code[block + BLOCK_OFFSET]! >>> 0,
      instructions: cpu.code[block + BLOCK_COUNT]!,
      state: blockState(cpu.code, block),
    })),
    instructions: blocks.reduce((sum, block) => sum + cpu.code[block + BLOCK_COUNT]!, 0),
    guest: blocks.flatMap((block) => text.block(block)),
    wasm: printModule(module, {
      functions: [emitter?.fn.names],
      placeName,
      remarks: (position, bodyBytes) =>
        emitter === undefined || position > 0 ? [] : text.remarks(emitter, bodyBytes),
    }),
    module,
  };
}

function placeOf(cpu: Cpu, address: bigint): number {
  const lo = Number(BigInt.asIntN(32, address));
  const offset = cpu.mem.peek(lo, Number(BigInt.asIntN(32, address >> 32n)));
  if (offset >= 0) return offset;
  throw new VmmError("ERR_NOT_FOUND", `no memory is mapped at ${hex(address)}`);
}

/** Empty if no block can begin there. */
function selectBlocks(cpu: Cpu, offset: number): number[] {
  const { cache, code } = cpu;
  const builder = new BlockBuilder(cpu);
  for (;;) {
    const { flushes } = cache;
    const first = builder.blockAt(offset);
    const blocks =
      first === 0 ? [] : selectUnit(code, [first], (place) => builder.blockAt(place >>> 0));
    // Where the cache was full it is empty now, and what was found before is gone.
    if (cache.flushes === flushes) return blocks;
  }
}

const BYTE_COLUMNS = 24;

/** Guest code of one page. */
export class GuestText {
  readonly #cpu: Cpu;
  readonly #page: bigint;
  readonly #symbolAt: SymbolResolver;
  readonly #disassembler: Disassembler;

  constructor(cpu: Cpu, page: bigint, symbolAt: SymbolResolver) {
    this.#cpu = cpu;
    this.#page = page;
    this.#symbolAt = symbolAt;
    this.#disassembler = new Disassembler(new Lookup(cpu.model.features), symbolAt);
  }

  /** Its name or address, and its instructions. */
  block(block: number): string[] {
    const { code } = this.#cpu;
    const lines = [`${this.#name(block)}:`];
    for (let p = block + BLOCK_HEADER; p < endOf(code, block); p += RECORD_WORDS) {
      const { address, bytes, text } = this.#instruction(block, p);
      const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
      lines.push(`  ${hex(address)}  ${digits.padEnd(BYTE_COLUMNS)}${text}`);
    }
    return lines;
  }

  /** What the parts of a unit's function were written for. */
  remarks({ origins, fn }: UnitEmitter, bodyBytes: number): Remark[] {
    // The body is prologue, code and END.
    const start = bodyBytes - 1 - fn.length;
    let block = 0;
    return origins.flatMap((origin) => {
      if (origin.part === "block") block = origin.record;
      const text = this.#remark(origin, block);
      return text === "" ? [] : [{ at: start + origin.at, text }];
    });
  }

  #remark({ part, record }: Origin, block: number): string {
    switch (part) {
      case "block":
        return `${this.#name(record)}, ${this.#cpu.code[record + BLOCK_COUNT]} instructions`;
      case "instruction": {
        const { address, text } = this.#instruction(block, record);
        return `${hex(address)}  ${text}`;
      }
      case "end":
        return "goes on";
      case "stub":
        return "left to the interpreter";
      case "exit":
        return "ways out";
      default:
        return "";
    }
  }

  #name(block: number): string {
    const address = this.addressOf(block);
    const symbol = this.#symbolAt(address);
    return symbol === undefined ? hex(address) : `${hex(address)} <${symbol}>`;
  }

  /** Linear address of its first instruction. */
  addressOf(block: number): bigint {
    return this.#page + BigInt(this.#cpu.code[block + BLOCK_OFFSET]! & 0xfff);
  }

  #instruction(block: number, p: number) {
    const { code, memory, codeSize } = this.#cpu;
    const distance = p === block + BLOCK_HEADER ? 0 : code[p - RECORD_WORDS + NEXT]!;
    const address = this.addressOf(block) + BigInt(distance);
    const offset = (code[block + BLOCK_OFFSET]! >>> 0) + distance;
    const end = Math.min(offset + MAX_INSTRUCTION, offset - (offset % 4096) + 4096);
    const window = memory.bytes.subarray(offset, end);
    const { text, length } = this.#disassembler.disassemble(window, { codeSize, address });
    return { address, bytes: window.subarray(0, length), text };
  }
}
