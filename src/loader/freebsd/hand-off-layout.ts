// SPDX-License-Identifier: BSD-2-Clause
// Where userboot leaves its scratch structures for the kernel's first instructions (FreeBSD:
// stand/userboot/userboot/elf64_freebsd.c). Guest-physical addresses.

export const HAND_OFF_STACK = 0x1000;
export const HAND_OFF_PML4 = 0x2000;
export const HAND_OFF_PDPT = 0x3000;
export const HAND_OFF_PD = 0x4000;
export const HAND_OFF_GDT = 0x5000;
/** First byte behind them: no kernel may be loaded below. */
export const HAND_OFF_END = 0x6000;
