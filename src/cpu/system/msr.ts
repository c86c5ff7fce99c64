// SPDX-License-Identifier: BSD-2-Clause
// The processor core's model-specific registers: SDM 4, with bhyve's choices (sys/amd64/vmm/intel/vmx_msr.c,
// usr.sbin/bhyve/xmsr.c). What is not here is the machine's: APIC, platform, unknown ones.
import { type U64, u64 } from "../../base/u64.ts";
import type { Cpu } from "../cpu.ts";
import { TSC_HZ } from "../model.ts";
import {
  EFER,
  FS,
  GS,
  MSR_CSTAR,
  MSR_KERNEL_GS_BASE,
  MSR_LSTAR,
  MSR_MISC_ENABLE,
  MSR_MTRR_DEF_TYPE,
  MSR_MTRR_FIXED,
  MSR_MTRR_VARIABLE,
  MSR_PAT,
  MSR_SFMASK,
  MSR_SPEC_CTRL,
  MSR_STAR,
  MSR_SYSENTER_CS,
  MSR_SYSENTER_EIP,
  MSR_SYSENTER_ESP,
  MSR_TSC_ADJUST,
  MSR_TSC_AUX,
  SEG_BASE,
  SEG_WORDS,
  SEGMENTS,
  TSC_OFFSET,
} from "../state-layout.ts";
import { writeEfer } from "./control-registers.ts";

const IA32_TSC = 0x10;
const IA32_FEATURE_CONTROL = 0x3a;
const IA32_TSC_ADJUST = 0x3b;
const IA32_SPEC_CTRL = 0x48;
const IA32_PRED_CMD = 0x49;
const IA32_BIOS_UPDT_TRIG = 0x79;
const IA32_BIOS_SIGN_ID = 0x8b;
const MSR_PLATFORM_INFO = 0xce;
const IA32_MTRRCAP = 0xfe;
const IA32_ARCH_CAPABILITIES = 0x10a;
const IA32_SYSENTER_CS = 0x174;
const IA32_SYSENTER_ESP = 0x175;
const IA32_SYSENTER_EIP = 0x176;
const IA32_MCG_CAP = 0x179;
const IA32_MCG_STATUS = 0x17a;
const IA32_MISC_ENABLE = 0x1a0;
const IA32_MTRR_PHYSBASE0 = 0x200;
const IA32_MTRR_FIX64K = 0x250;
const IA32_MTRR_FIX16K = 0x258;
const IA32_MTRR_FIX4K = 0x268;
const IA32_PAT = 0x277;
const IA32_MTRR_DEF_TYPE = 0x2ff;
const IA32_EFER = 0xc0000080;
const IA32_STAR = 0xc0000081;
const IA32_LSTAR = 0xc0000082;
const IA32_CSTAR = 0xc0000083;
const IA32_FMASK = 0xc0000084;
const IA32_FS_BASE = 0xc0000100;
const IA32_GS_BASE = 0xc0000101;
const IA32_KERNEL_GS_BASE = 0xc0000102;
const IA32_TSC_AUX = 0xc0000103;

/** Write-combining, fixed ranges, ten variable ranges. */
const MTRRCAP = 0x50a;
const VARIABLE_RANGES = 10;
const BUS_RATIO = Math.floor(TSC_HZ / 1e8);
/** Memory types an MTRR may have: UC, WC, WT, WP, WB. PAT has UC- (7) as well. */
const MEMORY_TYPES = 0b0111_0011;
const PAT_TYPES = 0b1111_0011;

/**
 * Nothing speculates here, so none of the defects that come of it: RDCL_NO, IBRS_ALL, SKIP_L1DFL, SSB_NO,
 * MDS_NO, IF_PSCHANGE_MC_NO, TAA_NO, SBDR_SSDP_NO, FBSDP_NO, PSDP_NO, BHI_NO, PBRSB_NO, GDS_NO, RFDS_NO; ITS_NO.
 */
const ARCH_CAPABILITIES = u64(0x0d10e17b, 1 << 30);

/** MSRs that hold what they were given, by number: state word and check. */
interface Plain {
  readonly word: number;
  readonly isValid: (lo: number, hi: number) => boolean;
}

function isCanonical(hi: number): boolean {
  return hi >> 15 === 0 || hi >> 15 === -1;
}

const anything = () => true;
const canonical = (_lo: number, hi: number) => isCanonical(hi);
const lowHalf = (_lo: number, hi: number) => hi === 0;

function eachByte(lo: number, hi: number, types: number): boolean {
  for (const half of [lo, hi]) {
    for (let shift = 0; shift < 32; shift += 8) {
      const type = (half >>> shift) & 0xff;
      if (type > 7 || (types & (1 << type)) === 0) return false;
    }
  }
  return true;
}

function segmentBase(segment: number): number {
  return SEGMENTS + segment * SEG_WORDS + SEG_BASE;
}

const PLAIN: ReadonlyMap<number, Plain> = new Map<number, Plain>([
  [IA32_SYSENTER_CS, { word: MSR_SYSENTER_CS, isValid: anything }],
  [IA32_SYSENTER_ESP, { word: MSR_SYSENTER_ESP, isValid: canonical }],
  [IA32_SYSENTER_EIP, { word: MSR_SYSENTER_EIP, isValid: canonical }],
  [IA32_STAR, { word: MSR_STAR, isValid: anything }],
  [IA32_LSTAR, { word: MSR_LSTAR, isValid: canonical }],
  [IA32_CSTAR, { word: MSR_CSTAR, isValid: canonical }],
  [IA32_FMASK, { word: MSR_SFMASK, isValid: lowHalf }],
  [IA32_FS_BASE, { word: segmentBase(FS), isValid: canonical }],
  [IA32_GS_BASE, { word: segmentBase(GS), isValid: canonical }],
  [IA32_KERNEL_GS_BASE, { word: MSR_KERNEL_GS_BASE, isValid: canonical }],
  [IA32_TSC_AUX, { word: MSR_TSC_AUX, isValid: lowHalf }],
  // IBRS, STIBP, SSBD: accepted, and nothing has to follow.
  [IA32_SPEC_CTRL, { word: MSR_SPEC_CTRL, isValid: (lo, hi) => hi === 0 && (lo & ~7) === 0 }],
  [IA32_PAT, { word: MSR_PAT, isValid: (lo, hi) => eachByte(lo, hi, PAT_TYPES) }],
  [
    IA32_MTRR_DEF_TYPE,
    {
      word: MSR_MTRR_DEF_TYPE,
      isValid: (lo, hi) =>
        hi === 0 &&
        (lo & ~0xcff) === 0 &&
        (lo & 0xff) < 8 &&
        (MEMORY_TYPES & (1 << (lo & 7))) !== 0,
    },
  ],
  ...fixedRanges(),
  ...variableRanges(),
]);

function fixedRanges(): [number, Plain][] {
  const numbers = [IA32_MTRR_FIX64K, IA32_MTRR_FIX16K, IA32_MTRR_FIX16K + 1];
  for (let i = 0; i < 8; i++) numbers.push(IA32_MTRR_FIX4K + i);
  const isValid = (lo: number, hi: number) => eachByte(lo, hi, MEMORY_TYPES);
  return numbers.map((msr, i) => [msr, { word: MSR_MTRR_FIXED + 2 * i, isValid }]);
}

function variableRanges(): [number, Plain][] {
  return Array.from({ length: 2 * VARIABLE_RANGES }, (_, i) => [
    IA32_MTRR_PHYSBASE0 + i,
    { word: MSR_MTRR_VARIABLE + 2 * i, isValid: (_lo, hi) => (hi & ~0xff) === 0 },
  ]);
}

/** MSRs that always read the same; writes of most are ignored, as in bhyve. */
const CONSTANT: ReadonlyMap<number, { readonly value: U64; readonly isWritable: boolean }> =
  new Map([
    [IA32_FEATURE_CONTROL, { value: u64(1), isWritable: false }],
    [IA32_BIOS_UPDT_TRIG, { value: u64(0), isWritable: true }],
    [IA32_BIOS_SIGN_ID, { value: u64(0), isWritable: true }],
    // In units of 100 MHz, as both the guaranteed and the most efficient ratio.
    [MSR_PLATFORM_INFO, { value: u64(BUS_RATIO << 8, BUS_RATIO << 8), isWritable: false }],
    [IA32_MTRRCAP, { value: u64(MTRRCAP), isWritable: false }],
    [IA32_ARCH_CAPABILITIES, { value: ARCH_CAPABILITIES, isWritable: false }],
    [IA32_MCG_CAP, { value: u64(0), isWritable: true }],
    [IA32_MCG_STATUS, { value: u64(0), isWritable: true }],
  ]);

/** RDMSR; undefined for #GP(0). */
export function readMsr(cpu: Cpu, msr: number): U64 | undefined {
  const { s } = cpu;
  const plain = PLAIN.get(msr);
  if (plain !== undefined) return u64(s[plain.word]!, s[plain.word + 1]!);
  const constant = CONSTANT.get(msr);
  if (constant !== undefined) return constant.value;
  switch (msr) {
    case IA32_TSC:
      return readTsc(cpu);
    case IA32_TSC_ADJUST:
      return u64(s[MSR_TSC_ADJUST]!, s[MSR_TSC_ADJUST + 1]!);
    case IA32_EFER:
      return u64(s[EFER]!);
    case IA32_MISC_ENABLE:
      return u64(s[MSR_MISC_ENABLE]!, s[MSR_MISC_ENABLE + 1]!);
    default:
      return cpu.msrs.read(msr);
  }
}

/** WRMSR; false for #GP(0). */
export function writeMsr(cpu: Cpu, msr: number, value: U64): boolean {
  const { s } = cpu;
  const plain = PLAIN.get(msr);
  if (plain !== undefined) {
    if (!plain.isValid(value.low, value.high)) return false;
    s[plain.word] = value.low;
    s[plain.word + 1] = value.high;
    return true;
  }
  const constant = CONSTANT.get(msr);
  if (constant !== undefined) return constant.isWritable;
  switch (msr) {
    case IA32_TSC: {
      const change = value.sub(readTsc(cpu));
      addToPair(s, TSC_OFFSET, change);
      addToPair(s, MSR_TSC_ADJUST, change);
      cpu.environment.tscWritten();
      return true;
    }
    case IA32_TSC_ADJUST: {
      const change = value.sub(u64(s[MSR_TSC_ADJUST]!, s[MSR_TSC_ADJUST + 1]!));
      addToPair(s, TSC_OFFSET, change);
      addToPair(s, MSR_TSC_ADJUST, change);
      cpu.environment.tscWritten();
      return true;
    }
    case IA32_PRED_CMD:
      return value.high === 0 && (value.low & ~1) === 0;
    case IA32_EFER:
      return writeEfer(cpu, value.low, value.high);
    case IA32_MISC_ENABLE:
      // bhyve: a write may differ in the execute-disable bit (34), and changes nothing.
      return (
        value.low === s[MSR_MISC_ENABLE] && (value.high & ~4) === (s[MSR_MISC_ENABLE + 1]! & ~4)
      );
    default:
      return cpu.msrs.write(msr, value);
  }
}

function addToPair(s: Int32Array, word: number, change: U64): void {
  const sum = u64(s[word]!, s[word + 1]!).add(change);
  s[word] = sum.low;
  s[word + 1] = sum.high;
}

/** The guest's time stamp counter. */
export function readTsc(cpu: Cpu): U64 {
  const ticks = cpu.environment.readTsc();
  const { s } = cpu;
  return u64(ticks | 0, Math.floor(ticks / 0x1_0000_0000)).add(
    u64(s[TSC_OFFSET]!, s[TSC_OFFSET + 1]!),
  );
}
