// SPDX-License-Identifier: BSD-2-Clause
import { beforeEach, describe, expect, it } from "vitest";
import { headerBytes, segmentBytes } from "../../../../test/support/blk-driver.ts";
import { GuestMemory, MIB } from "../../../mmu/guest-memory.ts";
import { DescriptorChain } from "../descriptor-chain.ts";
import { type BlkLimits, parseBlkRequest } from "./request.ts";

const LIMITS: BlkLimits = { sizeBytes: 64 * 512, isReadOnly: false, canDiscard: true };
const IOERR = { kind: "refused", status: 1 };
const UNSUPP = { kind: "refused", status: 2 };

let memory: GuestMemory;

beforeEach(() => {
  memory = new GuestMemory(32 * MIB);
});

/** A chain whose readable buffers hold these bytes, and with writable buffers of these lengths. */
function chainOf(readable: readonly Uint8Array[], writable: readonly number[]): DescriptorChain {
  const chain = new DescriptorChain(memory, 0, 0);
  let gpa = 0x1000;
  for (const bytes of readable) {
    memory.write(gpa, bytes);
    expect(chain.append({ gpa, length: bytes.length }, false)).toBeUndefined();
    gpa += 0x1000;
  }
  for (const length of writable) {
    expect(chain.append({ gpa, length }, true)).toBeUndefined();
    gpa += 0x1_0000;
  }
  return chain;
}

const header = headerBytes;
const sectors = (count: number) => new Uint8Array(512 * count);

describe("a disk's request (VirtIO 1.2 §5.2.6)", () => {
  it("reads into all writable bytes but the last", () => {
    const chain = chainOf([header(0, 3)], [512, 1024, 1]);
    expect(parseBlkRequest(chain, LIMITS)).toEqual({ kind: "read", offset: 1536, length: 1536 });
  });

  it("writes all readable bytes behind the header", () => {
    const chain = chainOf([header(1, 62), sectors(1), sectors(1)], [1]);
    expect(parseBlkRequest(chain, LIMITS)).toEqual({ kind: "write", offset: 31744, length: 1024 });
  });

  it("does not care where descriptors begin and end (§2.7.4)", () => {
    const whole = new Uint8Array(16 + 512);
    whole.set(header(1, 5));
    const pieces = [whole.subarray(0, 3), whole.subarray(3, 20), whole.subarray(20)];
    expect(parseBlkRequest(chainOf(pieces, [1]), LIMITS)).toEqual({
      kind: "write",
      offset: 2560,
      length: 512,
    });
    expect(parseBlkRequest(chainOf([header(0, 0)], [513]), LIMITS)).toEqual({
      kind: "read",
      offset: 0,
      length: 512,
    });
  });

  it("may ask for nothing, up to the end of the disk", () => {
    const chain = chainOf([header(0, 64)], [1]);
    expect(parseBlkRequest(chain, LIMITS)).toEqual({ kind: "read", offset: 32768, length: 0 });
  });

  it.each([4, 5])("of type %d is a flush", (type) => {
    expect(parseBlkRequest(chainOf([header(type, 0)], [1]), LIMITS)).toEqual({ kind: "flush" });
  });

  it("may carry the barrier bit of old drivers", () => {
    const chain = chainOf([header(0x8000_0000, 0)], [513]);
    expect(parseBlkRequest(chain, LIMITS)).toMatchObject({ kind: "read" });
  });

  it.each([2, 3, 6, 7, 9, 10, 12, 14, 16, 0x7fff_ffff])("of type %d is unsupported", (type) => {
    expect(parseBlkRequest(chainOf([header(type, 0)], [513]), LIMITS)).toEqual(UNSUPP);
  });

  it("of one segment discards or zeroes", () => {
    const discard = chainOf([header(11, 99), segmentBytes(2, 4, 0)], [1]);
    expect(parseBlkRequest(discard, LIMITS)).toEqual({
      kind: "discard",
      offset: 1024,
      length: 2048,
    });
    const zeroes = chainOf([header(13, 0), segmentBytes(0, 64, 1)], [1]);
    expect(parseBlkRequest(zeroes, LIMITS)).toEqual({
      kind: "write-zeroes",
      offset: 0,
      length: 32768,
    });
  });

  it.each<[string, readonly Uint8Array[], readonly number[]]>([
    ["no header", [], [1]],
    ["half a header", [new Uint8Array(15)], [1]],
    ["no status byte", [header(0, 0)], []],
  ])("is none at all with %s", (_, readable, writable) => {
    expect(parseBlkRequest(chainOf(readable, writable), LIMITS)).toEqual({ kind: "malformed" });
  });

  it.each<[string, readonly Uint8Array[], readonly number[]]>([
    ["a read beyond the end", [header(0, 64)], [513]],
    ["a read across the end", [header(0, 63)], [1025]],
    ["a sector number of 2^64 - 1", [header(0, 2 ** 64 - 2 ** 11)], [513]],
    ["half a sector", [header(0, 0)], [257]],
    ["data in the wrong direction of a read", [header(0, 0), sectors(1)], [513]],
    ["data in the wrong direction of a write", [header(1, 0), sectors(1)], [513]],
    ["a write across the end", [header(1, 63), sectors(2)], [1]],
    ["no segment", [header(11, 0)], [1]],
    ["two segments", [header(11, 0), segmentBytes(0, 1, 0), segmentBytes(1, 1, 0)], [1]],
    ["a segment across the end", [header(11, 0), segmentBytes(60, 5, 0)], [1]],
    ["more sectors than a discard may have", [header(11, 0), segmentBytes(0, 32769, 0)], [1]],
  ])("fails with %s", (_, readable, writable) => {
    expect(parseBlkRequest(chainOf(readable, writable), LIMITS)).toEqual(IOERR);
  });

  it.each<[string, number, number]>([
    ["unmap in a discard", 11, 1],
    ["an unknown flag in a discard", 11, 2],
    ["an unknown flag in a write of zeroes", 13, 0x8000_0000],
  ])("is unsupported with %s (§5.2.6.2)", (_, type, flags) => {
    const chain = chainOf([header(type, 0), segmentBytes(0, 1, flags)], [1]);
    expect(parseBlkRequest(chain, LIMITS)).toEqual(UNSUPP);
  });

  it("cannot change a read-only disk, and cannot discard on one that does not", () => {
    const readOnly = { ...LIMITS, isReadOnly: true };
    const write = chainOf([header(1, 0), sectors(1)], [1]);
    const zeroes = chainOf([header(13, 0), segmentBytes(0, 1, 0)], [1]);
    const discard = chainOf([header(11, 0), segmentBytes(0, 1, 0)], [1]);
    expect(parseBlkRequest(write, readOnly)).toEqual(IOERR);
    expect(parseBlkRequest(zeroes, readOnly)).toEqual(IOERR);
    expect(parseBlkRequest(discard, { ...LIMITS, canDiscard: false })).toEqual(UNSUPP);
  });
});
