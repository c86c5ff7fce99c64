// SPDX-License-Identifier: BSD-2-Clause
// Copies between files and guest RAM in pieces, so that a kernel of 100 MB never stands twice in the host's memory.
import { hex } from "../base/bits.ts";
import { VmmError } from "../base/errors.ts";
import type { GuestMemory } from "../mmu/guest-memory.ts";
import type { ByteSource } from "./byte-source.ts";

const CHUNK = 0x10_0000;

/** A run of bytes of a file. */
export interface FileRange {
  readonly source: ByteSource;
  readonly offset: number;
  readonly length: number;
}

/** Copies a range of a file to `gpa`. `what` names it in the ERR_NO_SPACE sentence when that is not RAM. */
export function copyFileToGuest(
  memory: GuestMemory,
  gpa: number,
  range: FileRange,
  what: string,
): void {
  if (memory.offsetOf(gpa, range.length) < 0) throw notRam(gpa, range.length, what);
  for (let done = 0; done < range.length; done += CHUNK) {
    const length = Math.min(CHUNK, range.length - done);
    memory.write(gpa + done, range.source.read(range.offset + done, length));
  }
}

/** Writes bytes to `gpa`; ERR_NO_SPACE when that is not RAM. */
export function writeToGuest(
  memory: GuestMemory,
  gpa: number,
  bytes: Uint8Array,
  what: string,
): void {
  if (!memory.write(gpa, bytes)) throw notRam(gpa, bytes.length, what);
}

/** Zeroes guest memory; ERR_NO_SPACE when that is not RAM. */
export function zeroGuest(memory: GuestMemory, gpa: number, length: number, what: string): void {
  if (!memory.zero(gpa, length)) throw notRam(gpa, length, what);
}

function notRam(gpa: number, length: number, what: string): VmmError {
  const last = hex(gpa + Math.max(length, 1) - 1);
  return new VmmError(
    "ERR_NO_SPACE",
    `${what} needs guest memory ${hex(gpa)} to ${last}, which is not there: give the machine more memory`,
  );
}
