// SPDX-License-Identifier: BSD-2-Clause
// Executors that touch only the elements of memory which a mask selects: VMASKMOV, VPMASKMOV and the gathers.
// An element counts where its mask's top bit is set; the others cannot fault. None of these instructions
// checks alignment: SDM 2 2.4.6 and VPGATHERDD.
import { HI } from "../../mmu/machine-layout.ts";
import type { Cpu } from "../cpu.ts";
import { INFO, INFO_SCALE_SHIFT } from "../decode/record.ts";
import { displacedAddress, highHalfAt } from "../ea.ts";
import type { Executor } from "./operands.ts";
import {
  beginVector,
  clearUpper,
  copy128,
  destination,
  isWide,
  lastSlot,
  registerWord,
  secondRegister,
} from "./vector.ts";
import { RESULT } from "./vector-float.ts";

type ElementWords = 1 | 2;

interface Access {
  readonly size: number;
  readonly isWrite: boolean;
}

const LOADS: Readonly<Record<ElementWords, Access>> = {
  1: { size: 4, isWrite: false },
  2: { size: 8, isWrite: false },
};
const STORES: Readonly<Record<ElementWords, Access>> = {
  1: { size: 4, isWrite: true },
  2: { size: 8, isWrite: true },
};

/** The mask of an element is its last word's top bit. */
function isSelected(s: Int32Array, mask: number, element: number, words: ElementWords): boolean {
  return s[mask + words * element + words - 1]! < 0;
}

/** Linear address of an element of C that lies `delta` bytes behind its first: the low half, the high in HI. */
function elementAddress(cpu: Cpu, p: number, delta: number, access: Access): number {
  // In 64-bit mode an operand goes on behind 4 GiB even where its address has 32 bits.
  if (!cpu.is64) return displacedAddress(cpu, p, delta, 0, access);
  const first = cpu.ea(p, access.size, access.isWrite);
  const lo = (first + delta) | 0;
  cpu.s[HI] = highHalfAt(cpu, first, cpu.s[HI]!, lo);
  return lo;
}

// An element that is not aligned goes byte by byte, and bytes always are.

function isAligned(lo: number, words: ElementWords): boolean {
  return (lo & (4 * words - 1)) === 0;
}

/** Loads an element of one or two words at a linear address (lo, HI). */
function loadElement(cpu: Cpu, d: number, lo: number, words: ElementWords): void {
  const { s, mem } = cpu;
  const hi = s[HI]!;
  if (!isAligned(lo, words)) {
    mem.probeRead(lo, hi, 4 * words);
    for (let i = 0; i < 4 * words; i++) {
      const at = (lo + i) | 0;
      cpu.bytes[4 * d + i] = mem.load8(at, highHalfAt(cpu, lo, hi, at));
    }
  } else if (words === 1) s[d] = mem.load32(lo, hi);
  else {
    const low = mem.load64(lo, hi);
    s[d + 1] = s[HI]!;
    s[d] = low;
  }
}

/** Faults as a store of an element there would. */
function probeElement(cpu: Cpu, lo: number, words: ElementWords): void {
  const { s, mem } = cpu;
  const hi = s[HI]!;
  mem.probeWrite(lo, hi, 1);
  if (isAligned(lo, words)) return;
  const lastPage = (lo + 4 * words - 1) & -4096;
  if (lastPage !== (lo & -4096)) {
    mem.probeWrite(lastPage, highHalfAt(cpu, lo, hi, (lo + 4 * words - 1) | 0), 1);
  }
}

function storeElement(cpu: Cpu, from: number, lo: number, words: ElementWords): void {
  const { s, mem } = cpu;
  const hi = s[HI]!;
  if (!isAligned(lo, words)) {
    for (let i = 0; i < 4 * words; i++) {
      const at = (lo + i) | 0;
      mem.store8(at, highHalfAt(cpu, lo, hi, at), cpu.bytes[4 * from + i]!);
    }
  } else if (words === 1) mem.store32(lo, hi, s[from]!);
  else mem.store64(lo, hi, s[from]!, s[from + 1]!);
}

/** A = the elements of C that B selects, zeroes elsewhere. */
function maskedLoad(words: ElementWords): Executor {
  return (cpu, p) => {
    beginVector(cpu, p);
    const { s } = cpu;
    const mask = secondRegister(cpu, p);
    const count = (isWide(cpu, p) ? 8 : 4) / words;
    s.fill(0, RESULT, RESULT + 8);
    for (let i = 0; i < count; i++) {
      if (!isSelected(s, mask, i, words)) continue;
      const lo = elementAddress(cpu, p, 4 * words * i, LOADS[words]);
      loadElement(cpu, RESULT + words * i, lo, words);
    }
    const d = destination(cpu, p);
    copy128(s, d, RESULT);
    copy128(s, d + 4, RESULT + 4);
  };
}

/** The elements of C that B selects go to A; all of them or, if one faults, none. */
function maskedStore(words: ElementWords): Executor {
  return (cpu, p) => {
    beginVector(cpu, p);
    const { s } = cpu;
    const mask = secondRegister(cpu, p);
    const from = registerWord(lastSlot(cpu, p));
    const count = (isWide(cpu, p) ? 8 : 4) / words;
    for (let i = 0; i < count; i++) {
      if (!isSelected(s, mask, i, words)) continue;
      const lo = elementAddress(cpu, p, 4 * words * i, STORES[words]);
      probeElement(cpu, lo, words);
    }
    for (let i = 0; i < count; i++) {
      if (!isSelected(s, mask, i, words)) continue;
      const lo = elementAddress(cpu, p, 4 * words * i, STORES[words]);
      storeElement(cpu, from + words * i, lo, words);
    }
  };
}

/** Linear address of a gather's element: the base and a signed index, scaled. */
function gatherAddress(cpu: Cpu, p: number, index: number, words: Gather): number {
  const { s } = cpu;
  const scale = (cpu.code[p + INFO]! >>> INFO_SCALE_SHIFT) & 3;
  const lo = s[index]!;
  const hi = words.index === 2 ? s[index + 1]! : lo >> 31;
  const scaledHi = scale === 0 ? hi : (hi << scale) | (lo >>> (32 - scale));
  return displacedAddress(cpu, p, lo << scale, scaledHi, LOADS[words.data]);
}

/** Words of an index and of an element. */
interface Gather {
  readonly index: ElementWords;
  readonly data: ElementWords;
}

/**
 * Elements of A that C selects come from memory; the mask ends as zero. A fault leaves the elements before it
 * loaded and their masks clear, the others as they were, so that the instruction, run again, goes on there.
 */
function gather(words: Gather): Executor {
  return (cpu, p) => {
    beginVector(cpu, p);
    const { s } = cpu;
    const d = destination(cpu, p);
    const indexes = secondRegister(cpu, p);
    const mask = registerWord(lastSlot(cpu, p));
    const count = (isWide(cpu, p) ? 8 : 4) / Math.max(words.index, words.data);
    for (let i = 0; i < count; i++) {
      const at = words.data * i;
      if (isSelected(s, mask, i, words.data)) {
        const lo = gatherAddress(cpu, p, indexes + words.index * i, words);
        loadElement(cpu, d + at, lo, words.data);
      }
      s.fill(0, mask + at, mask + at + words.data);
    }
    s.fill(0, mask, mask + 8);
    const used = count * words.data;
    if (used < 4) s.fill(0, d + used, d + 4);
    if (used < 8) clearUpper(s, d);
  };
}

export const AVX_MEMORY_EXECUTORS = {
  vpmaskmovdLoad: maskedLoad(1),
  vpmaskmovqLoad: maskedLoad(2),
  vpmaskmovdStore: maskedStore(1),
  vpmaskmovqStore: maskedStore(2),
  vpgatherdd: gather({ index: 1, data: 1 }),
  vpgatherdq: gather({ index: 1, data: 2 }),
  vpgatherqd: gather({ index: 2, data: 1 }),
  vpgatherqq: gather({ index: 2, data: 2 }),
} as const;
