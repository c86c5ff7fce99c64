// SPDX-License-Identifier: BSD-2-Clause
// What the first vCPU holds when a loaded kernel gets control, as data: a loader computes it, the VMM writes
// it into the vCPU. bhyve: lib/libvmmapi vmmapi_freebsd.c sets the same registers one ioctl at a time.

/** A segment register with its hidden part. */
export interface SegmentState {
  readonly selector: number;
  readonly base: bigint;
  /** In bytes, inclusive, after the granularity bit. */
  readonly limit: number;
  /** Access rights as in the VMCS (SDM 3C 24.4.1): type 3:0, S 4, DPL 6:5, P 7, AVL 12, L 13, D/B 14, G 15, unusable 16. */
  readonly access: number;
}

/** GDTR or IDTR. */
export interface TableState {
  readonly base: bigint;
  readonly limit: number;
}

export type GeneralRegister =
  | "rax"
  | "rbx"
  | "rcx"
  | "rdx"
  | "rsi"
  | "rdi"
  | "rbp"
  | "r8"
  | "r9"
  | "r10"
  | "r11"
  | "r12"
  | "r13"
  | "r14"
  | "r15";

export type SegmentName = "cs" | "ds" | "es" | "fs" | "gs" | "ss" | "tr" | "ldtr";

/** The whole of it. A general register that is not named holds 0; everything else is as after a reset. */
export interface EntryState {
  readonly rip: bigint;
  readonly rsp: bigint;
  readonly rflags: bigint;
  readonly general: Partial<Readonly<Record<GeneralRegister, bigint>>>;
  readonly cr0: bigint;
  readonly cr3: bigint;
  readonly cr4: bigint;
  readonly efer: bigint;
  readonly segments: Readonly<Record<SegmentName, SegmentState>>;
  readonly gdtr: TableState;
  readonly idtr: TableState;
}

export const CR0_PE = 0x1n;
export const CR0_ET = 0x10n;
export const CR0_NE = 0x20n;
export const CR0_PG = 0x8000_0000n;
export const CR4_PAE = 0x20n;
export const EFER_LME = 0x100n;
export const EFER_LMA = 0x400n;
/** Bit 1 of RFLAGS always reads as one; with nothing else set, interrupts are off. */
export const RFLAGS_RESERVED = 0x2n;

export const ACCESS_TSS_BUSY = 0x8b;
export const ACCESS_UNUSABLE = 0x1_0000;
