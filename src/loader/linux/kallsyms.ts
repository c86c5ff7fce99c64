// SPDX-License-Identifier: BSD-2-Clause
// The names that a running Linux kernel has of its own functions, found in its memory without knowing the
// kernel. Linux: scripts/kallsyms.c, kernel/kallsyms.c. Names are spelled in tokens, one byte each:
//
//   num_syms  u32, names: per symbol its length (above 127: two bytes, 7 bits each) and tokens
//   markers   u32 each: where in names every 256th begins
//   token_table   256 strings; most single characters stand for themselves
//   token_index   u16 each: where a token begins
//   offsets   s32 each (negative: below relative_base - 1; else an address of its own), or u32 from it
//
// 4.6 … 6.3: offsets, relative_base, num_syms, names, markers, (sequence numbers), token_table, token_index.
// 6.4 and later: num_syms, names, markers, token_table, token_index, offsets, relative_base. All are
// aligned to 8. Older kernels, and those without relative offsets, are not understood. The work on a
// hostile guest's memory is bounded.
import { alignUp } from "../../base/bits.ts";
import { viewOf } from "../bytes.ts";
import { type NamedAddress, SymbolTable } from "../symbols.ts";

const TOKENS = 256;
const DIGIT_0 = 0x30;
/** The tokens of the ten digits, which every kernel has as single characters. */
const SIGNATURE = new TextEncoder().encode("0\x001\x002\x003\x004\x005\x006\x007\x008\x009\0");
const LONGEST_TOKEN_TABLE = 0x1_0000;
const MARKER_EVERY = 256;
const FEWEST_SYMBOLS = MARKER_EVERY + 1;
const MOST_SYMBOLS = 1 << 20;
/** How far in front of the token table the names may begin. */
const LONGEST_NAMES = 32 << 20;
/** Names that may be stepped over in vain. */
const BUDGET = 32 << 20;
const MOST_CANDIDATES = 16;
const KERNEL_HALF = 0xffff_8000_0000_0000n;

/** Text symbols: local, global, weak. */
const TEXT_TYPES = "tTwW";

interface Tokens {
  readonly start: number;
  /** Behind the index. */
  readonly end: number;
  readonly texts: readonly string[];
}

interface Names {
  readonly count: number;
  /** Where the count stands, and where the names begin. */
  readonly countAt: number;
  readonly start: number;
}

/** The functions of the kernel in `ram`, which has to hold it in one piece; undefined if none is found. */
export function findKallsyms(ram: Uint8Array): SymbolTable | undefined {
  const search = new KallsymsSearch(ram);
  let from = 0;
  for (let candidate = 0; candidate < MOST_CANDIDATES; candidate++) {
    const at = indexOfBytes(ram, SIGNATURE, from);
    if (at < 0) return undefined;
    const table = search.at(at);
    if (table !== undefined) return table;
    from = at + 1;
  }
  return undefined;
}

class KallsymsSearch {
  readonly #ram: Uint8Array;
  readonly #view: DataView;
  #budget = BUDGET;

  constructor(ram: Uint8Array) {
    this.#ram = ram;
    this.#view = viewOf(ram);
  }

  /** With the digit tokens at `at`. */
  at(at: number): SymbolTable | undefined {
    const tokens = this.#tokens(at);
    const names = tokens && this.#names(tokens);
    if (tokens === undefined || names === undefined) return undefined;
    const addresses =
      this.#addresses(names.countAt - 8 - alignUp(4 * names.count, 8), names.count) ??
      this.#addresses(alignUp(tokens.end, 8), names.count);
    return addresses && this.#functions(tokens, names, addresses);
  }

  /** The table around the digits, if the index agrees with it. */
  #tokens(digits: number): Tokens | undefined {
    let end = digits;
    const limit = Math.min(this.#ram.length, digits + LONGEST_TOKEN_TABLE);
    for (let token = DIGIT_0; token < TOKENS && end < limit; token++) {
      end = this.#ram.indexOf(0, end) + 1;
      if (end === 0) return undefined;
    }
    // Tables of 4.x were aligned to the word as well, with no gap more than that.
    const index = alignUp(end, 8);
    if (index + 2 * TOKENS > this.#ram.length || end > limit) return undefined;
    const offset = (token: number) => this.#view.getUint16(index + 2 * token, true);
    const start = digits - offset(DIGIT_0);
    if (start < 0 || offset(0) !== 0) return undefined;
    const texts: string[] = [];
    for (let token = 0; token < TOKENS; token++) {
      const from = start + offset(token);
      const to = token + 1 < TOKENS ? start + offset(token + 1) : end;
      if (to <= from || this.#ram[to - 1] !== 0) return undefined;
      texts.push(String.fromCharCode(...this.#ram.subarray(from, to - 1)));
    }
    return { start, end: index + 2 * TOKENS, texts };
  }

  /** In front of the tokens: a count, followed by that many names, followed by markers that agree. */
  #names(tokens: Tokens): Names | undefined {
    const lowest = Math.max(0, tokens.start - LONGEST_NAMES);
    for (let at = (tokens.start & ~7) - 8; at >= lowest && this.#budget > 0; at -= 8) {
      const count = this.#view.getUint32(at, true);
      if (count < FEWEST_SYMBOLS || count > MOST_SYMBOLS) continue;
      if (this.#view.getUint32(at + 4, true) !== 0) continue;
      if (this.#hasNames(at + 8, count, tokens.start)) {
        return { count, countAt: at, start: at + 8 };
      }
    }
    return undefined;
  }

  #hasNames(start: number, count: number, end: number): boolean {
    // Two bytes a name are the least, and the markers come behind.
    if (start + 2 * count > end) return false;
    let at = start;
    let second = 0;
    for (let name = 0; name < count; name++) {
      if (name === MARKER_EVERY) second = at - start;
      const [length, from] = this.#nameAt(at);
      at = from + length;
      this.#budget--;
      if (length === 0 || at > end || this.#budget < 0) return false;
    }
    const markers = alignUp(at, 8);
    if (markers + 8 > end) return false;
    return (
      this.#view.getUint32(markers, true) === 0 &&
      this.#view.getUint32(markers + 4, true) === second
    );
  }

  /** Number of a name's tokens, and where they begin. */
  #nameAt(at: number): [length: number, from: number] {
    const first = this.#ram[at] ?? 0;
    if (first < 0x80) return [first, at + 1];
    return [(first & 0x7f) | ((this.#ram[at + 1] ?? 0) << 7), at + 2];
  }

  /** From offsets at `at` and the base behind them; undefined unless they ascend, as the kernel sorts them. */
  #addresses(at: number, count: number): BigUint64Array | undefined {
    const baseAt = at + alignUp(4 * count, 8);
    if (at < 0 || baseAt + 8 > this.#ram.length) return undefined;
    const base = this.#view.getBigUint64(baseAt, true);
    if (base < KERNEL_HALF) return undefined;
    const offsets = Int32Array.from({ length: count }, (_, i) =>
      this.#view.getInt32(at + 4 * i, true),
    );
    const hasAbsolute = offsets.some((offset) => offset < 0);
    const addresses = BigUint64Array.from(offsets, (offset) => {
      if (!hasAbsolute) return BigInt.asUintN(64, base + BigInt(offset));
      return offset < 0 ? BigInt.asUintN(64, base - 1n - BigInt(offset)) : BigInt(offset);
    });
    return addresses.every((address, i) => i === 0 || address >= addresses[i - 1]!)
      ? addresses
      : undefined;
  }

  #functions({ texts }: Tokens, names: Names, addresses: BigUint64Array): SymbolTable | undefined {
    const functions: NamedAddress[] = [];
    let at = names.start;
    for (let index = 0; index < names.count; index++) {
      const [length, from] = this.#nameAt(at);
      at = from + length;
      const type = texts[this.#ram[from]!]!.charAt(0);
      if (!TEXT_TYPES.includes(type)) continue;
      const spelled = Array.from(this.#ram.subarray(from, at), (token) => texts[token]!).join("");
      functions.push({ value: addresses[index]!, name: spelled.slice(1) });
    }
    return functions.length === 0 ? undefined : SymbolTable.fromNames(functions);
  }
}

/** Where `pattern` (of different bytes at even places) first stands from `from` on; -1 if nowhere. Horspool's search. */
function indexOfBytes(bytes: Uint8Array, pattern: Uint8Array, from: number): number {
  const last = pattern.length - 1;
  const skips = new Uint8Array(256).fill(pattern.length);
  for (let i = 0; i < last; i++) skips[pattern[i]!] = last - i;
  for (let end = from + last; end < bytes.length; end += skips[bytes[end]!]!) {
    let i = last;
    while (i >= 0 && bytes[end - last + i] === pattern[i]) i--;
    if (i < 0) return end - last;
  }
  return -1;
}
