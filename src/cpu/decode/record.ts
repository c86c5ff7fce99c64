// SPDX-License-Identifier: BSD-2-Clause
// A decoded instruction as the interpreter runs it: eight int32 words in the code cache. Executors see
// only this; prefixes and ModRM are gone.
//
//   +0 OP     what to do: a case of the hot loop, or FIRST_EXECUTOR + an operation's number
//   +1 SLOTS  byte 0: operand A   byte 1: operand B   byte 2: base   byte 3: index
//   +2 DISP   displacement of a memory operand, to be sign-extended; low half of an absolute address
//   +3 IMM    low half of an immediate, sign-extended; a branch's target, in bytes from the block's start;
//             the x87 instructions' opcode, 11 bits
//   +4 LINK   high half of an immediate or absolute address; a branch's target block, once it is known
//   +5 INFO   bit fields, below
//   +6 NEXT   the next instruction's place, in bytes from the block's start
//   +7 ROW    number of the row in ISA_ROWS
//
// Operands A and B are register slots or MEMORY or IMMEDIATE. A general register's slot is an index of the
// state block in units of its width (bytes, words, int32), so that a view can be indexed with it as it is.
// Other registers (segment, control, vector, x87) are plain numbers.

export const RECORD_WORDS = 8;
export const OP = 0;
export const SLOTS = 1;
export const DISP = 2;
export const IMM = 3;
export const LINK = 4;
export const INFO = 5;
export const NEXT = 6;
export const ROW = 7;

export const SLOT_MEMORY = 0xff;
export const SLOT_IMMEDIATE = 0xfe;

/** Log2 of the operand size in bytes. */
export const INFO_WIDTH = 3;
export const INFO_SCALE_SHIFT = 2;
export const INFO_EA_SHIFT = 4;
export const INFO_EA = 7 << INFO_EA_SHIFT;
export const INFO_SEGMENT_SHIFT = 7;
export const INFO_LOCK = 1 << 10;
/** F3 before a string instruction: REP, REPE. */
export const INFO_REP = 1 << 11;
/** F2: REPNE. */
export const INFO_REPNE = 1 << 12;
/** Log2 of the address size in bytes, less one: 0 is 16 bits, 1 is 32, 2 is 64. */
export const INFO_ADDRESS_SHIFT = 13;
export const INFO_LENGTH_SHIFT = 15;
export const INFO_VEX_L = 1 << 19;
/** REX.W or VEX.W, where it is not an operand size. */
export const INFO_W = 1 << 20;
/** VEX encoded: the destination is not the first source, and the rest of the register is zeroed. */
export const INFO_VEX = 1 << 21;
/** The sign of a relative branch's distance is not that of IMM, which is too short for it by one bit. */
export const INFO_FAR_TARGET = 1 << 22;
/** It keeps accessing what is not RAM: translated code leaves it to its executor (jit/engine.ts). */
export const INFO_OUTSIDE_RAM = 1 << 23;
/** Bits 31:24: operand C, or the row's small constant. */
export const INFO_C_SHIFT = 24;

/** How a memory operand's linear address is made, INFO_EA. */
export const EA_PLAIN = 0; // 64-bit mode, DS, ES, SS or CS: base + index + displacement
export const EA_SEGMENT = 1; // 64-bit mode with the base of FS or GS
export const EA_32_IN_64 = 2; // 64-bit mode with a 67 prefix: truncated to 32 bits
export const EA_FLAT_32 = 3; // 32-bit code with flat segments: no checks
export const EA_CHECKED = 4; // segmentation with all its checks
export const EA_ABSOLUTE = 5; // 64-bit mode, LINK:DISP is the address (MOV to and from accumulator)
export const EA_RIP_FAR = 6; // RIP + displacement where their sum left the displacement field

/** Numbers of OP from here on are executors; the hot loop's own cases are below. */
export const FIRST_EXECUTOR = 512;
