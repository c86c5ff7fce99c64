// SPDX-License-Identifier: BSD-2-Clause
// A vCPU's whole architectural state: where each part lies in its block of the machine's memory. The
// interpreter's views, the translator's load and store offsets, the saved VM and the debugger all use it.
// Numbers are indexes of int32 words unless they say BYTE. A pair is (low, high). Word 0 is mmu's HI.
//
// These are literal constants, not computed from a table, so that the bundler can inline them into the
// interpreter's switch; test/house/state-layout.test.ts holds STATE_FIELDS against overlap and alignment.
import { VCPU_STATE_BYTES } from "../mmu/machine-layout.ts";

/** RAX … R15, pairs, in encoding order. */
export const GPR = 4;
/** A register that is always zero: the base or index of an address that has none. */
export const ZERO = GPR + 2 * 16;
export const RIP = 38;
/** RFLAGS; its arithmetic bits count only while CC_KIND is CC_EXPLICIT (see flags.ts). */
export const FLAGS = 40;
export const CC_KIND = 41;
export const CC_RESULT = 42; // pair
export const CC_SOURCE = 44; // pair: the left operand
export const CR0 = 46;
export const CR2 = 48; // pair
export const CR3 = 50; // pair
export const CR4 = 52;
export const EFER = 53;
export const XCR0 = 54;
export const CPL = 55;
/** DR0-DR3 and DR6, DR7, pairs. */
export const DR = 56;
export const DR6 = 64;
export const DR7 = 65;

/** Eight segment registers of SEG_WORDS words, in the order of the SEG_ numbers. */
export const SEGMENTS = 72;
export const SEG_WORDS = 6;
export const SEG_SELECTOR = 0;
/** VMX access rights: type 3:0, S 4, DPL 6:5, P 7, AVL 12, L 13, D/B 14, G 15, unusable 16. */
export const SEG_ACCESS = 1;
export const SEG_LIMIT = 2; // expanded to bytes
export const SEG_BASE = 4; // pair

export const ES = 0;
export const CS = 1;
export const SS = 2;
export const DS = 3;
export const FS = 4;
export const GS = 5;
export const LDTR = 6;
export const TR = 7;

export const GDTR_BASE = 120; // pair
export const GDTR_LIMIT = 122;
export const IDTR_LIMIT = 123;
export const IDTR_BASE = 124; // pair

/** Nanoseconds-free MSRs of the processor itself, pairs. */
export const MSR_STAR = 128;
export const MSR_LSTAR = 130;
export const MSR_CSTAR = 132;
export const MSR_SFMASK = 134;
export const MSR_KERNEL_GS_BASE = 136;
export const MSR_SYSENTER_CS = 138;
export const MSR_SYSENTER_ESP = 140;
export const MSR_SYSENTER_EIP = 142;
export const MSR_TSC_AUX = 144;
export const MSR_TSC_ADJUST = 146;
export const MSR_PAT = 148;
export const MSR_MISC_ENABLE = 150;
export const MSR_SPEC_CTRL = 152;
export const MSR_MTRR_DEF_TYPE = 154;
/** IA32_MTRR_PHYSBASE0, PHYSMASK0, … of ten variable ranges. */
export const MSR_MTRR_VARIABLE = 156;
/** The eleven fixed-range MTRRs, in address order. */
export const MSR_MTRR_FIXED = 196;
/** Guest TSC less the clock's, pair. */
export const TSC_OFFSET = 218;

/** Interruptibility and the like: bits. */
export const ACTIVITY = 220;
export const ACTIVITY_STI_SHADOW = 1;
export const ACTIVITY_MOV_SS_SHADOW = 2;
export const ACTIVITY_NMI_BLOCKED = 4;
export const ACTIVITY_HALTED = 8;
export const ACTIVITY_NMI_PENDING = 16;
export const ACTIVITY_SHUTDOWN = 32;
/** Waiting for a start-up IPI. */
export const ACTIVITY_WAIT_SIPI = 64;

/** The machine runs this vCPU's instruction number (pair); time is a function of it on the virtual clock. */
export const RETIRED = 222;

/** Mask of the high half of RIP: all ones in 64-bit mode, else 0. */
export const RIP_HIGH_MASK = 224;
/** Record index of the instruction in execution, for faults and device time; 0 between instructions. */
export const CURRENT = 225;
/** Instructions left of what `run` was asked for; the block in execution is already taken off. */
export const REMAINING = 226;
/** Block in execution (index in the code cache), for counting what is left of it. */
export const BLOCK = 227;
/** Linear address of the memory operand that a read-modify-write instruction has opened, pair. */
export const ADDRESS = 228;

/** x87: control, status (with TOP), tag word (two bits a register), last opcode. */
export const FPU_CONTROL = 232;
export const FPU_STATUS = 233;
export const FPU_TAGS = 234;
export const FPU_OPCODE = 235;
export const FPU_IP = 236; // pair; outside 64-bit mode the selector is in FPU_CS
export const FPU_DP = 238; // pair
export const FPU_CS = 240;
export const FPU_DS = 241;
export const MXCSR = 242;
/** XINUSE as XGETBV(1) shows it, beside what is derived. */
export const XINUSE = 243;

/** Physical registers R0-R7 of 16 bytes: 8 of significand, 2 of sign and exponent, 6 unused. MMX shares them. */
export const FPU_REGISTERS = 256;
/** XMM0-XMM15 as the low halves of YMM0-YMM15: 32 bytes each, aligned to 32. */
export const YMM = 288;
export const YMM_WORDS = 8;
/** Four vector registers for operands that come from memory; meaningless between instructions. */
export const VECTOR_SCRATCH = 416;
export const STATE_WORDS = 448;

/** BYTE offsets, for byte and word registers and for SIMD views. */
export const GPR_BYTE = 4 * GPR;
export const FPU_REGISTERS_BYTE = 4 * FPU_REGISTERS;
export const YMM_BYTE = 4 * YMM;

export const RAX = 0;
export const RCX = 1;
export const RDX = 2;
export const RBX = 3;
export const RSP = 4;
export const RBP = 5;
export const RSI = 6;
export const RDI = 7;

/** Name, first word, words: what saved states and the layout test are made from. */
export const STATE_FIELDS: readonly (readonly [name: string, word: number, words: number])[] = [
  ["address", ADDRESS, 2],
  ["gpr", GPR, 32],
  ["zero", ZERO, 2],
  ["rip", RIP, 2],
  ["flags", FLAGS, 1],
  ["cc", CC_KIND, 5],
  ["cr0", CR0, 1],
  ["cr2", CR2, 2],
  ["cr3", CR3, 2],
  ["cr4", CR4, 1],
  ["efer", EFER, 1],
  ["xcr0", XCR0, 1],
  ["cpl", CPL, 1],
  ["dr", DR, 8],
  ["dr6", DR6, 1],
  ["dr7", DR7, 1],
  ["segments", SEGMENTS, 8 * SEG_WORDS],
  ["gdtr", GDTR_BASE, 3],
  ["idtrLimit", IDTR_LIMIT, 1],
  ["idtrBase", IDTR_BASE, 2],
  ["star", MSR_STAR, 2],
  ["lstar", MSR_LSTAR, 2],
  ["cstar", MSR_CSTAR, 2],
  ["sfmask", MSR_SFMASK, 2],
  ["kernelGsBase", MSR_KERNEL_GS_BASE, 2],
  ["sysenterCs", MSR_SYSENTER_CS, 2],
  ["sysenterEsp", MSR_SYSENTER_ESP, 2],
  ["sysenterEip", MSR_SYSENTER_EIP, 2],
  ["tscAux", MSR_TSC_AUX, 2],
  ["tscAdjust", MSR_TSC_ADJUST, 2],
  ["pat", MSR_PAT, 2],
  ["miscEnable", MSR_MISC_ENABLE, 2],
  ["specCtrl", MSR_SPEC_CTRL, 2],
  ["mtrrDefType", MSR_MTRR_DEF_TYPE, 2],
  ["mtrrVariable", MSR_MTRR_VARIABLE, 40],
  ["mtrrFixed", MSR_MTRR_FIXED, 22],
  ["tscOffset", TSC_OFFSET, 2],
  ["activity", ACTIVITY, 1],
  ["retired", RETIRED, 2],
  ["ripHighMask", RIP_HIGH_MASK, 1],
  ["current", CURRENT, 3],
  ["fpuControl", FPU_CONTROL, 4],
  ["fpuPointers", FPU_IP, 6],
  ["mxcsr", MXCSR, 1],
  ["xinuse", XINUSE, 1],
  ["fpuRegisters", FPU_REGISTERS, 32],
  ["ymm", YMM, 16 * YMM_WORDS],
  ["vectorScratch", VECTOR_SCRATCH, 4 * YMM_WORDS],
];

/** The block must fit its place in the machine's memory. */
export const STATE_BYTES: number = 4 * STATE_WORDS;
if (STATE_BYTES > VCPU_STATE_BYTES) throw new RangeError("vCPU state outgrew its block");
