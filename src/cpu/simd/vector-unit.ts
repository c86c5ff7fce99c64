// SPDX-License-Identifier: BSD-2-Clause
// What the functions of this directory see of a vCPU: its state block, through views of several widths.
// Vector registers are places in it: indexes of 32-bit words (`YMM + 8 * n` is XMM n and YMM n), and so is
// a memory operand, once it is loaded into VECTOR_SCRATCH.

export interface VectorUnit {
  readonly s: Int32Array;
  readonly bytes: Uint8Array;
  readonly words: Uint16Array;
  readonly floats: Float32Array;
  readonly doubles: Float64Array;
  /** MXCSR exception flags that the instruction in execution has raised so far, beside what MXCSR has. */
  raised: number;
}

/**
 * Works on one 128-bit lane: four words at `d` become a function of those at `a`, at `b` and an immediate.
 * `d` may be the same place as `a` or `b`. A function of one operand has it in `b`.
 */
export type Kernel = (v: VectorUnit, d: number, a: number, b: number, imm: number) => void;

/** Works on one float element at these words, likewise. */
export type ElementOp = Kernel;
