// SPDX-License-Identifier: BSD-2-Clause
// Loads and stores by linear address: what every instruction uses. An address is two int32 halves. The
// fast path is one probe of the TLB; page crossings, first touches, MMIO, watched pages and faults take the
// slow one. 64-bit loads return the low half and leave the high half in the state word HI.
import { DevicePage } from "./device-page.ts";
import { HI, PAGE_CODE, PAGE_TOUCHED, RAM_OFFSET, TLB_OFFSET } from "./machine-layout.ts";
import {
  ACCESS_FETCH,
  ACCESS_READ,
  ACCESS_WRITE,
  type Access,
  GUEST_FAULT,
  type MemoryFault,
} from "./page-fault.ts";
import { PAGING_NONE, PageWalk, type PagingControl } from "./page-walk.ts";
import { type MmioAccess, PhysicalMemory } from "./physical-memory.ts";
import { Tlb } from "./tlb.ts";
import {
  TABLE_SUPERVISOR,
  TABLE_SUPERVISOR_SMAP,
  TABLE_USER,
  TLB_ADDEND,
  TLB_FETCH,
  TLB_GLOBAL,
  TLB_LARGE,
  TLB_READ,
  TLB_WRITE,
} from "./tlb-layout.ts";

/** Sees every data access to a page that holds a watchpoint (DR0-DR3), before it is carried out. */
export interface Watcher {
  /** True if accesses to this page must be seen: it then never enters the TLB. */
  isWatched(lo: number, hi: number): boolean;
  accessed(lo: number, hi: number, size: number, isWrite: boolean): void;
  /** Faults if an access of 1 to 8 bytes must be aligned and is not: that comes before a page fault. */
  checkAlignment(lo: number, hi: number, size: number): void;
}

const NO_WATCHER: Watcher = { isWatched: () => false, accessed() {}, checkAlignment() {} };

/** For onlookers: page tables in a device's registers read as not present. */
const NO_DEVICES: MmioAccess = { read: () => 0, write() {} };

/** Result of {@link LinearMemory.translate} for what is neither RAM nor, when reading, ROM. */
const NOT_RAM = -1;

export class LinearMemory {
  readonly view: DataView;
  readonly tlb: Tlb;
  readonly control: PagingControl = {
    mode: PAGING_NONE,
    root: 0,
    pdptes: new Int32Array(8),
    isWriteProtected: false,
    hasPse: false,
    hasGlobal: false,
    hasNx: false,
    hasSmep: false,
  };
  readonly fault: MemoryFault = { isNonCanonical: false, errorCode: 0, lo: 0, hi: 0 };
  watcher: Watcher = NO_WATCHER;
  /** EFER.LMA with CS.L: addresses have 64 bits. Otherwise they wrap at 4 GiB. */
  isLongAddressing = false;
  /** Counts accesses that left RAM: each is a VM exit for instruction emulation, in bhyve's terms. */
  mmioAccesses = 0;
  /** Called behind an access that left RAM: a device may want the vCPU to look around. */
  onMmio: () => void = () => {};
  /** A store reached a page with decoded code; `offset` is its place in the machine's memory. */
  onCodeWrite: (offset: number, length: number) => void = () => {};

  /** Inside {@link asSupervisor}: the processor's own accesses are neither watched nor alignment-checked. */
  #isImplicit = false;
  readonly #readDevice = new DevicePage();
  readonly #writtenDevice = new DevicePage();
  readonly #physical: PhysicalMemory;
  readonly #walk: PageWalk;
  readonly #onlooker: PageWalk;
  readonly #state: Int32Array;
  readonly #words: Int32Array;
  readonly #pageFlags: Uint8Array;
  #isUser = false;
  #hasSmap = false;
  #mayTouchUser = true;
  /**
   * Guest-physical address of the last translation that gave NOT_RAM. A double from the start: it would become one
   * with the first device above 2 GiB, and with it all of this class's code would be thrown away by V8.
   */
  #gpa = Number.NaN;

  /** `state` is the vCPU's block, for its HI word. */
  constructor(physical: PhysicalMemory, state: Int32Array) {
    this.#physical = physical;
    this.#state = state;
    this.#pageFlags = physical.ram.pageFlags;
    this.view = physical.ram.view;
    this.tlb = new Tlb(physical.ram.memory.buffer, TLB_OFFSET, state);
    this.#words = this.tlb.words;
    this.#walk = new PageWalk(physical, this.control);
    this.#onlooker = new PageWalk(new PhysicalMemory(physical.ram, NO_DEVICES), this.control);
  }

  /** Whose rights accesses have: CPL 3, CR4.SMAP, RFLAGS.AC. */
  setPrivilege(isUser: boolean, hasSmap: boolean, isAlignmentCheckSet: boolean): void {
    this.#isUser = isUser;
    this.#hasSmap = hasSmap;
    this.#mayTouchUser = isUser || !hasSmap || isAlignmentCheckSet;
    this.tlb.setPrivilege(this.#table());
  }

  #table(): number {
    if (this.#isUser) return TABLE_USER;
    return this.#mayTouchUser ? TABLE_SUPERVISOR : TABLE_SUPERVISOR_SMAP;
  }

  /**
   * Runs `access` as an implicit supervisor access (SDM 3A 4.6.1): descriptor tables, the TSS, and stacks
   * that are switched to. RFLAGS.AC does not open user pages to those.
   */
  asSupervisor<T>(access: () => T): T {
    const isUser = this.#isUser;
    const mayTouchUser = this.#mayTouchUser;
    const isImplicit = this.#isImplicit;
    this.#isUser = false;
    this.#mayTouchUser = !this.#hasSmap;
    this.#isImplicit = true;
    this.tlb.setPrivilege(this.#table());
    try {
      return access();
    } finally {
      this.#isUser = isUser;
      this.#mayTouchUser = mayTouchUser;
      this.#isImplicit = isImplicit;
      this.tlb.setPrivilege(this.#table());
    }
  }

  // Each fast path: the entry's tag must equal the page of the access's last byte.

  /** Unsigned. */
  load8(lo: number, hi: number): number {
    const words = this.#words;
    const entry = this.tlb.table + ((lo >>> 9) & 0x1ff8);
    if (words[entry + TLB_READ] === (lo & -4096) && words[entry + TLB_READ + 1] === hi) {
      return this.view.getUint8((words[entry + TLB_ADDEND]! + lo) >>> 0);
    }
    return this.#loadSlow(lo, hi, 1);
  }

  /** Unsigned. */
  load16(lo: number, hi: number): number {
    const words = this.#words;
    const entry = this.tlb.table + ((lo >>> 9) & 0x1ff8);
    if (words[entry + TLB_READ] === ((lo + 1) & -4096) && words[entry + TLB_READ + 1] === hi) {
      return this.view.getUint16((words[entry + TLB_ADDEND]! + lo) >>> 0, true);
    }
    return this.#loadSlow(lo, hi, 2);
  }

  /** Signed. */
  load32(lo: number, hi: number): number {
    const words = this.#words;
    const entry = this.tlb.table + ((lo >>> 9) & 0x1ff8);
    if (words[entry + TLB_READ] === ((lo + 3) & -4096) && words[entry + TLB_READ + 1] === hi) {
      return this.view.getInt32((words[entry + TLB_ADDEND]! + lo) >>> 0, true);
    }
    return this.#loadSlow(lo, hi, 4) | 0;
  }

  /** The low half, signed; the high half is left in HI. */
  load64(lo: number, hi: number): number {
    const words = this.#words;
    const entry = this.tlb.table + ((lo >>> 9) & 0x1ff8);
    if (words[entry + TLB_READ] === ((lo + 7) & -4096) && words[entry + TLB_READ + 1] === hi) {
      const offset = (words[entry + TLB_ADDEND]! + lo) >>> 0;
      this.#state[HI] = this.view.getInt32(offset + 4, true);
      return this.view.getInt32(offset, true);
    }
    return this.#load64Slow(lo, hi);
  }

  /** 16 bytes into four words of the state from `at` on; faults before it writes any. */
  load128(lo: number, hi: number, at: number): void {
    const words = this.#words;
    const entry = this.tlb.table + ((lo >>> 9) & 0x1ff8);
    if (words[entry + TLB_READ] === ((lo + 15) & -4096) && words[entry + TLB_READ + 1] === hi) {
      const state = this.#state;
      const { view } = this;
      const offset = (words[entry + TLB_ADDEND]! + lo) >>> 0;
      state[at] = view.getInt32(offset, true);
      state[at + 1] = view.getInt32(offset + 4, true);
      state[at + 2] = view.getInt32(offset + 8, true);
      state[at + 3] = view.getInt32(offset + 12, true);
      return;
    }
    this.#load128Slow(lo, hi, at);
  }

  /** 32 bytes, likewise. */
  load256(lo: number, hi: number, at: number): void {
    if ((((lo + 31) ^ lo) & -4096) !== 0) {
      this.checkAlignment(lo, hi, 8);
      this.#probe(lo, hi, 32, ACCESS_READ);
    }
    const nextLo = (lo + 16) | 0;
    this.load128(lo, hi, at);
    this.load128(nextLo, this.#carry(lo, hi, nextLo), at + 4);
  }

  store8(lo: number, hi: number, value: number): void {
    const words = this.#words;
    const entry = this.tlb.table + ((lo >>> 9) & 0x1ff8);
    if (words[entry + TLB_WRITE] === (lo & -4096) && words[entry + TLB_WRITE + 1] === hi) {
      this.view.setUint8((words[entry + TLB_ADDEND]! + lo) >>> 0, value);
      return;
    }
    this.#storeSlow(lo, hi, 1, value);
  }

  store16(lo: number, hi: number, value: number): void {
    const words = this.#words;
    const entry = this.tlb.table + ((lo >>> 9) & 0x1ff8);
    if (words[entry + TLB_WRITE] === ((lo + 1) & -4096) && words[entry + TLB_WRITE + 1] === hi) {
      this.view.setUint16((words[entry + TLB_ADDEND]! + lo) >>> 0, value, true);
      return;
    }
    this.#storeSlow(lo, hi, 2, value);
  }

  store32(lo: number, hi: number, value: number): void {
    const words = this.#words;
    const entry = this.tlb.table + ((lo >>> 9) & 0x1ff8);
    if (words[entry + TLB_WRITE] === ((lo + 3) & -4096) && words[entry + TLB_WRITE + 1] === hi) {
      this.view.setInt32((words[entry + TLB_ADDEND]! + lo) >>> 0, value, true);
      return;
    }
    this.#storeSlow(lo, hi, 4, value);
  }

  store64(lo: number, hi: number, valueLo: number, valueHi: number): void {
    const words = this.#words;
    const entry = this.tlb.table + ((lo >>> 9) & 0x1ff8);
    if (words[entry + TLB_WRITE] === ((lo + 7) & -4096) && words[entry + TLB_WRITE + 1] === hi) {
      const offset = (words[entry + TLB_ADDEND]! + lo) >>> 0;
      this.view.setInt32(offset, valueLo, true);
      this.view.setInt32(offset + 4, valueHi, true);
      return;
    }
    this.#store64Slow(lo, hi, valueLo, valueHi);
  }

  /** 16 bytes from four words of the state; faults before any is written. */
  store128(lo: number, hi: number, at: number): void {
    const words = this.#words;
    const entry = this.tlb.table + ((lo >>> 9) & 0x1ff8);
    if (words[entry + TLB_WRITE] === ((lo + 15) & -4096) && words[entry + TLB_WRITE + 1] === hi) {
      const state = this.#state;
      const { view } = this;
      const offset = (words[entry + TLB_ADDEND]! + lo) >>> 0;
      view.setInt32(offset, state[at]!, true);
      view.setInt32(offset + 4, state[at + 1]!, true);
      view.setInt32(offset + 8, state[at + 2]!, true);
      view.setInt32(offset + 12, state[at + 3]!, true);
      return;
    }
    this.#store128Slow(lo, hi, at);
  }

  /** 32 bytes, likewise. */
  store256(lo: number, hi: number, at: number): void {
    if ((((lo + 31) ^ lo) & -4096) !== 0) {
      this.checkAlignment(lo, hi, 8);
      this.#probe(lo, hi, 32, ACCESS_WRITE);
    }
    const nextLo = (lo + 16) | 0;
    this.store128(lo, hi, at);
    this.store128(nextLo, this.#carry(lo, hi, nextLo), at + 4);
  }

  /**
   * Faults as a store of `size` bytes would. A read-modify-write instruction calls it before it loads, so
   * that the store at its end cannot fault; MMIO is not touched.
   */
  probeWrite(lo: number, hi: number, size: number): void {
    const words = this.#words;
    const entry = this.tlb.table + ((lo >>> 9) & 0x1ff8);
    const last = (lo + size - 1) & -4096;
    if (words[entry + TLB_WRITE] === last && words[entry + TLB_WRITE + 1] === hi) return;
    if (size <= 8) this.checkAlignment(lo, hi, size);
    this.#probe(lo, hi, size, ACCESS_WRITE);
  }

  /** Faults if what lies here must be aligned and is not, for operands whose parts are accessed one by one. */
  checkAlignment(lo: number, hi: number, alignment: number): void {
    if (!this.#isImplicit) this.watcher.checkAlignment(lo, hi, alignment);
  }

  /** Faults as a load of `size` bytes would. */
  probeRead(lo: number, hi: number, size: number): void {
    const words = this.#words;
    const entry = this.tlb.table + ((lo >>> 9) & 0x1ff8);
    const last = (lo + size - 1) & -4096;
    if (words[entry + TLB_READ] === last && words[entry + TLB_READ + 1] === hi) return;
    this.#probe(lo, hi, size, ACCESS_READ);
  }

  /** Place in the machine's memory of an instruction byte; -1 if it is not RAM or ROM. Faults. */
  fetchOffset(lo: number, hi: number): number {
    const words = this.#words;
    const entry = this.tlb.table + ((lo >>> 9) & 0x1ff8);
    if (words[entry + TLB_FETCH] === (lo & -4096) && words[entry + TLB_FETCH + 1] === hi) {
      return (words[entry + TLB_ADDEND]! + lo) >>> 0;
    }
    return this.translate(lo, hi, ACCESS_FETCH);
  }

  /** 32 bits by guest-physical address, as the processor itself reads them. Signed. */
  loadPhysical(gpa: number): number {
    return this.#physical.read(gpa, 4) | 0;
  }

  /** After {@link fetchOffset} gave -1: the byte, from whatever device answers there. */
  fetchMmioByte(): number {
    return this.#physical.read(this.#gpa, 1);
  }

  /**
   * Place of a byte in the machine's memory, if loads of its whole page need no further work; else -1.
   * Faults as a load would. For copying many bytes at once.
   */
  readablePlace(lo: number, hi: number): number {
    this.probeRead(lo, hi, 1);
    const words = this.#words;
    const entry = this.tlb.table + ((lo >>> 9) & 0x1ff8);
    const isHit = words[entry + TLB_READ] === (lo & -4096) && words[entry + TLB_READ + 1] === hi;
    return isHit ? (words[entry + TLB_ADDEND]! + lo) >>> 0 : -1;
  }

  /** The same for stores. */
  writablePlace(lo: number, hi: number): number {
    this.probeWrite(lo, hi, 1);
    const words = this.#words;
    const entry = this.tlb.table + ((lo >>> 9) & 0x1ff8);
    const isHit = words[entry + TLB_WRITE] === (lo & -4096) && words[entry + TLB_WRITE + 1] === hi;
    return isHit ? (words[entry + TLB_ADDEND]! + lo) >>> 0 : -1;
  }

  /** Whether that page was found to be outside RAM just now, by an access that came to nothing because of it. */
  isOutsideRam(lo: number, hi: number, isWrite: boolean): boolean {
    return this.#isDevicePage(lo, hi, isWrite ? ACCESS_WRITE : ACCESS_READ);
  }

  /** Copies `length` bytes (at most 4096) out of guest memory; faults before any side effect. */
  loadBytes(lo: number, hi: number, length: number, target: Uint8Array, at: number): void {
    this.probeRead(lo, hi, length);
    for (let i = 0; i < length; i++) {
      const byteLo = (lo + i) | 0;
      target[at + i] = this.load8(byteLo, this.#carry(lo, hi, byteLo));
    }
  }

  /** Copies `length` bytes (at most 4096) into guest memory; faults before any is written. */
  storeBytes(lo: number, hi: number, length: number, source: Uint8Array, at: number): void {
    this.probeWrite(lo, hi, length);
    for (let i = 0; i < length; i++) {
      const byteLo = (lo + i) | 0;
      this.store8(byteLo, this.#carry(lo, hi, byteLo), source[at + i]!);
    }
  }

  /**
   * The place of one byte in the machine's memory, with the TLB filled for it; -1 if no RAM (or, for reads,
   * ROM) is there. Throws GUEST_FAULT with `fault` set.
   */
  translate(lo: number, hi: number, access: Access): number {
    if (this.#isDevicePage(lo, hi, access)) return NOT_RAM;
    const canonical = hi >> 15;
    if (canonical !== 0 && canonical !== -1) this.#raise(true, 0, lo, hi);
    const code = this.#walk.walk(lo, hi, access, this.#isUser, this.#mayTouchUser);
    if (code >= 0) this.#raise(false, code, lo, hi);
    return this.#place(lo, hi, access);
  }

  /**
   * The place of one byte in the machine's memory, -1 if no RAM or ROM is mapped there: for debuggers, whatever
   * the privilege. Leaves accessed flags, the TLB, watchpoints and devices alone, and never throws.
   */
  peek(lo: number, hi: number): number {
    const canonical = hi >> 15;
    if (canonical !== 0 && canonical !== -1) return NOT_RAM;
    if (!this.#onlooker.find(lo, hi)) return NOT_RAM;
    const { frame } = this.#onlooker;
    const ram = this.#physical.ramOffset(frame);
    const offset = ram < 0 ? this.#physical.romOffset(frame) : ram;
    return offset < 0 ? NOT_RAM : offset + (lo & 0xfff);
  }

  #place(lo: number, hi: number, access: Access): number {
    const walk = this.#walk;
    let offset = this.#physical.ramOffset(walk.frame);
    if (offset < 0) {
      if (access !== ACCESS_WRITE) offset = this.#physical.romOffset(walk.frame);
      if (offset < 0) {
        this.#gpa = walk.frame * 4096 + (lo & 0xfff);
        this.#keepDevicePage(lo, hi, access);
        return NOT_RAM;
      }
    } else if (access === ACCESS_WRITE && !this.#markTouched(offset)) {
      return offset + (lo & 0xfff);
    }
    if (access === ACCESS_FETCH || !this.watcher.isWatched(lo, hi)) {
      const flags = (walk.isGlobal ? TLB_GLOBAL : 0) | (walk.isLarge ? TLB_LARGE : 0);
      this.tlb.fill(lo, hi, access, (offset - (lo & -4096)) | 0, flags);
    }
    return offset + (lo & 0xfff);
  }

  #deviceOf(access: Access): DevicePage {
    return access === ACCESS_WRITE ? this.#writtenDevice : this.#readDevice;
  }

  /** The access goes where the one of its kind before it went; its physical address is known then. */
  #isDevicePage(lo: number, hi: number, access: Access): boolean {
    if (access === ACCESS_FETCH || this.#isImplicit) return false;
    const page = this.#deviceOf(access);
    if (!page.holds(lo, hi, this.tlb)) return false;
    this.#gpa = page.gpa + (lo & 0xfff);
    return true;
  }

  #keepDevicePage(lo: number, hi: number, access: Access): void {
    if (access === ACCESS_FETCH || this.#isImplicit) return;
    this.#deviceOf(access).keep(lo, hi, this.tlb, this.#gpa);
  }

  /** False if the frame holds decoded code, so that each store to it must be seen. */
  #markTouched(offset: number): boolean {
    const page = (offset - RAM_OFFSET) / 4096;
    const flags = this.#pageFlags[page]!;
    if ((flags & PAGE_TOUCHED) === 0) this.#pageFlags[page] = flags | PAGE_TOUCHED;
    return (flags & PAGE_CODE) === 0;
  }

  #raise(isNonCanonical: boolean, errorCode: number, lo: number, hi: number): never {
    this.fault.isNonCanonical = isNonCanonical;
    this.fault.errorCode = errorCode;
    this.fault.lo = lo;
    this.fault.hi = hi;
    throw GUEST_FAULT;
  }

  /** The high half of an address that was advanced from (lo, hi) by less than 4 GiB. */
  #carry(lo: number, hi: number, advancedLo: number): number {
    if (advancedLo >>> 0 >= lo >>> 0) return hi;
    // Outside 64-bit mode addresses wrap at 4 GiB; there hi is 0 and no canonical address carries into 1.
    return this.isLongAddressing ? (hi + 1) | 0 : 0;
  }

  #probe(lo: number, hi: number, size: number, access: Access): void {
    const lastLo = (lo + size - 1) | 0;
    if ((lastLo & -4096) === (lo & -4096)) {
      this.translate(lo, hi, access);
      return;
    }
    // An operand that is canonical in part is not: that comes before any page fault.
    const lastHi = this.#carry(lo, hi, lastLo);
    const isCanonical = hi >> 15 === hi >> 31;
    if (isCanonical && lastHi >> 15 !== lastHi >> 31) this.#raise(true, 0, lo, hi);
    this.translate(lo, hi, access);
    this.translate(lastLo & -4096, lastHi, access);
  }

  #loadSlow(lo: number, hi: number, size: 1 | 2 | 4): number {
    if (!this.#isImplicit) this.watcher.accessed(lo, hi, size, false);
    return this.#loadUnwatched(lo, hi, size);
  }

  #loadUnwatched(lo: number, hi: number, size: 1 | 2 | 4): number {
    if ((((lo + size - 1) ^ lo) & -4096) !== 0) {
      this.#probe(lo, hi, size, ACCESS_READ);
      let value = 0;
      for (let i = 0; i < size; i++) {
        const byteLo = (lo + i) | 0;
        value |= this.#loadPlaced(byteLo, this.#carry(lo, hi, byteLo), 1) << (8 * i);
      }
      return value >>> 0;
    }
    return this.#loadPlaced(lo, hi, size);
  }

  /** Inside one page. */
  #loadPlaced(lo: number, hi: number, size: 1 | 2 | 4): number {
    const offset = this.translate(lo, hi, ACCESS_READ);
    if (offset === NOT_RAM) {
      const gpa = this.#gpa;
      this.mmioAccesses++;
      const value = this.#physical.read(gpa, size);
      this.onMmio();
      return value;
    }
    if (size === 4) return this.view.getUint32(offset, true);
    return size === 2 ? this.view.getUint16(offset, true) : this.view.getUint8(offset);
  }

  #load64Slow(lo: number, hi: number): number {
    if (!this.#isImplicit) this.watcher.accessed(lo, hi, 8, false);
    if ((((lo + 7) ^ lo) & -4096) !== 0) this.#probe(lo, hi, 8, ACCESS_READ);
    const low = this.#loadUnwatched(lo, hi, 4);
    const nextLo = (lo + 4) | 0;
    this.#state[HI] = this.#loadUnwatched(nextLo, this.#carry(lo, hi, nextLo), 4);
    return low | 0;
  }

  #load128Slow(lo: number, hi: number, at: number): void {
    const state = this.#state;
    const nextLo = (lo + 8) | 0;
    this.checkAlignment(lo, hi, 8);
    this.#probe(lo, hi, 16, ACCESS_READ);
    const low = this.load64(lo, hi);
    const lowHi = state[HI]!;
    state[at + 2] = this.load64(nextLo, this.#carry(lo, hi, nextLo));
    state[at + 3] = state[HI]!;
    state[at] = low;
    state[at + 1] = lowHi;
  }

  #store128Slow(lo: number, hi: number, at: number): void {
    const state = this.#state;
    const nextLo = (lo + 8) | 0;
    this.checkAlignment(lo, hi, 8);
    this.#probe(lo, hi, 16, ACCESS_WRITE);
    this.store64(lo, hi, state[at]!, state[at + 1]!);
    this.store64(nextLo, this.#carry(lo, hi, nextLo), state[at + 2]!, state[at + 3]!);
  }

  #storeSlow(lo: number, hi: number, size: 1 | 2 | 4, value: number): void {
    if (!this.#isImplicit) this.watcher.accessed(lo, hi, size, true);
    this.#storeUnwatched(lo, hi, size, value);
  }

  #storeUnwatched(lo: number, hi: number, size: 1 | 2 | 4, value: number): void {
    if ((((lo + size - 1) ^ lo) & -4096) !== 0) {
      this.#probe(lo, hi, size, ACCESS_WRITE);
      for (let i = 0; i < size; i++) {
        const byteLo = (lo + i) | 0;
        this.#storePlaced(byteLo, this.#carry(lo, hi, byteLo), 1, (value >>> (8 * i)) & 0xff);
      }
      return;
    }
    this.#storePlaced(lo, hi, size, value);
  }

  /** Inside one page. */
  #storePlaced(lo: number, hi: number, size: 1 | 2 | 4, value: number): void {
    const offset = this.translate(lo, hi, ACCESS_WRITE);
    if (offset === NOT_RAM) {
      const gpa = this.#gpa;
      this.mmioAccesses++;
      this.#physical.write(
        gpa,
        size,
        size === 4 ? value >>> 0 : value & (size === 2 ? 0xffff : 0xff),
      );
      this.onMmio();
      return;
    }
    if (size === 4) this.view.setInt32(offset, value, true);
    else if (size === 2) this.view.setUint16(offset, value, true);
    else this.view.setUint8(offset, value);
    const page = Math.floor((offset - RAM_OFFSET) / 4096);
    if ((this.#pageFlags[page]! & PAGE_CODE) !== 0) this.onCodeWrite(offset, size);
  }

  #store64Slow(lo: number, hi: number, valueLo: number, valueHi: number): void {
    const nextLo = (lo + 4) | 0;
    if (!this.#isImplicit) this.watcher.accessed(lo, hi, 8, true);
    if ((((lo + 7) ^ lo) & -4096) !== 0) this.#probe(lo, hi, 8, ACCESS_WRITE);
    this.#storeUnwatched(lo, hi, 4, valueLo);
    this.#storeUnwatched(nextLo, this.#carry(lo, hi, nextLo), 4, valueHi);
  }
}
