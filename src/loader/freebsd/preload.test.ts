// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { GIB, GuestMemory, MIB } from "../../mmu/guest-memory.ts";
import { environmentBlock, type PreloadRequest, writePreload } from "./preload.ts";
import {
  KERNEL_TYPE,
  MODINFOMD_DEPLIST,
  MODINFOMD_DYNAMIC,
  MODINFOMD_ELFHDR,
  MODINFOMD_ESYM,
  MODINFOMD_SHDR,
  MODINFOMD_SSYM,
  MODULE_TYPE,
  type PreloadedFile,
  u64Bytes,
} from "./preloaded-file.ts";

// A worked example by the rules of stand/common/modinfo.c and bootinfo64.c: a kernel from 0x200000 to 0x17F5A20, one module behind it,
// boot_serial=1.
const kernel: PreloadedFile = {
  name: "/boot/kernel/kernel",
  type: KERNEL_TYPE,
  address: 0x20_0000,
  sizeBytes: 0x15f_5a20,
  modules: [{ name: "kernel", version: 1302001 }],
  dependencies: [],
  metadata: [
    { type: MODINFOMD_ELFHDR, data: new Uint8Array(64).fill(0xe1) },
    { type: MODINFOMD_DYNAMIC, data: u64Bytes(0xffffffff81600000n) },
    { type: MODINFOMD_ESYM, data: u64Bytes(0x17f5a20) },
    { type: MODINFOMD_SSYM, data: u64Bytes(0x1600000) },
    { type: MODINFOMD_SHDR, data: new Uint8Array(128).fill(0x5d) },
  ],
};
const module: PreloadedFile = {
  name: "/boot/kernel/virtio.ko",
  type: MODULE_TYPE,
  address: 0x17f_6000,
  sizeBytes: 0x5a90,
  modules: [{ name: "virtio", version: 1 }],
  dependencies: [{ name: "kernel", minimum: 1, preferred: 2, maximum: 3 }],
  metadata: [
    { type: MODINFOMD_ELFHDR, data: new Uint8Array(64).fill(0xe2) },
    { type: MODINFOMD_DEPLIST, data: new Uint8Array(19) },
    { type: MODINFOMD_SHDR, data: new Uint8Array(64).fill(0x5e) },
  ],
};
const request: PreloadRequest = {
  files: [kernel, module],
  environment: [
    ["LINES", "24"],
    ["boot_serial", "1"],
  ],
  howto: 0x1000,
};

/** The records as hexadecimal type, length and data, so that a difference can be read. */
function recordsAt(memory: GuestMemory, gpa: number): string[] {
  const records: string[] = [];
  for (let at = gpa; records.length < 100; ) {
    const type = memory.load(at, 4);
    const length = memory.load(at + 4, 4);
    const data = Buffer.from(memory.readable(at + 8, length)!);
    const isText = type === 1 || type === 2 || type === 6;
    const shown = isText ? JSON.stringify(data.toString("latin1")) : data.toString("hex");
    records.push(`${type.toString(16)} ${length} ${length > 40 ? `${shown.slice(0, 4)}…` : shown}`);
    if (type === 0) break;
    at += 8 + Math.ceil(length / 8) * 8;
  }
  return records;
}

describe("the preload area", () => {
  const memory = new GuestMemory(GIB);
  const preload = writePreload(memory, request);

  it("lies page by page behind the last file (userboot/bootinfo64.c)", () => {
    expect(preload).toEqual({ envp: 0x17f_c000, modulep: 0x17f_d000, kernend: 0x17f_e000 });
  });

  it("begins with the environment, NUL after each variable and one NUL more (common/modinfo.c md_copyenv)", () => {
    const text = Buffer.from(memory.readable(preload.envp, 23)!).toString("latin1");
    expect(text).toBe("LINES=24\0boot_serial=1\0");
    expect(memory.load(preload.envp + 23, 1)).toBe(0);
  });

  it("holds the records in their order (common/modinfo.c md_copymodules)", () => {
    expect(recordsAt(memory, preload.modulep)).toEqual([
      '1 20 "/boot/kernel/kernel\\u0000"',
      '2 11 "elf kernel\\u0000"',
      "3 8 0000200000000000",
      "4 8 205a5f0100000000",
      `9001 40 ${"00".repeat(8)}${"00000a0000000000"}01000000${"0000100000000000"}${"0000f03f00000000"}01000000`,
      "8008 8 00e07f0100000000",
      "8006 8 00c07f0100000000",
      "8007 4 00100000",
      "8002 64 e1e1…",
      "8005 8 00006081ffffffff",
      "8004 8 205a7f0100000000",
      "8003 8 0000600100000000",
      "8009 128 5d5d…",
      '1 23 "/boot/kernel/virtio.ko\\u0000"',
      '2 15 "elf obj module\\u0000"',
      "3 8 00607f0100000000",
      "4 8 905a000000000000",
      "8002 64 e2e2…",
      "8009 64 5e5e…",
      "0 0 ",
    ]);
  });

  it("pads every datum to 8 bytes with zeroes", () => {
    // NAME: 20 bytes of text in 24; TYPE follows at 8 + 24.
    expect(memory.load(preload.modulep + 8 + 20, 4)).toBe(0);
    expect(memory.load(preload.modulep + 8 + 24, 4)).toBe(2);
  });
});

it("a machine with memory above 4 GiB has a third SMAP entry", () => {
  const memory = new GuestMemory(3 * GIB + 256 * MIB);
  const { modulep } = writePreload(memory, request);
  const smap = recordsAt(memory, modulep).find((line) => line.startsWith("9001"))!;
  expect(smap.startsWith("9001 60 ")).toBe(true);
  const at = modulep + 8 + 24 + 8 + 16 + 16 + 16 + 8 + 40;
  expect(memory.load(at + 4, 4)).toBe(1);
  expect(memory.load(at + 8, 4)).toBe(256 * MIB);
});

it("kernel arguments travel as their own record, between type and address", () => {
  const memory = new GuestMemory(64 * MIB);
  const { modulep } = writePreload(memory, { ...request, files: [{ ...kernel, args: "-s -v" }] });
  expect(recordsAt(memory, modulep)[2]).toBe('6 6 "-s -v\\u0000"');
});

it("a long module list moves KERNEND on to the page behind it", () => {
  const memory = new GuestMemory(64 * MIB);
  const many = Array.from({ length: 60 }, (_, i) => ({ ...module, name: `/boot/kernel/m${i}.ko` }));
  const { modulep, kernend } = writePreload(memory, { ...request, files: [kernel, ...many] });
  expect(kernend - modulep).toBeGreaterThan(0x3000);
  const records = recordsAt(memory, modulep).find((line) => line.startsWith("8008"))!;
  expect(records).toBe(`8008 8 ${Buffer.from(u64Bytes(kernend)).toString("hex")}`);
});

it("an environment without variables is one NUL", () => {
  expect([...environmentBlock([])]).toEqual([0]);
});

it("what does not fit below 1 GiB is refused, with the reason", () => {
  const memory = new GuestMemory(64 * MIB);
  const high = { ...kernel, address: 64 * MIB - 0x1000, sizeBytes: 0x1000 };
  expect(() => writePreload(memory, { ...request, files: [high] })).toThrow(
    "the kernel's environment and module list does not fit into the first 64 MiB",
  );
});

it("modules alone are not enough", () => {
  const memory = new GuestMemory(64 * MIB);
  expect(() => writePreload(memory, { ...request, files: [module] })).toThrow(
    "can't find kernel file",
  );
});
