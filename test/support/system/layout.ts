// SPDX-License-Identifier: BSD-2-Clause
// Where things are in a system guest's memory, which selectors it has, and the words in which its programs speak of
// them. All below 64 KiB can be reached from real mode.

export const IVT = 0;
export const GDT = 0x1000;
export const IDT = 0x2000;
export const TSS = 0x3000;
export const TSS_OTHER = 0x3800;
export const LDT = 0x3f00;
/** Stubs that the interrupt tables lead to, 16 bytes each, and where each goes on. */
export const STUBS = 0x4000;
export const VECTORS = 0x5000;
/** The end of a guest that nobody interrupts: what stubs lead to unless a case says otherwise. */
export const STOP = 0x5ff0;
export const CODE = 0x8000;
export const DATA = 0x10000;
export const STACK = 0x20000;
/** Stacks of the task state segment. */
export const STACK0 = 0x24000;
export const STACK1 = 0x26000;
export const STACK2 = 0x28000;
export const IST1 = 0x2a000;
export const IST2 = 0x2c000;
export const PML4 = 0x30000;
export const PDPT = 0x31000;
export const PD = 0x32000;
export const PT = 0x33000;
/** For tables that a case makes itself. */
export const TABLES = 0x34000;
/** What CPL 3 may touch. */
export const USER = 0x40000;
export const USER_DATA = 0x50000;
export const USER_STACK = 0x5f000;
export const USER_END = 0x60000;
/** Frames that nothing else uses. */
export const SPARE = 0x60000;
/** What a program may write to, and two engines must agree on, ends here; and a page at {@link LARGE}. */
export const USED = 0x80000;
/** 2 MiB pages of the supervisor's begin here. */
export const LARGE = 0x200000;

export const KCODE = 0x08;
export const KDATA = 0x10;
/** 32-bit code and data of CPL 3; 64-bit code behind it, as SYSRET wants it. */
export const UCODE32 = 0x23;
export const UDATA = 0x2b;
export const UCODE = 0x33;
export const TSS_SELECTOR = 0x38;
export const CODE16 = 0x48;
export const DATA16 = 0x50;
export const LDT_SELECTOR = 0x58;
/** Code of the other width: 32-bit in long mode, none in protected mode. */
export const KCODE32 = 0x18;
/** Free for a case: 0x68, 0x70 … 0xf8. */
export const FREE = 0x68;
export const GDT_BYTES = 0x100;

/** What a stub says to the host, which then looks at the frame. */
export const REPORT_PORT = 0xf0;

export const SYMBOLS = {
  GDT,
  IDT,
  TSS,
  TSS_OTHER,
  LDT,
  VECTORS,
  STOP,
  CODE,
  DATA,
  STACK,
  STACK0,
  STACK1,
  STACK2,
  IST1,
  IST2,
  PML4,
  PDPT,
  PD,
  PT,
  TABLES,
  USER,
  USER_DATA,
  USER_STACK,
  SPARE,
  LARGE,
  KCODE,
  KDATA,
  UCODE32,
  UDATA,
  UCODE,
  TSS_SELECTOR,
  CODE16,
  DATA16,
  LDT_SELECTOR,
  KCODE32,
  FREE,
  TF: 1 << 8,
  IF: 1 << 9,
  DF: 1 << 10,
  IOPL3: 3 << 12,
  NT: 1 << 14,
  RF: 1 << 16,
  VM: 1 << 17,
  AC: 1 << 18,
  EFER: 0xc0000080,
  STAR: 0xc0000081,
  LSTAR: 0xc0000082,
  FMASK: 0xc0000084,
  FS_BASE: 0xc0000100,
  GS_BASE: 0xc0000101,
  KERNEL_GS_BASE: 0xc0000102,
} as const;

/** Leaves for a label of CPL 3. */
export const toUser = (label: string, flags: number | string = 2) =>
  `push UDATA; push USER_STACK; push ${flags}; push UCODE; push ${label}; iretq`;

/** The same from 32-bit code. */
export const toUser32 = (label: string, flags: number | string = 2) =>
  `push UDATA; push USER_STACK; push ${flags}; push UCODE32; push ${label}; iret`;
