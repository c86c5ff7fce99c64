// SPDX-License-Identifier: BSD-2-Clause
import { beforeEach, describe, expect, it } from "vitest";
import {
  DESC_F_INDIRECT as INDIRECT,
  DESC_F_NEXT as NEXT,
  DESC_F_WRITE as WRITE,
} from "../../../test/support/virtqueue-driver.ts";
import { GuestMemory, MIB } from "../../mmu/guest-memory.ts";
import { collectChain, DescriptorChain } from "./descriptor-chain.ts";

const RAM = 32 * MIB;
const TABLE = 0x1_0000;
const INNER = 0x2_0000;
const COUNT = 16;

let memory: GuestMemory;

beforeEach(() => {
  memory = new GuestMemory(RAM);
});

type Row = readonly [gpa: number, length: number, flags: number, next?: number];

function writeTable(gpa: number, rows: readonly Row[]): void {
  for (const [i, [address, length, flags, next = i + 1]] of rows.entries()) {
    memory.store(gpa + 16 * i, 4, address % 2 ** 32);
    memory.store(gpa + 16 * i + 4, 4, Math.floor(address / 2 ** 32));
    memory.store(gpa + 16 * i + 8, 4, length);
    memory.store(gpa + 16 * i + 12, 2, flags);
    memory.store(gpa + 16 * i + 14, 2, next);
  }
}

function collect(rows: readonly Row[], head = 0, hasIndirect = true): DescriptorChain | string {
  writeTable(TABLE, rows);
  const table = { gpa: TABLE, count: COUNT };
  return collectChain({ memory, table, hasIndirect, generation: 7 }, head);
}

/** The chain, which must not be refused. */
function chainOf(rows: readonly Row[]): DescriptorChain {
  const chain = collect(rows);
  expect(chain).toBeInstanceOf(DescriptorChain);
  return chain as DescriptorChain;
}

describe("a descriptor chain (VirtIO 1.2 §2.7.5)", () => {
  it("is what its descriptors link, readable buffers first", () => {
    const chain = chainOf([
      [0x1000, 16, NEXT],
      [0x2000, 100, NEXT | WRITE],
      [0x3000, 1, WRITE],
    ]);
    expect(chain).toMatchObject({
      head: 0,
      generation: 7,
      readableBytes: 16,
      writableBytes: 101,
    });
  });

  it("may be linked in any order and have empty buffers", () => {
    const chain = collect(
      [
        [0x3000, 1, WRITE],
        [0, 0, NEXT, 0],
        [0x1000, 16, NEXT, 1],
      ],
      2,
    );
    expect(chain).toMatchObject({ head: 2, readableBytes: 16, writableBytes: 1 });
  });

  it("goes on in an indirect table, after direct descriptors too (§2.7.5.3)", () => {
    writeTable(INNER, [
      [0x2000, 512, NEXT | WRITE, 2],
      [0x5000, 1, WRITE],
      [0x4000, 512, NEXT | WRITE, 1],
    ]);
    const chain = chainOf([
      [0x1000, 16, NEXT],
      [INNER, 48, INDIRECT | WRITE],
    ]);
    expect(chain).toMatchObject({ readableBytes: 16, writableBytes: 1025 });
  });

  it("reaches the RAM above 4 GiB only where there is some", () => {
    expect(collect([[2 ** 32, 16, 0]])).toBe("a buffer outside the guest's memory");
    const last = chainOf([[RAM - 16, 16, 0]]);
    expect(last.readableBytes).toBe(16);
  });

  it.each<[string, readonly Row[], string]>([
    ["a head beyond the table", [[0x1000, 1, NEXT, COUNT]], "descriptor 16 of a table of 16"],
    ["a loop", [[0x1000, 1, NEXT, 0]], "a chain that loops"],
    [
      "a long loop",
      Array.from({ length: COUNT }, (_, i): Row => [0, 0, NEXT, (i + 1) % COUNT]),
      "a chain that loops",
    ],
    [
      "a buffer that ends beyond the RAM",
      [[RAM - 8, 16, 0]],
      "a buffer outside the guest's memory",
    ],
    [
      "a buffer at the end of the address space",
      [[2 ** 64 - 2 ** 12, 4096, 0]],
      "a buffer outside the guest's memory",
    ],
    ["a buffer of 4 GiB", [[0, 0xffff_ffff, 0]], "a buffer outside the guest's memory"],
    [
      "readable after writable",
      [
        [0x1000, 1, NEXT | WRITE],
        [0x2000, 1, 0],
      ],
      "a readable buffer after a writable one",
    ],
    ["an indirect table of no bytes", [[INNER, 0, INDIRECT]], "an indirect table of 0 bytes"],
    [
      "an indirect table of half a descriptor",
      [[INNER, 24, INDIRECT]],
      "an indirect table of 24 bytes",
    ],
    [
      "an indirect table outside the RAM",
      [[RAM, 16, INDIRECT]],
      "an indirect table outside the guest's memory",
    ],
    [
      "a chain on both sides of a table",
      [
        [INNER, 16, INDIRECT | NEXT],
        [0x1000, 1, 0],
      ],
      "a chain that goes on after an indirect descriptor",
    ],
  ])("is refused with %s", (_, rows, reason) => {
    expect(collect(rows)).toBe(reason);
  });

  it("is refused with an indirect table inside another, or a loop in one", () => {
    writeTable(INNER, [[INNER, 16, INDIRECT]]);
    expect(collect([[INNER, 16, INDIRECT]])).toBe("an indirect descriptor in an indirect table");
    writeTable(INNER, [[0x1000, 1, NEXT, 0]]);
    expect(collect([[INNER, 16, INDIRECT]])).toBe("a chain that loops");
    writeTable(INNER, [[0x1000, 1, NEXT, 1]]);
    expect(collect([[INNER, 16, INDIRECT]])).toBe("descriptor 1 of a table of 1");
  });

  it("is refused with an indirect descriptor that was not negotiated", () => {
    expect(collect([[INNER, 16, INDIRECT]], 0, false)).toBe(
      "an indirect descriptor, which was not negotiated",
    );
  });

  it("is refused beyond 512 buffers, or 4 GiB in all", () => {
    const rows = Array.from({ length: 513 }, (_, i): Row => [0x1000, 1, i < 512 ? NEXT : 0]);
    writeTable(INNER, rows);
    expect(collect([[INNER, 16 * 513, INDIRECT]])).toBe("more than 512 buffers");
    writeTable(INNER, [[0x1000, 1, 0]]);
    writeTable(INNER + 16 * 511, [[0x1000, 1, 0]]);
    expect(collect([[INNER, 16 * 512, INDIRECT]])).toMatchObject({ readableBytes: 1 });
    const large = Array.from({ length: 129 }, (_, i): Row => [0, RAM, i < 128 ? NEXT : 0]);
    writeTable(INNER, large);
    expect(collect([[INNER, 16 * 129, INDIRECT]])).toBe("buffers of more than 4 GiB in all");
  });
});

describe("a chain's bytes", () => {
  const rows: readonly Row[] = [
    [0x1000, 3, NEXT],
    [0x2000, 0, NEXT],
    [0x3000, 4, NEXT],
    [0x4000, 2, NEXT | WRITE],
    [0x5000, 2, WRITE],
  ];

  it("are copied across the borders of buffers", () => {
    memory.write(0x1000, Uint8Array.of(1, 2, 3));
    memory.write(0x3000, Uint8Array.of(4, 5, 6, 7));
    const chain = chainOf(rows);
    expect(chain.copyReadable(0, 7)).toEqual(Uint8Array.of(1, 2, 3, 4, 5, 6, 7));
    expect(chain.copyReadable(2, 2)).toEqual(Uint8Array.of(3, 4));
    expect(chain.copyReadable(7, 0)).toEqual(new Uint8Array(0));
    expect(chain.copyReadable(1, 7)).toBeUndefined();
  });

  it("are windows on guest memory, cut to what was asked", () => {
    const [first, second] = chainOf(rows).writableViews(1, 2);
    first!.set([0xaa]);
    second!.set([0xbb]);
    expect(memory.load(0x4000, 4)).toBe(0xaa00);
    expect(memory.load(0x5000, 4)).toBe(0x00bb);
    expect(chainOf(rows).writableViews(4, 0)).toEqual([]);
  });

  it("count as written when a writable window is asked for, not when the chain is read", () => {
    const written: number[] = [];
    memory.pageFlags.fill(2);
    const chain = chainOf(rows);
    memory.codeWriteListener = (gpa) => written.push(gpa);
    chain.readableViews(0, 7);
    expect(written).toEqual([]);
    chain.writableViews(0, 4);
    expect(written).toEqual([0x4000, 0x5000]);
  });
});
