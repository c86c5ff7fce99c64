// SPDX-License-Identifier: BSD-2-Clause
// A machine's memory in a file: only what was written and is not zero.
//
//   0   8 bytes  "TSHYVEM1"
//   8   u32      number of extents
//   12  u32      layout: a hash of where the state's fields lie, so that other versions refuse it
//   16  u64 × 2  offset in the machine's memory and length, per extent
//   …   the extents' bytes, one behind the other
import fs from "node:fs";
import { crc32 } from "../base/crc32.ts";
import { VmmError } from "../base/errors.ts";
import { STATE_FIELDS } from "../cpu/state-fields.ts";
import { GuestMemory } from "../mmu/guest-memory.ts";
import { type Extent, extentsOf, isValidExtent, markExtent } from "../vmm/memory-image.ts";
import { hostError } from "./host-error.ts";
import { writeAll } from "./write-all.ts";

const MAGIC = "TSHYVEM1";
const HEADER_BYTES = 16;
const EXTENT_BYTES = 16;
const MAX_EXTENTS = 1 << 20;

const LAYOUT = crc32(new TextEncoder().encode(JSON.stringify(STATE_FIELDS)));

/** Writes the file anew and waits until it is on the disk. Throws ERR_IO or ERR_NO_SPACE. */
export function writeMemoryFile(path: string, memory: GuestMemory): void {
  const extents = extentsOf(memory);
  const head = Buffer.alloc(HEADER_BYTES + extents.length * EXTENT_BYTES);
  head.write(MAGIC, 0, "latin1");
  head.writeUInt32LE(extents.length, 8);
  head.writeUInt32LE(LAYOUT, 12);
  extents.forEach(({ offset, length }, index) => {
    head.writeBigUInt64LE(BigInt(offset), HEADER_BYTES + index * EXTENT_BYTES);
    head.writeBigUInt64LE(BigInt(length), HEADER_BYTES + index * EXTENT_BYTES + 8);
  });
  try {
    const fd = fs.openSync(path, "w", 0o600);
    try {
      writeAll(fd, head);
      for (const { offset, length } of extents) {
        writeAll(fd, memory.bytes.subarray(offset, offset + length));
      }
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
  } catch (cause) {
    throw hostError(`write ${path}`, cause);
  }
}

/** A machine's memory as it was written. Throws ERR_IO, or ERR_BAD_IMAGE for what this version did not write. */
export function readMemoryFile(path: string, ramBytes: number): GuestMemory {
  const memory = new GuestMemory(ramBytes);
  try {
    const fd = fs.openSync(path, "r");
    try {
      const extents = readExtents(fd, path);
      let at = HEADER_BYTES + extents.length * EXTENT_BYTES;
      for (const extent of extents) {
        if (!isValidExtent(memory, extent)) throw damaged(path);
        readAll(fd, memory.bytes.subarray(extent.offset, extent.offset + extent.length), at, path);
        markExtent(memory, extent);
        at += extent.length;
      }
    } finally {
      fs.closeSync(fd);
    }
  } catch (cause) {
    if (cause instanceof VmmError) throw cause;
    throw hostError(`read ${path}`, cause);
  }
  return memory;
}

function readExtents(fd: number, path: string): Extent[] {
  const head = Buffer.alloc(HEADER_BYTES);
  readAll(fd, head, 0, path);
  const count = head.readUInt32LE(8);
  if (head.toString("latin1", 0, 8) !== MAGIC || count > MAX_EXTENTS) throw damaged(path);
  if (head.readUInt32LE(12) !== LAYOUT) {
    throw new VmmError(
      "ERR_BAD_IMAGE",
      `${path} was written by another version of tshyve: destroy the VM and load it again`,
    );
  }
  const table = Buffer.alloc(count * EXTENT_BYTES);
  readAll(fd, table, HEADER_BYTES, path);
  return Array.from({ length: count }, (_, index) => ({
    offset: Number(table.readBigUInt64LE(index * EXTENT_BYTES)),
    length: Number(table.readBigUInt64LE(index * EXTENT_BYTES + 8)),
  }));
}

function readAll(fd: number, target: Uint8Array, position: number, path: string): void {
  for (let done = 0; done < target.length; ) {
    const wanted = Math.min(target.length - done, 1 << 30);
    const count = fs.readSync(fd, target, done, wanted, position + done);
    if (count === 0) throw damaged(path);
    done += count;
  }
}

function damaged(path: string): VmmError {
  return new VmmError("ERR_BAD_IMAGE", `${path} is damaged: destroy the VM and load it again`);
}
