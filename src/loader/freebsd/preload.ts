// SPDX-License-Identifier: BSD-2-Clause
// The environment block and the preload metadata that an amd64 FreeBSD kernel is handed. FreeBSD:
// stand/common/modinfo.c, stand/userboot/userboot/bootinfo64.c.
//
//   A, page behind the last file   name=value NUL … NUL
//   M, next page                   records: u32 type, u32 length, data, pad to 8; the last is type 0, length 0
//   K, next page                   KERNEND: free from here on
//
// KERNEND stands in the records whose length decides it, so they are built twice.
import { alignUp } from "../../base/bits.ts";
import { VmmError } from "../../base/errors.ts";
import type { GuestMemory } from "../../mmu/guest-memory.ts";
import { viewOf } from "../bytes.ts";
import { writeToGuest } from "../guest-copy.ts";
import { reportedRam } from "../reported-ram.ts";
import {
  checkRoom,
  KERNEL_TYPE,
  type Metadata,
  MODINFOMD_ENVP,
  MODINFOMD_HOWTO,
  MODINFOMD_KERNEND,
  MODINFOMD_NOCOPY,
  MODINFOMD_SMAP,
  type PreloadedFile,
  u32Bytes,
  u64Bytes,
} from "./preloaded-file.ts";

const MODINFO_END = 0;
const MODINFO_NAME = 1;
const MODINFO_TYPE = 2;
const MODINFO_ADDR = 3;
const MODINFO_SIZE = 4;
const MODINFO_ARGS = 6;
const MODINFO_METADATA = 0x8000;

const PAGE = 4096;

export interface PreloadRequest {
  /** The kernel and what came after it, in the order of loading. */
  readonly files: readonly PreloadedFile[];
  /** The kernel's environment, in the order it shall have. */
  readonly environment: Iterable<readonly [name: string, value: string]>;
  readonly howto: number;
}

/** Guest-physical addresses. */
export interface Preload {
  readonly modulep: number;
  readonly kernend: number;
  readonly envp: number;
}

/** Writes both behind the last file. ERR_NOT_FOUND without a kernel among the files, ERR_NO_SPACE where it is too much. */
export function writePreload(memory: GuestMemory, request: PreloadRequest): Preload {
  const kernel = request.files.find((file) => file.type === KERNEL_TYPE);
  if (kernel === undefined) throw new VmmError("ERR_NOT_FOUND", "can't find kernel file");
  const end = Math.max(...request.files.map((file) => file.address + file.sizeBytes));
  const envp = alignUp(end, PAGE);
  const environment = environmentBlock(request.environment);
  const modulep = alignUp(envp + environment.length, PAGE);
  const smap = reportedRam(memory);
  const build = (kernend: number) =>
    metadataRecords(request.files, kernel, [
      { type: MODINFOMD_SMAP, data: smap },
      { type: MODINFOMD_KERNEND, data: u64Bytes(kernend) },
      { type: MODINFOMD_ENVP, data: u64Bytes(envp) },
      { type: MODINFOMD_HOWTO, data: u32Bytes(request.howto) },
    ]);
  const kernend = alignUp(modulep + build(0).length, PAGE);
  checkRoom(memory, envp, kernend - envp, "the kernel's environment and module list");
  writeToGuest(memory, envp, environment, "the kernel's environment");
  writeToGuest(memory, modulep, build(kernend), "the kernel's module list");
  return { modulep, kernend, envp };
}

/** `name=value` strings, each ended by NUL, and one NUL more. Bytes are UTF-8. */
export function environmentBlock(
  variables: Iterable<readonly [name: string, value: string]>,
): Uint8Array {
  const text = Array.from(variables, ([name, value]) => `${name}=${value}\0`).join("");
  return new TextEncoder().encode(`${text}\0`);
}

function metadataRecords(
  files: readonly PreloadedFile[],
  kernel: PreloadedFile,
  kernelExtra: readonly Metadata[],
): Uint8Array {
  const records: Uint8Array[] = [];
  const add = (type: number, data: Uint8Array) => void records.push(record(type, data));
  for (const file of files) {
    add(MODINFO_NAME, cString(file.name));
    add(MODINFO_TYPE, cString(file.type));
    if (file.args !== undefined) add(MODINFO_ARGS, cString(file.args));
    add(MODINFO_ADDR, u64Bytes(file.address));
    add(MODINFO_SIZE, u64Bytes(file.sizeBytes));
    const metadata = file === kernel ? [...kernelExtra, ...file.metadata] : file.metadata;
    for (const { type, data } of metadata) {
      if ((type & MODINFOMD_NOCOPY) === 0) add(MODINFO_METADATA | type, data);
    }
  }
  add(MODINFO_END, new Uint8Array(0));
  return concatenate(records);
}

function record(type: number, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + alignUp(data.length, 8));
  const view = viewOf(bytes);
  view.setUint32(0, type, true);
  view.setUint32(4, data.length, true);
  bytes.set(data, 8);
  return bytes;
}

function cString(text: string): Uint8Array {
  return new TextEncoder().encode(`${text}\0`);
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
