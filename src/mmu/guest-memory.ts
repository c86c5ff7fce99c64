// SPDX-License-Identifier: BSD-2-Clause
// Guest-physical RAM, as the loaders and the devices see it. bhyve: lib/libvmmapi vm_setup_memory.
//
//   0              lowmem = min(RAM, 3 GiB)      plain RAM, no VGA hole below 1 MiB
//   lowmem         4 GiB                         hole, PCI windows, I/O APIC, HPET, local APIC
//   4 GiB          4 GiB + highmem               the rest of the RAM
//
// All of it lives in one shared WebAssembly.Memory, behind a reserved head that holds the vCPUs' state
// (see machine-layout.ts). The engine allocates its pages when they are first touched, so RAM that the
// guest never uses costs address space only.
import { alignUp } from "../base/bits.ts";
import { VmmError } from "../base/errors.ts";
import { PAGE_CODE, PAGE_FLAGS_OFFSET, PAGE_TOUCHED, RAM_OFFSET } from "./machine-layout.ts";

export const KIB = 1024;
export const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;
export const PAGE_SIZE = 4096;

/** RAM above this guest-physical address continues at 4 GiB. */
export const LOWMEM_LIMIT = 3 * GIB;
export const HIGHMEM_BASE = 4 * GIB;
export const MIN_RAM = 32 * MIB;
export const MAX_RAM = 3.5 * GIB;

const WASM_PAGE = 64 * KIB;

/** Told when a page that holds decoded code is written from outside the vCPU: DMA, a debugger. */
export type CodeWriteListener = (gpa: number, length: number) => void;

/** A shared `WebAssembly.Memory`, by what all its readers need. Its own type is a browser's, or a stand-in of ours. */
export interface SharedMemory {
  readonly buffer: SharedArrayBuffer;
}

export class GuestMemory {
  readonly memory: SharedMemory;
  /** The whole machine: index with {@link offsetOf}, not with a guest-physical address. */
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Bytes of RAM below 4 GiB, and from 4 GiB up. */
  readonly lowmem: number;
  readonly highmem: number;
  /** The boot ROM's place in {@link bytes} and its size, a multiple of 64 KiB; 0 if there is none. */
  readonly romOffset: number;
  readonly romBytes: number;
  /** One byte a RAM page, in the order of the RAM: PAGE_TOUCHED, PAGE_CODE. */
  readonly pageFlags: Uint8Array;
  codeWriteListener: CodeWriteListener = () => {};
  readonly #halfwords: Uint16Array;

  /**
   * `ramBytes` is rounded up to 64 KiB; throws ERR_BAD_OPTION outside 32 MiB … 3.5 GiB. `rom` is what the
   * guest finds, read only, in the last bytes below 4 GiB.
   */
  constructor(ramBytes: number, rom: Uint8Array = new Uint8Array(0)) {
    if (!(ramBytes >= MIN_RAM && ramBytes <= MAX_RAM)) {
      throw new VmmError(
        "ERR_BAD_OPTION",
        `guest memory of ${ramBytes} bytes is outside 32 MiB to 3.5 GiB (3584 MiB)`,
      );
    }
    const ram = alignUp(ramBytes, WASM_PAGE);
    this.lowmem = Math.min(ram, LOWMEM_LIMIT);
    this.highmem = ram - this.lowmem;
    this.romBytes = alignUp(rom.length, WASM_PAGE);
    this.romOffset = RAM_OFFSET + ram;
    const pages = (this.romOffset + this.romBytes) / WASM_PAGE;
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    this.bytes = new Uint8Array(this.memory.buffer);
    this.view = new DataView(this.memory.buffer);
    this.#halfwords = new Uint16Array(this.memory.buffer);
    this.bytes.set(rom, this.romOffset + this.romBytes - rom.length);
    this.pageFlags = this.bytes.subarray(PAGE_FLAGS_OFFSET, PAGE_FLAGS_OFFSET + ram / PAGE_SIZE);
  }

  get ramBytes(): number {
    return this.lowmem + this.highmem;
  }

  /** Where `length` bytes at `gpa` lie in {@link bytes}; -1 unless all of them are RAM of one piece. */
  offsetOf(gpa: number, length: number): number {
    if (gpa >= 0 && gpa + length <= this.lowmem) return RAM_OFFSET + gpa;
    const high = gpa - HIGHMEM_BASE;
    if (high >= 0 && high + length <= this.highmem) return RAM_OFFSET + this.lowmem + high;
    return -1;
  }

  /** RAM to read from, borrowed: a window on guest memory, not a copy. Undefined unless all of it is RAM. */
  readable(gpa: number, length: number): Uint8Array | undefined {
    const offset = this.offsetOf(gpa, length);
    return offset < 0 ? undefined : this.bytes.subarray(offset, offset + length);
  }

  /**
   * RAM to write to, borrowed, to be filled before the guest runs on. Asking counts as writing: the pages
   * are marked touched, and code that was decoded from them is forgotten.
   */
  writable(gpa: number, length: number): Uint8Array | undefined {
    const offset = this.offsetOf(gpa, length);
    if (offset < 0) return undefined;
    if (length > 0) this.#noteWrite(gpa, offset, length);
    return this.bytes.subarray(offset, offset + length);
  }

  /** Copies into RAM; false, and no change, unless all of it is RAM. */
  write(gpa: number, source: Uint8Array): boolean {
    const target = this.writable(gpa, source.length);
    target?.set(source);
    return target !== undefined;
  }

  /** Zeroes RAM; false, and no change, unless all of it is RAM. */
  zero(gpa: number, length: number): boolean {
    const target = this.writable(gpa, length);
    target?.fill(0);
    return target !== undefined;
  }

  /** Little-endian loads of 1, 2 or 4 bytes, unsigned; -1 outside RAM. */
  load(gpa: number, size: 1 | 2 | 4): number {
    const offset = this.offsetOf(gpa, size);
    if (offset < 0) return -1;
    if (size === 4) return this.view.getUint32(offset, true);
    return size === 2 ? this.view.getUint16(offset, true) : this.view.getUint8(offset);
  }

  /** Little-endian stores of 1, 2 or 4 bytes; false, and no change, outside RAM. */
  store(gpa: number, size: 1 | 2 | 4, value: number): boolean {
    const offset = this.offsetOf(gpa, size);
    if (offset < 0) return false;
    this.#noteWrite(gpa, offset, size);
    if (size === 4) this.view.setUint32(offset, value, true);
    else if (size === 2) this.view.setUint16(offset, value, true);
    else this.view.setUint8(offset, value);
    return true;
  }

  /**
   * An atomic, sequentially consistent load of 2 aligned bytes: what a vCPU on another thread stored before
   * it stored this value can be seen. -1 outside RAM or unaligned.
   */
  loadAtomic16(gpa: number): number {
    const offset = this.offsetOf(gpa, 2);
    return offset < 0 || (offset & 1) !== 0 ? -1 : Atomics.load(this.#halfwords, offset >>> 1);
  }

  /** The store to match {@link loadAtomic16}; false, and no change, outside RAM or unaligned. */
  storeAtomic16(gpa: number, value: number): boolean {
    const offset = this.offsetOf(gpa, 2);
    if (offset < 0 || (offset & 1) !== 0) return false;
    this.#noteWrite(gpa, offset, 2);
    Atomics.store(this.#halfwords, offset >>> 1, value);
    return true;
  }

  #noteWrite(gpa: number, offset: number, length: number): void {
    const first = Math.floor((offset - RAM_OFFSET) / PAGE_SIZE);
    const last = Math.floor((offset - RAM_OFFSET + length - 1) / PAGE_SIZE);
    let isCode = false;
    for (let page = first; page <= last; page++) {
      const flags = this.pageFlags[page]!;
      if ((flags & PAGE_CODE) !== 0) isCode = true;
      this.pageFlags[page] = flags | PAGE_TOUCHED;
    }
    if (isCode) this.codeWriteListener(gpa, length);
  }
}
