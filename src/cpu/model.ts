// SPDX-License-Identifier: BSD-2-Clause
// Which processor the guest sees: its features, and what CPUID makes of them. bhyve passes the host's CPUID
// through a filter; there is no host processor here, so this is a fixed one of our own, with that filter's
// shape: hypervisor bit set, no VMX, no MONITOR, no performance counters, no thermal sensors.
//
// Not bhyve's: leaf 0x15 and hypervisor leaf 0x40000010 tell the TSC's and the APIC's frequency, so that
// guests need not measure them; TSC-deadline is offered; IA32_ARCH_CAPABILITIES says that this processor
// does not speculate, which it does not. See docs/quirks.md.
import type { Feature } from "./isa/row.ts";
import {
  CR4_DE,
  CR4_FSGSBASE,
  CR4_MCE,
  CR4_OSFXSR,
  CR4_OSXMMEXCPT,
  CR4_OSXSAVE,
  CR4_PAE,
  CR4_PCE,
  CR4_PCIDE,
  CR4_PGE,
  CR4_PSE,
  CR4_SMAP,
  CR4_SMEP,
  CR4_TSD,
  CR4_VMXE,
  XCR0_AVX,
  XCR0_SSE,
  XCR0_X87,
} from "./system/control-bits.ts";

/**
 * The oscillators that CPUID tells of. The TSC's is a small multiple of the APIC timer's, because Linux
 * works a TSC frequency out of leaf 0x15 in 32 bits.
 */
export const LAPIC_HZ = 2 ** 27;
export const TSC_HZ = 8 * LAPIC_HZ;

/** The micro-architecture levels of the x86-64 psABI. */
export const CPU_LEVELS = ["x86-64-v2", "x86-64-v3"] as const;
export type CpuLevel = (typeof CPU_LEVELS)[number];

const V2_FEATURES: readonly Feature[] = [
  "X87",
  "MMX",
  "SSE",
  "SSE2",
  "SSE3",
  "SSSE3",
  "SSE4_1",
  "SSE4_2",
  "POPCNT",
  "CX16",
  "FXSR",
  "FSGSBASE",
  "RDRAND",
  "RDSEED",
  "RDTSCP",
  "INVPCID",
  "SMAP",
  "XSAVE",
  "XSAVEOPT",
  "XSAVEC",
  "CLFLUSHOPT",
  "CLWB",
];

const V3_FEATURES: readonly Feature[] = [
  ...V2_FEATURES,
  "LZCNT",
  "MOVBE",
  "ADX",
  "BMI1",
  "BMI2",
  "AVX",
  "AVX2",
  "FMA",
  "F16C",
  "AES",
  "PCLMULQDQ",
  "SHA",
];

export interface ProcessorModel {
  readonly level: CpuLevel;
  readonly features: ReadonlySet<Feature>;
  /** Bits of CR4 and XCR0 that may be set. */
  readonly cr4Mask: number;
  readonly xcr0Mask: number;
  readonly brand: string;
}

export function processorModel(level: CpuLevel = "x86-64-v3"): ProcessorModel {
  const features = new Set(level === "x86-64-v2" ? V2_FEATURES : V3_FEATURES);
  return {
    level,
    features,
    cr4Mask:
      CR4_TSD |
      CR4_DE |
      CR4_PSE |
      CR4_PAE |
      CR4_MCE |
      CR4_PGE |
      CR4_PCE |
      CR4_OSFXSR |
      CR4_OSXMMEXCPT |
      CR4_VMXE |
      CR4_FSGSBASE |
      CR4_PCIDE |
      CR4_OSXSAVE |
      CR4_SMEP |
      CR4_SMAP,
    xcr0Mask: XCR0_X87 | XCR0_SSE | (features.has("AVX") ? XCR0_AVX : 0),
    brand: `tshyve ${level} interpreting processor`,
  };
}
