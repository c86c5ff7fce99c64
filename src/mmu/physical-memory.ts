// SPDX-License-Identifier: BSD-2-Clause
// Guest-physical space as a vCPU sees it: RAM and ROM by page frame, everything else through the memory
// bus. Frame numbers are below 2^28 (MAXPHYADDR 40), so they are plain int32.
import type { GuestMemory } from "./guest-memory.ts";
import { GIB, PAGE_SIZE } from "./guest-memory.ts";
import { RAM_OFFSET } from "./machine-layout.ts";

/** CPUID 0x80000008 EAX[7:0]. Page-table bits above it are reserved and fault. */
export const MAXPHYADDR = 40;

/** Where accesses to what is not RAM go. Sizes are 1, 2 or 4; values unsigned. */
export interface MmioAccess {
  read(gpa: number, size: 1 | 2 | 4): number;
  write(gpa: number, size: 1 | 2 | 4, value: number): void;
}

const FRAMES_BELOW_4G = (4 * GIB) / PAGE_SIZE;

export class PhysicalMemory {
  readonly ram: GuestMemory;
  readonly mmio: MmioAccess;
  readonly #lowFrames: number;
  readonly #highFrames: number;
  readonly #romFrames: number;

  constructor(ram: GuestMemory, mmio: MmioAccess) {
    this.ram = ram;
    this.mmio = mmio;
    this.#lowFrames = ram.lowmem / PAGE_SIZE;
    this.#highFrames = ram.highmem / PAGE_SIZE;
    this.#romFrames = ram.romBytes / PAGE_SIZE;
  }

  /** Offset of a RAM frame in the machine's memory; -1 if the frame is not RAM. */
  ramOffset(frame: number): number {
    if (frame < this.#lowFrames) return RAM_OFFSET + frame * PAGE_SIZE;
    const high = frame - FRAMES_BELOW_4G;
    if (high >= 0 && high < this.#highFrames) {
      return RAM_OFFSET + (this.#lowFrames + high) * PAGE_SIZE;
    }
    return -1;
  }

  /** Offset of a ROM frame in the machine's memory; -1 if the frame is not ROM. */
  romOffset(frame: number): number {
    const index = frame - (FRAMES_BELOW_4G - this.#romFrames);
    return index >= 0 && index < this.#romFrames ? this.ram.romOffset + index * PAGE_SIZE : -1;
  }

  /** Little-endian, unsigned, inside one page. */
  read(gpa: number, size: 1 | 2 | 4): number {
    const frame = Math.floor(gpa / PAGE_SIZE);
    let offset = this.ramOffset(frame);
    if (offset < 0) offset = this.romOffset(frame);
    if (offset < 0) return this.mmio.read(gpa, size);
    offset += gpa % PAGE_SIZE;
    const view = this.ram.view;
    if (size === 4) return view.getUint32(offset, true);
    return size === 2 ? view.getUint16(offset, true) : view.getUint8(offset);
  }

  /** Little-endian, inside one page. Stores to ROM are dropped. */
  write(gpa: number, size: 1 | 2 | 4, value: number): void {
    if (this.ram.store(gpa, size, value)) return;
    if (this.romOffset(Math.floor(gpa / PAGE_SIZE)) < 0) this.mmio.write(gpa, size, value);
  }
}
