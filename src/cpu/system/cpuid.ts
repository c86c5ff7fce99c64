// SPDX-License-Identifier: BSD-2-Clause
// CPUID, SDM 2 and bhyve's sys/amd64/vmm/x86.c for the shape of what a guest is shown. Every feature bit
// comes from the model's feature set, so it announces exactly what is there.
import { MAXPHYADDR } from "../../mmu/physical-memory.ts";
import type { Cpu } from "../cpu.ts";
import { compactedWords, EXTENDED_COMPONENTS, standardWords } from "../fpu/save-area.ts";
import type { Feature } from "../isa/row.ts";
import { LAPIC_HZ, TSC_HZ } from "../model.ts";
import { CR4, GPR, RAX, RBX, RCX, RDX, XCR0 } from "../state-layout.ts";
import { CR4_OSXSAVE } from "./control-bits.ts";

type Leaf = readonly [eax: number, ebx: number, ecx: number, edx: number];
type Bits = readonly (readonly [feature: Feature | true, bit: number])[];

const NOTHING: Leaf = [0, 0, 0, 0];
const LAST_BASIC = 0x16;
const LAST_EXTENDED = 0x80000008;
const LAST_HYPERVISOR = 0x40000010;

/** Family 6, model 26, stepping 5: what bhyve's MP table says its processors are. */
const SIGNATURE = 0x000106a5;

const LEAF1_ECX: Bits = [
  ["SSE3", 0],
  ["PCLMULQDQ", 1],
  ["SSSE3", 9],
  ["FMA", 12],
  ["CX16", 13],
  [true, 17], // PCID
  ["SSE4_1", 19],
  ["SSE4_2", 20],
  [true, 21], // x2APIC
  ["MOVBE", 22],
  ["POPCNT", 23],
  [true, 24], // TSC-deadline
  ["AES", 25],
  ["XSAVE", 26],
  ["AVX", 28],
  ["F16C", 29],
  ["RDRAND", 30],
  [true, 31], // hypervisor
];

const LEAF1_EDX: Bits = [
  ["X87", 0],
  [true, 2], // DE
  [true, 3], // PSE
  [true, 4], // TSC
  [true, 5], // MSR
  [true, 6], // PAE
  [true, 7], // MCE
  [true, 8], // CX8
  [true, 9], // APIC
  [true, 11], // SEP
  [true, 12], // MTRR
  [true, 13], // PGE
  [true, 14], // MCA
  [true, 15], // CMOV
  [true, 16], // PAT
  [true, 17], // PSE-36
  [true, 19], // CLFLUSH
  ["MMX", 23],
  ["FXSR", 24],
  ["SSE", 25],
  ["SSE2", 26],
  [true, 28], // HTT
];

const LEAF7_EBX: Bits = [
  ["FSGSBASE", 0],
  [true, 1], // TSC_ADJUST
  ["BMI1", 3],
  ["AVX2", 5],
  [true, 7], // SMEP
  ["BMI2", 8],
  [true, 9], // ERMS
  ["INVPCID", 10],
  ["RDSEED", 18],
  ["ADX", 19],
  ["SMAP", 20],
  ["CLFLUSHOPT", 23],
  ["CLWB", 24],
  ["SHA", 29],
];

const LEAF7_ECX: Bits = [
  ["VAES", 9],
  ["VPCLMULQDQ", 10],
  ["RDPID", 22],
];

const EXTENDED1_ECX: Bits = [
  [true, 0], // LAHF in 64-bit mode
  ["LZCNT", 5],
  [true, 8], // PREFETCHW
];

const EXTENDED1_EDX: Bits = [
  [true, 11], // SYSCALL
  [true, 20], // NX
  [true, 26], // 1 GiB pages
  ["RDTSCP", 27],
  [true, 29], // long mode
];

function bitsOf(features: ReadonlySet<Feature>, table: Bits): number {
  let bits = 0;
  for (const [feature, bit] of table) {
    if (feature === true || features.has(feature)) bits |= 1 << bit;
  }
  return bits;
}

/** Four characters, first in the lowest byte. */
function word(text: string): number {
  return [0, 1, 2, 3].reduce((bits, i) => bits | ((text.charCodeAt(i) || 0) << (8 * i)), 0);
}

/** Three words of a vendor string in the order EBX, EDX, ECX that leaf 0 has. */
function vendorLeaf(eax: number, vendor: string): Leaf {
  return [eax, word(vendor), word(vendor.slice(8)), word(vendor.slice(4))];
}

export function cpuidLeaf(cpu: Cpu, leaf: number, subleaf: number): Leaf {
  if (leaf >= 0x40000000 && leaf <= 0x4fffffff)
    return hypervisorLeaf(Math.min(leaf, LAST_HYPERVISOR));
  if (leaf >= 0x80000000) return extendedLeaf(cpu, Math.min(leaf, LAST_EXTENDED));
  return basicLeaf(cpu, Math.min(leaf, LAST_BASIC), subleaf);
}

function basicLeaf(cpu: Cpu, leaf: number, subleaf: number): Leaf {
  const { features } = cpu.model;
  switch (leaf) {
    case 0:
      return vendorLeaf(LAST_BASIC, "GenuineIntel");
    case 1: {
      const osxsave = (cpu.s[CR4]! & CR4_OSXSAVE) !== 0 ? 1 << 27 : 0;
      // CLFLUSH lines of 64 bytes, one logical processor, initial APIC id.
      const ebx = (8 << 8) | (1 << 16) | (cpu.apicId << 24);
      return [SIGNATURE, ebx, bitsOf(features, LEAF1_ECX) | osxsave, bitsOf(features, LEAF1_EDX)];
    }
    case 2:
      return [0x00feff01, 0, 0, 0]; // caches: see leaf 4; TLBs: nothing to say
    case 4:
      return cacheLeaf(subleaf);
    case 6:
      return [1 << 2, 0, 0, 0]; // ARAT: the APIC timer never stops
    case 7:
      if (subleaf !== 0) return NOTHING;
      // EDX: IBRS/IBPB 26, STIBP 27, ARCH_CAPABILITIES 29, SSBD 31.
      return [
        0,
        bitsOf(features, LEAF7_EBX),
        bitsOf(features, LEAF7_ECX),
        (1 << 26) | (1 << 27) | (1 << 29) | (1 << 31),
      ];
    case 0xb:
      return topologyLeaf(cpu, subleaf);
    case 0xd:
      return xsaveLeaf(cpu, subleaf);
    case 0x15:
      // TSC = crystal × EBX / EAX: the crystal is the APIC timer's oscillator.
      return [1, TSC_HZ / LAPIC_HZ, LAPIC_HZ, 0];
    case 0x16:
      return [Math.floor(TSC_HZ / 1e6), Math.floor(TSC_HZ / 1e6), 100, 0];
    default:
      return NOTHING;
  }
}

/** Deterministic cache parameters: 32 KiB data and code, 256 KiB, 8 MiB; lines of 64 bytes. */
function cacheLeaf(subleaf: number): Leaf {
  const describe = (type: number, level: number, ways: number, sets: number): Leaf => [
    type | (level << 5) | (1 << 8),
    63 | ((ways - 1) << 22),
    sets - 1,
    0,
  ];
  switch (subleaf) {
    case 0:
      return describe(1, 1, 8, 64);
    case 1:
      return describe(2, 1, 8, 64);
    case 2:
      return describe(3, 2, 4, 1024);
    case 3:
      return describe(3, 3, 16, 8192);
    default:
      return NOTHING;
  }
}

function topologyLeaf(cpu: Cpu, subleaf: number): Leaf {
  if (subleaf === 0) return [0, 1, 0x100, cpu.apicId];
  if (subleaf === 1) return [0, 1, 0x201, cpu.apicId];
  return [0, 0, subleaf & 0xff, cpu.apicId];
}

function xsaveLeaf(cpu: Cpu, subleaf: number): Leaf {
  const { xcr0Mask, features } = cpu.model;
  const enabled = cpu.s[XCR0]!;
  switch (subleaf) {
    case 0:
      return [xcr0Mask, 4 * standardWords(enabled), 4 * standardWords(xcr0Mask), 0];
    case 1: {
      // XGETBV with ECX = 1 is bit 2.
      const bits = (features.has("XSAVEOPT") ? 1 : 0) | (features.has("XSAVEC") ? 2 : 0) | (1 << 2);
      return [bits, 4 * compactedWords(enabled), 0, 0];
    }
    default: {
      const component = EXTENDED_COMPONENTS.find(({ bit }) => bit === (xcr0Mask & (1 << subleaf)));
      if (component === undefined || subleaf > 31) return NOTHING;
      return [4 * component.words, 4 * component.word, 0, 0];
    }
  }
}

function hypervisorLeaf(leaf: number): Leaf {
  switch (leaf) {
    case 0x40000000:
      return [LAST_HYPERVISOR, word("bhyv"), word("e bh"), word("yve ")];
    case 0x40000010:
      return [Math.floor(TSC_HZ / 1000), Math.floor(LAPIC_HZ / 1000), 0, 0];
    default:
      return NOTHING;
  }
}

function extendedLeaf(cpu: Cpu, leaf: number): Leaf {
  const { features, brand } = cpu.model;
  switch (leaf) {
    case 0x80000000:
      return [LAST_EXTENDED, 0, 0, 0];
    case 0x80000001:
      return [0, 0, bitsOf(features, EXTENDED1_ECX), bitsOf(features, EXTENDED1_EDX)];
    case 0x80000002:
    case 0x80000003:
    case 0x80000004: {
      const at = (leaf - 0x80000002) * 16;
      return [
        word(brand.slice(at)),
        word(brand.slice(at + 4)),
        word(brand.slice(at + 8)),
        word(brand.slice(at + 12)),
      ];
    }
    case 0x80000006:
      return [0, 0, (256 << 16) | (4 << 12) | 64, 0];
    case 0x80000007:
      return [0, 0, 0, 1 << 8]; // invariant TSC
    case 0x80000008:
      return [MAXPHYADDR | (48 << 8), 0, 0, 0];
    default:
      return NOTHING;
  }
}

/** The instruction: registers in, registers out. */
export function cpuid(cpu: Cpu): void {
  const { s } = cpu;
  const leaf = cpuidLeaf(cpu, s[GPR + 2 * RAX]! >>> 0, s[GPR + 2 * RCX]! >>> 0);
  [RAX, RBX, RCX, RDX].forEach((register, i) => {
    s[GPR + 2 * register] = leaf[i]!;
    s[GPR + 2 * register + 1] = 0;
  });
}
