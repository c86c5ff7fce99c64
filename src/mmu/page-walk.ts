// SPDX-License-Identifier: BSD-2-Clause
// The page-table walk: Intel SDM 3A ch. 4. No paging, 32-bit (PSE-36), PAE and 4-level, pages of 4 KiB,
// 2 MiB, 4 MiB and 1 GiB, reserved bits, accessed and dirty flags. Linear addresses are (lo, hi) int32.
// Not there: 5-level paging and protection keys, which CPUID does not announce.
import type { Access } from "./page-fault.ts";
import {
  ACCESS_FETCH,
  ACCESS_WRITE,
  PF_FETCH,
  PF_PRESENT,
  PF_RESERVED,
  PF_USER,
  PF_WRITE,
} from "./page-fault.ts";
import { MAXPHYADDR, type PhysicalMemory } from "./physical-memory.ts";

const PTE_P = 1 << 0;
const PTE_W = 1 << 1;
const PTE_U = 1 << 2;
const PTE_A = 1 << 5;
const PTE_D = 1 << 6;
const PTE_PS = 1 << 7;
const PTE_G = 1 << 8;
const PTE_NX_HI = 1 << 31;

/** Bits 51:MAXPHYADDR of an entry, in its high half; PAE paging reserves those up to 62 as well. */
const RESERVED_HI = 0x000fffff & ~((1 << (MAXPHYADDR - 32)) - 1);
const RESERVED_HI_PAE = 0x7fffffff & ~((1 << (MAXPHYADDR - 32)) - 1);
const FRAME_HI = (1 << (MAXPHYADDR - 32)) - 1;

export const PAGING_NONE = 0;
export const PAGING_32 = 1;
export const PAGING_PAE = 2;
export const PAGING_LONG = 3;
export type PagingMode =
  | typeof PAGING_NONE
  | typeof PAGING_32
  | typeof PAGING_PAE
  | typeof PAGING_LONG;

/** The control-register bits that a walk depends on, decoded when they are written. */
export interface PagingControl {
  mode: PagingMode;
  /** Frame of the root table: PML4 or page directory. PAE has `pdptes` instead. */
  root: number;
  /** The four PAE page-directory pointers, loaded by MOV to CR3: (lo, hi) pairs. */
  readonly pdptes: Int32Array;
  isWriteProtected: boolean; // CR0.WP
  hasPse: boolean; // CR4.PSE, 32-bit paging only
  hasGlobal: boolean; // CR4.PGE
  hasNx: boolean; // EFER.NXE
  hasSmep: boolean;
}

export class PageWalk {
  readonly #physical: PhysicalMemory;
  readonly #control: PagingControl;

  // What the last successful walk found.
  /** Frame of the 4 KiB piece. */
  frame = 0;
  isLarge = false;
  isGlobal = false;
  /** The page may be written, fetched from, used by CPL 3, by its tables alone. */
  isWritable = false;
  isUser = false;
  isExecutable = false;
  isDirty = false;

  // Guest-physical addresses of the entries used, outermost first, for their accessed flags.
  readonly #used = new Float64Array(4);
  #depth = 0;
  #lo = 0;
  #hi = 0;

  constructor(physical: PhysicalMemory, control: PagingControl) {
    this.#physical = physical;
    this.#control = control;
  }

  /**
   * Translates and checks one access: -1 and the fields above, or a page-fault error code. `isUserAccess`
   * is CPL 3 (not an implicit supervisor access); `mayTouchUser` is false where SMAP forbids it.
   */
  walk(
    lo: number,
    hi: number,
    access: Access,
    isUserAccess: boolean,
    mayTouchUser: boolean,
  ): number {
    const control = this.#control;
    if (control.mode === PAGING_NONE) return this.#identity(lo);
    const who =
      (access === ACCESS_WRITE ? PF_WRITE : 0) |
      (isUserAccess ? PF_USER : 0) |
      (access === ACCESS_FETCH && (control.hasSmep || (control.hasNx && control.mode !== PAGING_32))
        ? PF_FETCH
        : 0);
    const failure = control.mode === PAGING_32 ? this.#walk32(lo) : this.#walk64(lo, hi);
    if (failure >= 0) return failure | who;
    if (!this.#isAllowed(access, isUserAccess, mayTouchUser)) return PF_PRESENT | who;
    this.#setAccessed(access === ACCESS_WRITE);
    return -1;
  }

  /**
   * Translates for an onlooker: false if nothing is mapped, else `frame`. Asks for no rights and sets no
   * accessed flag; given a {@link PhysicalMemory} without devices, it has no effect at all.
   */
  find(lo: number, hi: number): boolean {
    const { mode } = this.#control;
    if (mode === PAGING_NONE) return this.#identity(lo) < 0;
    return (mode === PAGING_32 ? this.#walk32(lo) : this.#walk64(lo, hi)) < 0;
  }

  #identity(lo: number): number {
    this.frame = lo >>> 12;
    this.isLarge = false;
    this.isGlobal = false;
    this.isWritable = true;
    this.isUser = true;
    this.isExecutable = true;
    this.isDirty = true;
    return -1;
  }

  /** SDM 3A 4.6. */
  #isAllowed(access: Access, isUserAccess: boolean, mayTouchUser: boolean): boolean {
    if (isUserAccess) {
      if (!this.isUser) return false;
      if (access === ACCESS_WRITE) return this.isWritable;
      return access !== ACCESS_FETCH || this.isExecutable;
    }
    if (access === ACCESS_FETCH) {
      return this.isExecutable && !(this.isUser && this.#control.hasSmep);
    }
    if (this.isUser && !mayTouchUser) return false;
    return access !== ACCESS_WRITE || this.isWritable || !this.#control.isWriteProtected;
  }

  #setAccessed(isWrite: boolean): void {
    const ram = this.#physical.ram;
    const last = this.#depth - 1;
    for (let i = 0; i <= last; i++) {
      const gpa = this.#used[i]!;
      const flags = ram.load(gpa, 1);
      if (flags < 0) continue;
      const wanted = flags | PTE_A | (isWrite && i === last ? PTE_D : 0);
      if (wanted !== flags) ram.store(gpa, 1, wanted);
    }
    if (isWrite) this.isDirty = true;
  }

  #begin(): void {
    this.#depth = 0;
    this.isWritable = true;
    this.isUser = true;
    this.isExecutable = true;
  }

  /** Reads an entry and takes its rights into account. False if it is not present. */
  #step(gpa: number, is64: boolean): boolean {
    const lo = this.#physical.read(gpa, 4) | 0;
    this.#lo = lo;
    if ((lo & PTE_P) === 0) return false;
    this.#hi = is64 ? this.#physical.read(gpa + 4, 4) | 0 : 0;
    this.#used[this.#depth++] = gpa;
    if ((lo & PTE_W) === 0) this.isWritable = false;
    if ((lo & PTE_U) === 0) this.isUser = false;
    if ((this.#hi & PTE_NX_HI) !== 0) this.isExecutable = false;
    return true;
  }

  #leaf(frame: number, isLarge: boolean): number {
    this.frame = frame;
    this.isLarge = isLarge;
    this.isDirty = (this.#lo & PTE_D) !== 0;
    this.isGlobal = (this.#lo & PTE_G) !== 0 && this.#control.hasGlobal;
    return -1;
  }

  #frameOfEntry(): number {
    return (this.#lo >>> 12) | ((this.#hi & FRAME_HI) << 20);
  }

  /** 32-bit paging, SDM 3A 4.3. The result is -1 or the P and RSVD bits of an error code. */
  #walk32(lo: number): number {
    this.#begin();
    if (!this.#step(this.#control.root * 4096 + ((lo >>> 22) & 0x3ff) * 4, false)) return 0;
    if ((this.#lo & PTE_PS) !== 0 && this.#control.hasPse) {
      // PSE-36: bits 20:13 of the entry are address bits 39:32; bit 21 is reserved.
      if ((this.#lo & (1 << 21)) !== 0) return PF_PRESENT | PF_RESERVED;
      const frame = (this.#lo >>> 22) * 1024 + ((this.#lo >>> 13) & 0xff) * 0x100000;
      return this.#leaf(frame + ((lo >>> 12) & 0x3ff), true);
    }
    const table = this.#lo >>> 12;
    if (!this.#step(table * 4096 + ((lo >>> 12) & 0x3ff) * 4, false)) return 0;
    return this.#leaf(this.#lo >>> 12, false);
  }

  /** PAE and 4-level paging, SDM 3A 4.4 and 4.5. */
  #walk64(lo: number, hi: number): number {
    this.#begin();
    const control = this.#control;
    const isLong = control.mode === PAGING_LONG;
    const reserved = (isLong ? RESERVED_HI : RESERVED_HI_PAE) | (control.hasNx ? 0 : PTE_NX_HI);
    let table = control.root;
    if (isLong) {
      if (!this.#step(table * 4096 + ((hi >>> 7) & 0x1ff) * 8, true)) return 0;
      if ((this.#hi & reserved) !== 0 || (this.#lo & PTE_PS) !== 0) return PF_PRESENT | PF_RESERVED;
      table = this.#frameOfEntry();
      if (!this.#step(table * 4096 + (((hi & 0x7f) << 2) | (lo >>> 30)) * 8, true)) return 0;
      if ((this.#hi & reserved) !== 0) return PF_PRESENT | PF_RESERVED;
      if ((this.#lo & PTE_PS) !== 0) {
        if ((this.#lo & 0x3fffe000) !== 0) return PF_PRESENT | PF_RESERVED;
        return this.#leaf((this.#frameOfEntry() & ~0x3ffff) + ((lo >>> 12) & 0x3ffff), true);
      }
      table = this.#frameOfEntry();
    } else {
      const index = (lo >>> 30) * 2;
      const pdpteLo = control.pdptes[index]!;
      if ((pdpteLo & PTE_P) === 0) return 0;
      table = (pdpteLo >>> 12) | ((control.pdptes[index + 1]! & FRAME_HI) << 20);
    }
    return this.#walkDirectory(table, lo, reserved);
  }

  #walkDirectory(directory: number, lo: number, reserved: number): number {
    if (!this.#step(directory * 4096 + ((lo >>> 21) & 0x1ff) * 8, true)) return 0;
    if ((this.#hi & reserved) !== 0) return PF_PRESENT | PF_RESERVED;
    if ((this.#lo & PTE_PS) !== 0) {
      if ((this.#lo & 0x1fe000) !== 0) return PF_PRESENT | PF_RESERVED;
      return this.#leaf((this.#frameOfEntry() & ~0x1ff) + ((lo >>> 12) & 0x1ff), true);
    }
    const table = this.#frameOfEntry();
    if (!this.#step(table * 4096 + ((lo >>> 12) & 0x1ff) * 8, true)) return 0;
    if ((this.#hi & reserved) !== 0) return PF_PRESENT | PF_RESERVED;
    return this.#leaf(this.#frameOfEntry(), false);
  }
}
