// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { GIB, GuestMemory } from "../../mmu/guest-memory.ts";
import { enterKernel } from "./hand-off.ts";

const memory = new GuestMemory(GIB);
const entry = 0xffff_ffff_8038_b000n;
const state = enterKernel(memory, entry, {
  modulep: 0x17f_d000,
  kernend: 0x17f_e000,
  envp: 0x17f_c000,
});

const quad = (gpa: number) =>
  (BigInt(memory.load(gpa + 4, 4)) << 32n) | BigInt(memory.load(gpa, 4));

/** Walks the tables the way the processor does, for 2 MiB pages. */
function translate(gla: bigint): number {
  let table = Number(state.cr3);
  for (const shift of [39n, 30n]) {
    const pte = quad(table + Number((gla >> shift) & 0x1ffn) * 8);
    expect(pte & 0xfffn).toBe(0x3n);
    table = Number(pte & ~0xfffn);
  }
  const pde = quad(table + Number((gla >> 21n) & 0x1ffn) * 8);
  expect(pde & 0xfffn).toBe(0x83n);
  return Number(pde & ~0xfffn) + Number(gla & 0x1f_ffffn);
}

describe("the scratch structures (FreeBSD: userboot/elf64_freebsd.c)", () => {
  it("have modulep and kernend as 32-bit words above a return address of 0", () => {
    expect([0, 4, 8, 12].map((i) => memory.load(0x1000 + i, 4))).toEqual([
      0, 0x17f_d000, 0x17f_e000, 0,
    ]);
  });

  it.each([
    [0xffff_ffff_8020_0000n, 0x20_0000],
    [0x20_0000n, 0x20_0000],
    [0xffff_ffff_bfff_ffffn, 0x3fff_ffff],
    [0x7f_c012_3456n, 0x12_3456],
    [0xffff_f800_0000_5008n, 0x5008],
  ])("show the first GiB everywhere: %x is at %x", (gla, gpa) => {
    expect(translate(gla)).toBe(gpa);
  });

  it("have a GDT of null, 64-bit code and data", () => {
    expect([0, 1, 2].map((i) => quad(0x5000 + i * 8))).toEqual([
      0n,
      0x0020_9800_0000_0000n,
      0x0000_9000_0000_0000n,
    ]);
  });
});

it("the registers are those of vm_setup_freebsd_registers (lib/libvmmapi)", () => {
  const data = { selector: 0x10, base: 0n, limit: 0, access: 0x93 };
  expect(state).toEqual({
    rip: entry,
    rsp: 0x1000n,
    rflags: 0x2n,
    general: {},
    cr0: 0x8000_0021n,
    cr3: 0x2000n,
    cr4: 0x20n,
    efer: 0x500n,
    segments: {
      cs: { selector: 8, base: 0n, limit: 0, access: 0x209b },
      ds: data,
      es: data,
      fs: data,
      gs: data,
      ss: data,
      tr: { selector: 0, base: 0n, limit: 0, access: 0x8b },
      ldtr: { selector: 0, base: 0n, limit: 0, access: 0x10000 },
    },
    gdtr: { base: 0x5000n, limit: 0x17 },
    idtr: { base: 0n, limit: 0 },
  });
});
