// SPDX-License-Identifier: BSD-2-Clause
import { expect, it } from "vitest";
import type { BlockRequest, BlockStatus } from "./block-backend.ts";
import { MemoryBlockBackend } from "./memory-block.ts";
import { SnapshotBlockBackend } from "./snapshot-block.ts";

const CLUSTER = 65536;

function submit(backend: SnapshotBlockBackend, request: BlockRequest): BlockStatus {
  const statuses: BlockStatus[] = [];
  backend.submit(request, (status) => statuses.push(status));
  expect(statuses).toHaveLength(1);
  return statuses[0]!;
}

function read(backend: SnapshotBlockBackend, offset: number, length: number): Uint8Array {
  const buffers = [new Uint8Array(512), new Uint8Array(length - 512)];
  expect(submit(backend, { kind: "read", offset, buffers })).toBe("ok");
  return Uint8Array.from([...buffers[0]!, ...buffers[1]!]);
}

it("shows what was written over what lies below, across clusters, and leaves that alone", () => {
  const bytes = Uint8Array.from({ length: 2 * CLUSTER + 1024 }, (_, i) => i >> 9);
  const pristine = bytes.slice();
  const disk = new SnapshotBlockBackend(new MemoryBlockBackend(bytes, { isReadOnly: true }));
  expect([disk.sizeBytes, disk.isReadOnly, disk.canDiscard]).toEqual([bytes.length, false, true]);
  const expected = bytes.slice();
  const put = (offset: number, length: number) => {
    expected.fill(0xaa, offset, offset + length);
    const buffers = [new Uint8Array(512).fill(0xaa), new Uint8Array(length - 512).fill(0xaa)];
    expect(submit(disk, { kind: "write", offset, buffers })).toBe("ok");
  };
  put(CLUSTER - 512, 1024);
  put(2 * CLUSTER, 1024);
  expected.fill(0, CLUSTER - 1024, CLUSTER + 512);
  expect(submit(disk, { kind: "discard", offset: CLUSTER - 1024, length: 1536 })).toBe("ok");
  expected.fill(0, 0, 512);
  expect(submit(disk, { kind: "write-zeroes", offset: 0, length: 512 })).toBe("ok");
  expect(submit(disk, { kind: "flush" })).toBe("ok");
  expect(read(disk, 0, bytes.length)).toEqual(expected);
  expect(bytes).toEqual(pristine);
});
