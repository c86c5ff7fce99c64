// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { type BzImageSpec, bzImageFile } from "../../../test/support/bzimage-file.ts";
import { buildElf } from "../../../test/support/elf-builder.ts";
import { BytesSource } from "../../../test/support/memory-file-system.ts";
import { mutated } from "../../../test/support/mutation.ts";
import { SeededRandom } from "../../../test/support/random.ts";
import { VmmError } from "../../base/errors.ts";
import { GIB, GuestMemory, MIB } from "../../mmu/guest-memory.ts";
import { ET_EXEC } from "../elf.ts";
import { parseBzImage } from "./bzimage.ts";
import { type LinuxRequest, loadLinux } from "./load-linux.ts";

function load(
  kernel: Uint8Array,
  more: Partial<Omit<LinuxRequest, "kernel">> = {},
  memory = new GuestMemory(64 * MIB),
) {
  const request = { kernelName: "vmlinuz", commandLine: "console=ttyS0", ...more };
  return { memory, ...loadLinux(memory, { kernel: new BytesSource(kernel), ...request }) };
}
const quad = (memory: GuestMemory, gpa: number) =>
  (BigInt(memory.load(gpa + 4, 4)) << 32n) | BigInt(memory.load(gpa, 4));
const bytesAt = (memory: GuestMemory, gpa: number, length: number) =>
  Buffer.from(memory.readable(gpa, length)!.slice());

const INITRD = new TextEncoder().encode("070701 a small initramfs");
const PARAMS = 0x1_0000;

describe("a bzImage in guest memory (boot.rst, 64-bit boot protocol)", () => {
  const payload = Uint8Array.from({ length: 0x3000 }, (_, i) => i * 7);
  const { memory, entry, start, end, initrd } = load(bzImageFile({ payload }), {
    initrd: new BytesSource(INITRD),
    acpiRsdp: 0xf_2400,
  });

  it("has its protected-mode part where it prefers to run", () => {
    expect([start, end]).toEqual([0x100_0000, 0x110_0000]);
    expect(bytesAt(memory, start, payload.length).equals(Buffer.from(payload))).toBe(true);
  });

  it("has its RAM disk as high as can be, on a page", () => {
    expect(initrd).toEqual({ address: 64 * MIB - 0x1000, sizeBytes: INITRD.length });
    expect(bytesAt(memory, initrd!.address, INITRD.length).equals(Buffer.from(INITRD))).toBe(true);
    expect(memory.load(PARAMS + 0x218, 4)).toBe(64 * MIB - 0x1000);
    expect(memory.load(PARAMS + 0x21c, 4)).toBe(INITRD.length);
  });

  it("has its setup header in boot_params, with the loader's fields filled in", () => {
    expect(bytesAt(memory, PARAMS + 0x202, 4).toString()).toBe("HdrS");
    expect(memory.load(PARAMS + 0x210, 1)).toBe(0xff);
    expect(memory.load(PARAMS + 0x211, 1)).toBe(0x01);
    expect(memory.load(PARAMS + 0x214, 4)).toBe(start);
    expect(memory.load(PARAMS + 0x238, 4)).toBe(2047);
    expect(quad(memory, PARAMS + 0x070)).toBe(0xf_2400n);
    // The sentinel: a loader that did not clear the page would leave it set.
    expect(memory.load(PARAMS + 0x1ef, 1)).toBe(0);
  });

  it("has its command line, ended by NUL", () => {
    const at = memory.load(PARAMS + 0x228, 4);
    expect(bytesAt(memory, at, 14).toString()).toBe("console=ttyS0\0");
  });

  it("is told the memory in e820 entries", () => {
    expect(memory.load(PARAMS + 0x1e8, 1)).toBe(2);
    expect([0, 8].map((i) => quad(memory, PARAMS + 0x2d0 + i))).toEqual([0n, 0xa_0000n]);
    expect([20, 28].map((i) => quad(memory, PARAMS + 0x2d0 + i))).toEqual([
      0x10_0000n,
      0x3f0_0000n,
    ]);
    expect(memory.load(PARAMS + 0x2d0 + 16, 4)).toBe(1);
  });

  it("is entered 0x200 behind its start, in long mode with identity mapping", () => {
    expect(entry).toMatchObject({
      rip: 0x100_0200n,
      rflags: 2n,
      general: { rsi: BigInt(PARAMS) },
      cr0: 0x8000_0031n,
      cr4: 0x20n,
      efer: 0x500n,
      idtr: { base: 0n, limit: 0 },
    });
    expect(entry.segments.cs).toEqual({
      selector: 0x10,
      base: 0n,
      limit: 0xffffffff,
      access: 0xa09b,
    });
    expect(entry.segments.ss).toEqual({
      selector: 0x18,
      base: 0n,
      limit: 0xffffffff,
      access: 0xc093,
    });
    const gdt = Number(entry.gdtr.base);
    expect(entry.gdtr.limit).toBe(31);
    expect(quad(memory, gdt + 0x10)).toBe(0x00af9b000000ffffn);
    expect(quad(memory, gdt + 0x18)).toBe(0x00cf93000000ffffn);
  });

  it.each([0x10_0000n, 0x100_0200n, 0x8000_0000n, 0xffff_f000n])("sees %x at itself", (gla) => {
    let table = Number(entry.cr3);
    for (const shift of [39n, 30n]) {
      const pte = quad(memory, table + Number((gla >> shift) & 0x1ffn) * 8);
      expect(pte & 0xfffn).toBe(3n);
      table = Number(pte & ~0xfffn);
    }
    expect(quad(memory, table + Number((gla >> 21n) & 0x1ffn) * 8)).toBe(
      (gla & ~0x1f_ffffn) | 0x83n,
    );
  });
});

it("memory above 4 GiB is a third e820 entry", () => {
  const { memory } = load(bzImageFile(), {}, new GuestMemory(3 * GIB + 256 * MIB));
  expect(memory.load(PARAMS + 0x1e8, 1)).toBe(3);
  expect([40, 48].map((i) => quad(memory, PARAMS + 0x2d0 + i))).toEqual([
    BigInt(4 * GIB),
    BigInt(256 * MIB),
  ]);
});

describe("other kernels", () => {
  it("without a long-mode entry are entered in flat protected mode", () => {
    const { entry, memory } = load(bzImageFile({ xloadFlags: 0 }));
    expect(entry).toMatchObject({ rip: 0x100_0000n, cr0: 0x31n, cr3: 0n, cr4: 0n, efer: 0n });
    expect(entry.segments.cs.access).toBe(0xc09b);
    expect(quad(memory, Number(entry.gdtr.base) + 0x10)).toBe(0x00cf9b000000ffffn);
  });

  it("that cannot be moved are loaded at 1 MiB, with room where they go", () => {
    const { entry, start, end } = load(
      bzImageFile({ isRelocatable: false, preferredAddress: 0x40_0000n }),
    );
    expect(entry.rip).toBe(0x10_0200n);
    expect([start, end]).toEqual([0x40_0000, 0x50_0000]);
  });

  it("of protocol 2.06 know neither preference nor long mode", () => {
    const image = parseBzImage(new BytesSource(bzImageFile({ protocol: 0x206 })), "old");
    expect(image).toMatchObject({
      preferredAddress: 0x10_0000,
      hasEntry64: false,
      initBytes: 0x1000,
    });
  });

  it("with a low limit get their RAM disk below it", () => {
    const { initrd } = load(bzImageFile({ initrdMax: 0x37f_ffff }), {
      initrd: new BytesSource(INITRD),
    });
    expect(initrd!.address).toBe(0x37f_f000);
  });

  it("may be a plain vmlinux, at its physical addresses", () => {
    const vmlinux = buildElf({
      type: ET_EXEC,
      entry: 0x100_0000n,
      segments: [{ vaddr: 0x100_0000n, data: Uint8Array.of(0xfa, 0xf4), memSize: 0x2000 }],
    });
    const { memory, entry, end } = load(vmlinux, { initrd: new BytesSource(INITRD) });
    expect(entry.rip).toBe(0x100_0000n);
    expect(end).toBe(0x100_2000);
    expect(memory.load(0x100_0000, 2)).toBe(0xf4fa);
    expect(bytesAt(memory, PARAMS + 0x202, 4).toString()).toBe("HdrS");
  });
});

describe("what cannot be loaded says why", () => {
  const image = (spec: BzImageSpec) => () => load(bzImageFile(spec));
  const elf =
    (vaddr: bigint, entry = vaddr) =>
    () =>
      load(buildElf({ type: ET_EXEC, entry, segments: [{ vaddr, data: Uint8Array.of(1) }] }));
  const initrdOf = (size: number) => () =>
    load(bzImageFile(), { initrd: new BytesSource(new Uint8Array(size)) });
  const lowInitrd = () => load(bzImageFile({ initrdMax: 0 }), { initrd: new BytesSource(INITRD) });
  it.each<[string, () => unknown, string]>([
    ["too short", () => load(new Uint8Array(100)), "is too short for a Linux kernel"],
    ["no header", () => load(new Uint8Array(4096)), "is not a Linux bzImage"],
    ["too old", image({ protocol: 0x205 }), "speaks boot protocol 2.05; 2.06 is the oldest"],
    ["a zImage", image({ loadFlags: 0 }), "is a zImage"],
    ["cut off", image({ payload: new Uint8Array(0) }), "ends within its setup code"],
    ["an odd alignment", image({ alignment: 0x300000 }), "has an alignment of 0x300000"],
    ["too far up", image({ preferredAddress: 1n << 40n }), "wants to run at 0x10000000000"],
    [
      "too little memory",
      image({ initBytes: 0x338_0000 }),
      "needs at least 68 MiB of guest memory",
    ],
    ["a huge initrd", initrdOf(48 * MIB), "the initial RAM disk of 50331648 bytes does not fit"],
    [
      "a low initrd limit",
      lowInitrd,
      "does not fit between the kernel, which ends at 0x1100000, and 0x1",
    ],
    [
      "a long command line",
      () => load(bzImageFile(), { commandLine: "x".repeat(2048) }),
      "has 2048 bytes; this kernel takes 2047",
    ],
    ["a NUL", () => load(bzImageFile(), { commandLine: "a\0b" }), "has a NUL in it"],
    ["an ELF below 1 MiB", elf(0x1000n), "has a segment at 0x1000, where no vmlinux has one"],
    ["an ELF elsewhere", elf(0x100_0000n, 0x200_0000n), "has its entry 0x2000000 outside"],
  ])("%s", (_, run, sentence) => {
    expect(run).toThrow(sentence);
    expect(run).toThrow(VmmError);
  });
});

it("a damaged kernel loads or is refused, above 1 MiB", () => {
  const random = new SeededRandom(0xb2);
  const memory = new GuestMemory(32 * MIB);
  const image = bzImageFile({ payload: new Uint8Array(64).fill(0xcc) }).slice(0, 0xa40);
  let refused = 0;
  for (let i = 0; i < 1500; i++) {
    // Half of the wounds go where they count.
    const broken = image.slice();
    const header = mutated(image.slice(0x1f0, 0x270), random);
    if (i % 2 === 0) broken.set(header, 0x1f0);
    try {
      const kernel = i % 2 === 0 ? broken : mutated(image, random);
      const { start, end } = load(kernel, { initrd: new BytesSource(INITRD) }, memory);
      expect(start).toBeGreaterThanOrEqual(MIB);
      expect(end).toBeLessThanOrEqual(32 * MIB);
    } catch (error) {
      expect(error).toBeInstanceOf(VmmError);
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(200);
  expect(refused).toBeLessThan(1500);
});
