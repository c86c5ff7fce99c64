// SPDX-License-Identifier: BSD-2-Clause
// The file of a Linux/x86 kernel: boot sector and real-mode setup, then the part that runs in protected or long mode.
// Linux: Documentation/arch/x86/boot.rst, protocol 2.06 and later; the setup header begins at 0x1F1 of the file.
//
// The real-mode code is not run: its header is read, and written to struct boot_params. Left out: zImage (not loaded
// high), protocols before 2.06 (2008), EFI hand-over.
import { hex, isPowerOfTwo } from "../../base/bits.ts";
import { VmmError } from "../../base/errors.ts";
import type { ByteSource } from "../byte-source.ts";
import { viewOf } from "../bytes.ts";

export const SETUP_HEADER_START = 0x1f1;
/** Where struct boot_params goes on with something else. */
export const SETUP_HEADER_LIMIT = 0x290;

const BOOT_FLAG = 0xaa55;
/** `HdrS`, little-endian. */
export const HEADER_MAGIC = 0x5372_6448;
const OLDEST_PROTOCOL = 0x206;
const LOADED_HIGH = 0x1;
const XLF_KERNEL_64 = 0x1;
const SECTOR = 512;

export interface BzImage {
  /** Boot protocol: major in the high byte, minor in the low one. */
  readonly protocol: number;
  /** The setup header as it stands in the file, from {@link SETUP_HEADER_START} on. */
  readonly header: Uint8Array;
  /** Where the protected-mode part lies in the file. */
  readonly payloadOffset: number;
  readonly payloadBytes: number;
  /** Has an entry for long mode, 0x200 behind the start of the payload. */
  readonly hasEntry64: boolean;
  readonly isRelocatable: boolean;
  /** Where it wants to run, and on which boundary it must be. */
  readonly preferredAddress: number;
  readonly alignment: number;
  /** Memory that it needs from where it runs until it can look after itself. */
  readonly initBytes: number;
  /** Highest address that a byte of the initial RAM disk may have. */
  readonly initrdMax: number;
  /** Longest command line, without its NUL. */
  readonly commandLineMax: number;
}

/** Throws ERR_BAD_IMAGE for what is no bzImage, ERR_UNSUPPORTED for one too old. */
export function parseBzImage(source: ByteSource, name: string): BzImage {
  if (source.size < SETUP_HEADER_LIMIT) throw bad(name, "is too short for a Linux kernel");
  const head = source.read(0, SETUP_HEADER_LIMIT);
  const view = viewOf(head);
  if (view.getUint16(0x1fe, true) !== BOOT_FLAG || view.getUint32(0x202, true) !== HEADER_MAGIC) {
    throw bad(name, "is not a Linux bzImage (no setup header)");
  }
  const protocol = view.getUint16(0x206, true);
  if (protocol < OLDEST_PROTOCOL) {
    throw new VmmError(
      "ERR_UNSUPPORTED",
      `${name} speaks boot protocol ${version(protocol)}; 2.06 is the oldest that is understood`,
    );
  }
  if ((view.getUint8(0x211) & LOADED_HIGH) === 0) throw bad(name, "is a zImage, not a bzImage");
  const setupSectors = view.getUint8(0x1f1) || 4;
  const payloadOffset = (setupSectors + 1) * SECTOR;
  const payloadBytes = source.size - payloadOffset;
  if (payloadBytes <= 0) throw bad(name, "ends within its setup code");
  const headerEnd = Math.min(0x202 + view.getUint8(0x201), SETUP_HEADER_LIMIT);
  return {
    protocol,
    header: head.slice(SETUP_HEADER_START, headerEnd),
    payloadOffset,
    payloadBytes,
    ...placement(view, protocol, payloadBytes, name),
    initrdMax: view.getUint32(0x22c, true),
    commandLineMax: view.getUint32(0x238, true),
  };
}

/** Fields that came with later protocols, or what held before. */
function placement(view: DataView, protocol: number, payloadBytes: number, name: string) {
  const isRelocatable = view.getUint8(0x234) !== 0;
  const alignment = isRelocatable ? view.getUint32(0x230, true) : 1;
  if (!isPowerOfTwo(alignment)) throw bad(name, `has an alignment of ${hex(alignment)}`);
  const preferred = protocol >= 0x20a ? view.getBigUint64(0x258, true) : 0n;
  if (preferred > 0xffff_ffffn) throw bad(name, `wants to run at ${hex(preferred)}`);
  return {
    isRelocatable,
    alignment,
    preferredAddress: Math.max(Number(preferred), 0x10_0000),
    initBytes: Math.max(protocol >= 0x20a ? view.getUint32(0x260, true) : 0, payloadBytes),
    hasEntry64: protocol >= 0x20c && (view.getUint16(0x236, true) & XLF_KERNEL_64) !== 0,
  };
}

function version(protocol: number): string {
  return `${protocol >> 8}.${`${protocol & 0xff}`.padStart(2, "0")}`;
}

function bad(name: string, what: string): VmmError {
  return new VmmError("ERR_BAD_IMAGE", `${name} ${what}`);
}
