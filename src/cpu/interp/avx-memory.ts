// SPDX-License-Identifier: BSD-2-Clause
// Executors that touch only the elements of memory which a mask selects: VMASKMOV, VPMASKMOV and the gathers.
// An element counts where its mask's top bit is set; the others cannot fault. SDM 2 VMASKMOV, VPGATHERDD.
import { HI } from "../../mmu/machine-layout.ts";
import type { Cpu } from "../cpu.ts";
import { INFO, INFO_SCALE_SHIFT } from "../decode/record.ts";
import { displacedAddress } from "../ea.ts";
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

/** Loads an element of one or two words at a linear address (lo, HI). */
function loadElement(cpu: Cpu, d: number, lo: number, words: ElementWords): void {
  const { s, mem } = cpu;
  if (words === 1) s[d] = mem.load32(lo, s[HI]!);
  else {
    const low = mem.load64(lo, s[HI]!);
    s[d + 1] = s[HI]!;
    s[d] = low;
  }
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
      const lo = displacedAddress(cpu, p, 4 * words * i, 0, LOADS[words]);
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
    const { s, mem } = cpu;
    const mask = secondRegister(cpu, p);
    const from = registerWord(lastSlot(cpu, p));
    const count = (isWide(cpu, p) ? 8 : 4) / words;
    for (let i = 0; i < count; i++) {
      if (!isSelected(s, mask, i, words)) continue;
      const lo = displacedAddress(cpu, p, 4 * words * i, 0, STORES[words]);
      mem.probeWrite(lo, s[HI]!, 4 * words);
    }
    for (let i = 0; i < count; i++) {
      if (!isSelected(s, mask, i, words)) continue;
      const lo = displacedAddress(cpu, p, 4 * words * i, 0, STORES[words]);
      const at = from + words * i;
      if (words === 1) mem.store32(lo, s[HI]!, s[at]!);
      else mem.store64(lo, s[HI]!, s[at]!, s[at + 1]!);
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
 * loaded and their masks clear, so that the instruction, run again, goes on where it was.
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
      const spread = isSelected(s, mask, i, words.data) ? -1 : 0;
      s.fill(spread, mask + words.data * i, mask + words.data * (i + 1));
    }
    for (let i = 0; i < count; i++) {
      const at = words.data * i;
      if (s[mask + at] === 0) continue;
      const lo = gatherAddress(cpu, p, indexes + words.index * i, words);
      loadElement(cpu, d + at, lo, words.data);
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
