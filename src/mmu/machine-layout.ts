// SPDX-License-Identifier: BSD-2-Clause
// What lies where in the machine's one WebAssembly.Memory. Byte offsets; the interpreter's typed-array
// views and the translator's load and store offsets both come from here.
//
//   0x000000   unused, so that offset 0 never means anything
//   0x001000   vCPU 0: architectural state            (cpu/state-layout.ts)
//   0x040000   vCPU 0: translation caches             (mmu/tlb-layout.ts)
//   0x400000   vCPU 0: where code was found           (cpu/interp/jump-cache.ts)
//   0x800000   one byte of flags a RAM page
//   0x1000000  guest RAM

export const VCPU_STATE_OFFSET = 0x1000;
/**
 * Word of the vCPU's state that carries the high half of a 64-bit result from one function to its caller;
 * the low half is the function's value. It is meaningless between instructions.
 */
export const HI = 0;
/** Words that translated code reads: offset of the TLB's current table in memory, and its context. */
export const TLB_TABLE = 1;
export const TLB_CONTEXT = 3;
export const VCPU_STATE_BYTES = 0x3000;
export const TLB_OFFSET = 0x40000;
export const JUMP_CACHE_OFFSET = 0x400000;
export const PAGE_FLAGS_OFFSET = 0x800000;
export const RAM_OFFSET = 0x1000000;

/** Page flag: written since the VM was made, so it belongs into a saved image. */
export const PAGE_TOUCHED = 1;
/** Page flag: instructions were decoded from it, so a write to it must be noticed. */
export const PAGE_CODE = 2;
