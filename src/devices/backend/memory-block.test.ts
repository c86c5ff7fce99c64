// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import type { BlockRequest, BlockStatus } from "./block-backend.ts";
import { MemoryBlockBackend } from "./memory-block.ts";

function submit(backend: MemoryBlockBackend, request: BlockRequest): BlockStatus[] {
  const statuses: BlockStatus[] = [];
  backend.submit(request, (status) => statuses.push(status));
  return statuses;
}

describe("MemoryBlockBackend", () => {
  it("moves data between its bytes and scattered buffers", () => {
    const bytes = Uint8Array.from({ length: 2048 }, (_, i) => i >> 9);
    const backend = new MemoryBlockBackend(bytes);
    const buffers = [new Uint8Array(512), new Uint8Array(1024)];
    expect(submit(backend, { kind: "read", offset: 512, buffers })).toEqual(["ok"]);
    expect([buffers[0]![0], buffers[1]![0], buffers[1]![1023]]).toEqual([1, 2, 3]);
    expect(submit(backend, { kind: "write", offset: 0, buffers })).toEqual(["ok"]);
    expect([0, 512, 1024, 1536].map((offset) => bytes[offset])).toEqual([1, 2, 3, 3]);
    expect(submit(backend, { kind: "flush" })).toEqual(["ok"]);
  });

  it("zeroes what is discarded, if it can, and what is to be zeroed in any case", () => {
    const bytes = new Uint8Array(1024).fill(7);
    const discard = { kind: "discard", offset: 0, length: 512 } as const;
    const rigid = new MemoryBlockBackend(bytes, { canDiscard: false });
    expect(submit(rigid, discard)).toEqual(["unsupported"]);
    expect(bytes[0]).toBe(7);
    expect(submit(new MemoryBlockBackend(bytes), discard)).toEqual(["ok"]);
    expect(submit(rigid, { kind: "write-zeroes", offset: 512, length: 512 })).toEqual(["ok"]);
    expect(bytes).toEqual(new Uint8Array(1024));
  });

  it("changes nothing when it is read-only", () => {
    const bytes = new Uint8Array(512).fill(7);
    const backend = new MemoryBlockBackend(bytes, { isReadOnly: true });
    const buffers = [new Uint8Array(512)];
    expect(submit(backend, { kind: "write", offset: 0, buffers })).toEqual(["read-only"]);
    expect(submit(backend, { kind: "discard", offset: 0, length: 512 })).toEqual(["read-only"]);
    expect(bytes[0]).toBe(7);
  });

  it("is whole sectors", () => {
    expect(() => new MemoryBlockBackend(new Uint8Array(1000))).toThrow(
      "the disk's 1000 bytes are not a multiple of its 512-byte sectors",
    );
  });
});
