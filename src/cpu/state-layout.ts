// SPDX-License-Identifier: BSD-2-Clause
// A vCPU's whole architectural state: where each part lies in its block of the machine's memory. The
// interpreter's views, the translator's load and store offsets, the saved VM and the debugger all use it.
// Numbers are indexes of int32 words unless they say BYTE. A pair is (low, high). Word 0 is mmu's HI.
//
// These are literal constants, not computed from a table, so that the bundler can inline them into the
// interpreter's switch. It does that for constants that nothing else stands before, so this file imports
// nothing; state-fields.ts has the table of them.

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

/** 1: the interrupt source may have something to deliver. */
export const INTERRUPT_REQUESTED = 230;

/** x87: control, status (with TOP), tags (two bits a register: 11b empty, 00b not), last opcode. */
export const FPU_CONTROL = 232;
export const FPU_STATUS = 233;
export const FPU_TAGS = 234;
export const FPU_OPCODE = 235;
export const FPU_IP = 236; // pair; outside 64-bit mode the selector is in FPU_CS
export const FPU_DP = 238; // pair
export const FPU_CS = 240;
export const FPU_DS = 241;
export const MXCSR = 242;

/** PAUSE instructions executed since the vCPU was made, pair. */
export const PAUSES = 244;
/**
 * A double: nanoseconds of guest time when REMAINING will be 0, if each instruction takes one; negative if time
 * does not come from instructions.
 */
export const SLICE_END_NS = 246;

/** Physical registers R0-R7 of 16 bytes: 8 of significand, 2 of sign and exponent, 6 unused. MMX shares them. */
export const FPU_REGISTERS = 256;
/** XMM0-XMM15 as the low halves of YMM0-YMM15: 32 bytes each, aligned to 32. */
export const YMM = 288;
export const YMM_WORDS = 8;
/** Four vector registers for operands that come from memory; meaningless between instructions. */
export const VECTOR_SCRATCH = 416;
/** x87 arithmetic on its way (fpu/float80.ts says what the parts are); meaningless between instructions. */
export const FPU_SCRATCH = 448;
export const FPU_RESULT = 448;
export const FPU_SECOND = 452;
export const FPU_OPERAND = 456;
export const FPU_X = 460;
export const FPU_Y = 464;
export const FPU_EXACT = 468;
export const FPU_ROUNDED = 470;
export const FPU_PRODUCT = 473;
export const FPU_REMAINDER = 477;
export const STATE_WORDS = 480;

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
