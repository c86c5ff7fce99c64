// SPDX-License-Identifier: BSD-2-Clause
import { beforeEach, describe, expect, it } from "vitest";
import { GuestMemory, MIN_RAM } from "./guest-memory.ts";
import { LinearMemory } from "./linear-memory.ts";
import { RAM_OFFSET } from "./machine-layout.ts";
import { ACCESS_READ, GUEST_FAULT } from "./page-fault.ts";
import { PAGING_LONG } from "./page-walk.ts";
import { PhysicalMemory } from "./physical-memory.ts";
import { TLB_READ } from "./tlb-layout.ts";

const PML4 = 0x1000;
const POINTERS = 0x2000;
const DIRECTORY = 0x3000;
const PLACE = 0x100000;

const PRESENT_WRITABLE_USER = 7;
const ACCESSED = 0x20;
const LARGE = 0x80;

/** The first 32 MiB are mapped to themselves with 2 MiB pages, 4-level paging. */
class MappedMemory {
  readonly ram = new GuestMemory(MIN_RAM);
  /** Guest-physical addresses of the devices' registers that were read; they read as all ones. */
  readonly deviceReads: number[] = [];
  readonly mem: LinearMemory;

  constructor() {
    const { ram } = this;
    ram.store(PML4, 4, POINTERS | PRESENT_WRITABLE_USER);
    ram.store(POINTERS, 4, DIRECTORY | PRESENT_WRITABLE_USER);
    for (let i = 0; i < 16; i++) {
      ram.store(DIRECTORY + 8 * i, 4, (i << 21) | LARGE | PRESENT_WRITABLE_USER);
    }
    const read = (gpa: number, size: number) => {
      this.deviceReads.push(gpa);
      return 2 ** (8 * size) - 1;
    };
    this.mem = new LinearMemory(new PhysicalMemory(ram, { read, write() {} }), new Int32Array(16));
    this.mem.control.mode = PAGING_LONG;
    this.mem.control.root = PML4 / 4096;
    this.mem.isLongAddressing = true;
  }

  /** The directory entry for {@link PLACE}. */
  get entry(): number {
    return this.ram.load(DIRECTORY, 4);
  }

  set entry(value: number) {
    this.ram.store(DIRECTORY, 4, value);
  }
}

function thrownBy(action: () => void): unknown {
  try {
    action();
  } catch (thrown) {
    return thrown;
  }
  return undefined;
}

describe("peek", () => {
  let mapped: MappedMemory;
  let mem: LinearMemory;

  beforeEach(() => {
    mapped = new MappedMemory();
    mem = mapped.mem;
  });

  it("finds the byte that a load would read", () => {
    expect(mem.peek(PLACE + 5, 0)).toBe(RAM_OFFSET + PLACE + 5);
    expect(mem.translate(PLACE + 5, 0, ACCESS_READ)).toBe(RAM_OFFSET + PLACE + 5);
  });

  it("sets no accessed flag, where a load does", () => {
    mem.peek(PLACE, 0);
    expect(mapped.entry & ACCESSED).toBe(0);
    expect(mapped.ram.load(PML4, 4) & ACCESSED).toBe(0);
    mem.load8(PLACE, 0);
    expect(mapped.entry & ACCESSED).toBe(ACCESSED);
    expect(mapped.ram.load(PML4, 4) & ACCESSED).toBe(ACCESSED);
  });

  it("fills no entry of the TLB, where a load does", () => {
    const tag = () => mem.tlb.words[mem.tlb.table + ((PLACE >>> 9) & 0x1ff8) + TLB_READ];
    mem.tlb.flushAll();
    mem.peek(PLACE, 0);
    expect(tag()).not.toBe(PLACE);
    mem.load8(PLACE, 0);
    expect(tag()).toBe(PLACE);
  });

  it("sees the page tables as they are now, whatever the TLB remembers", () => {
    mem.tlb.flushAll();
    mem.load8(PLACE, 0);
    mapped.entry = 0;
    expect(mem.peek(PLACE, 0)).toBe(-1);
    expect(mem.load8(PLACE, 0)).toBe(0);
  });

  it("reads supervisor pages for CPL 3, and leaves the last fault alone", () => {
    mem.setPrivilege(true, false, false);
    mapped.entry &= ~4;
    mem.fault.errorCode = 0x55;
    expect(mem.peek(PLACE, 0)).toBe(RAM_OFFSET + PLACE);
    expect(mem.fault.errorCode).toBe(0x55);
    expect(thrownBy(() => mem.translate(PLACE, 0, ACCESS_READ))).toBe(GUEST_FAULT);
  });

  it("answers -1 for what is not mapped, not canonical, or not memory", () => {
    expect(mem.peek(0x4000_0000, 0)).toBe(-1);
    expect(mem.peek(0, 0x8000)).toBe(-1);
    mapped.entry = 0xfee0_0000 | LARGE | PRESENT_WRITABLE_USER;
    expect(mem.peek(PLACE, 0)).toBe(-1);
    expect(mapped.deviceReads).toEqual([]);
  });

  it("never asks a device, not for a page table either, where a load does", () => {
    mapped.ram.store(POINTERS, 4, 0xfec0_0000 | PRESENT_WRITABLE_USER);
    expect(mem.peek(PLACE, 0)).toBe(-1);
    expect(mapped.deviceReads).toEqual([]);
    thrownBy(() => mem.load8(PLACE, 0));
    expect(mapped.deviceReads).not.toEqual([]);
  });
});
