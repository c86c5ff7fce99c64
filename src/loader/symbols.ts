// SPDX-License-Identifier: BSD-2-Clause
// Names for code addresses, for backtraces and profiles: from an ELF64 symbol table (a FreeBSD kernel's file, or
// the copy that the loader leaves behind its bss), or from the System.map of a Linux build.
import { VmmError } from "../base/errors.ts";
import type { ByteSource } from "./byte-source.ts";
import { viewOf } from "./bytes.ts";
import {
  type ElfFile,
  SHT_STRTAB,
  SHT_SYMTAB,
  SYMBOL_BYTES,
  sectionContents,
  stringAt,
} from "./elf.ts";

const STT_FUNC = 2;
/** Ten times what a kernel with everything in it has. */
const MAX_SYSTEM_MAP_BYTES = 64 << 20;
/** Nobody's function is longer: what lies further behind the last one is something else. */
const LONGEST_FUNCTION = 0x10_0000n;

export interface SymbolHit {
  readonly name: string;
  /** How far behind the symbol the address is, in bytes. */
  readonly offset: bigint;
}

export interface NamedAddress {
  readonly value: bigint;
  readonly name: string;
}

/** Function symbols in order of address. */
export class SymbolTable {
  readonly #addresses: BigUint64Array;
  /** Sizes in bytes; 0 where the table does not know: such a function ends where the next begins. */
  readonly #sizes: BigUint64Array;
  readonly #nameOf: (index: number) => string;

  private constructor(
    addresses: BigUint64Array,
    sizes: BigUint64Array,
    nameOf: (index: number) => string,
  ) {
    this.#addresses = addresses;
    this.#sizes = sizes;
    this.#nameOf = nameOf;
  }

  /** Functions by address and name, in any order; sizes are not known. */
  static fromNames(functions: readonly NamedAddress[]): SymbolTable {
    const sorted = [...functions].sort((a, b) =>
      a.value < b.value ? -1 : a.value > b.value ? 1 : 0,
    );
    return new SymbolTable(
      BigUint64Array.from(sorted, ({ value }) => value),
      new BigUint64Array(sorted.length),
      (index) => sorted[index]!.name,
    );
  }

  get count(): number {
    return this.#addresses.length;
  }

  /**
   * The function that holds `address`. Undefined below the first one and behind the end of one whose size is
   * known; where two begin at one address, the first of the table answers.
   */
  lookup(address: bigint): SymbolHit | undefined {
    let low = 0;
    let high = this.#addresses.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#addresses[middle]! <= address) low = middle + 1;
      else high = middle;
    }
    let index = low - 1;
    if (index < 0) return undefined;
    const start = this.#addresses[index]!;
    while (index > 0 && this.#addresses[index - 1] === start) index--;
    const size = this.#sizes[index]!;
    const offset = address - start;
    if (offset >= (size > 0n ? size : LONGEST_FUNCTION)) return undefined;
    return { name: this.#nameOf(index), offset };
  }

  /** Address of a function; undefined if there is none of that name. */
  addressOf(name: string): bigint | undefined {
    for (let index = 0; index < this.count; index++) {
      if (this.#nameOf(index) === name) return this.#addresses[index];
    }
    return undefined;
  }

  /** The same functions, each `by` bytes higher (modulo 2^64): a kernel that was moved when it started. */
  moved(by: bigint): SymbolTable {
    const addresses = this.#addresses.map((address) => BigInt.asUintN(64, address + by));
    return new SymbolTable(addresses, this.#sizes, this.#nameOf);
  }

  /** The STT_FUNC symbols of a symbol table and its string table, kept by reference. */
  static fromElfTables(symbols: Uint8Array, strings: Uint8Array): SymbolTable {
    const view = viewOf(symbols);
    const functions: { value: bigint; at: number }[] = [];
    for (let at = 0; at + SYMBOL_BYTES <= symbols.length; at += SYMBOL_BYTES) {
      const isDefined = view.getUint16(at + 6, true) !== 0;
      if ((symbols[at + 4]! & 0xf) !== STT_FUNC || !isDefined) continue;
      functions.push({ value: view.getBigUint64(at + 8, true), at });
    }
    functions.sort((a, b) => (a.value < b.value ? -1 : a.value > b.value ? 1 : a.at - b.at));
    return new SymbolTable(
      BigUint64Array.from(functions, (f) => f.value),
      BigUint64Array.from(functions, (f) => view.getBigUint64(f.at + 16, true)),
      (index) => stringAt(strings, view.getUint32(functions[index]!.at, true)),
    );
  }

  /** The functions of an ELF file's symbol table; ERR_NOT_FOUND for a stripped one. */
  static fromElf(elf: ElfFile): SymbolTable {
    const table = elf.sections.find((section) => section.type === SHT_SYMTAB);
    const strings = table === undefined ? undefined : elf.sections[table.link];
    if (table === undefined || strings?.type !== SHT_STRTAB) {
      throw new VmmError("ERR_NOT_FOUND", `${elf.name} has no symbol table (it was stripped)`);
    }
    return SymbolTable.fromElfTables(sectionContents(elf, table), sectionContents(elf, strings));
  }

  /**
   * From the block that the FreeBSD loader leaves between SSYM and ESYM: a u64 length and the symbol table,
   * padded to 8, then the same for the strings. The block is copied. ERR_BAD_IMAGE if a length does not fit it.
   */
  static fromSymbolBlock(block: Uint8Array): SymbolTable {
    const copy = block.slice();
    const [symbols, next] = takeCounted(copy, 0);
    const [strings] = takeCounted(copy, next);
    return SymbolTable.fromElfTables(symbols, strings);
  }

  /** From a System.map: lines of address, type letter, name. Text symbols (`t`, `T`, `w`, `W`) count. */
  static fromSystemMap(source: ByteSource, name = "the System.map"): SymbolTable {
    if (source.size > MAX_SYSTEM_MAP_BYTES) {
      throw new VmmError(
        "ERR_BAD_IMAGE",
        `${name} has ${source.size} bytes: no System.map is that large`,
      );
    }
    const text = new TextDecoder().decode(source.read(0, source.size));
    const found: NamedAddress[] = [];
    for (const match of text.matchAll(/^([0-9a-fA-F]{1,16}) [tTwW] (\S+)/gm)) {
      found.push({ value: BigInt(`0x${match[1]}`), name: match[2]! });
    }
    if (found.length === 0) {
      throw new VmmError("ERR_BAD_IMAGE", `${name} names no text symbol: it is no System.map`);
    }
    return SymbolTable.fromNames(found);
  }
}

/** A u64 length and that many bytes; also where the next such pair begins. */
function takeCounted(block: Uint8Array, at: number): [Uint8Array, number] {
  const length = at + 8 <= block.length ? viewOf(block).getBigUint64(at, true) : -1n;
  if (length < 0n || length > BigInt(block.length - at - 8)) {
    throw new VmmError("ERR_BAD_IMAGE", "the kernel's symbol block is damaged");
  }
  const end = at + 8 + Number(length);
  return [block.subarray(at + 8, end), Math.ceil(end / 8) * 8];
}
