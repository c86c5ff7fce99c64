// SPDX-License-Identifier: BSD-2-Clause
// Puts a Linux kernel, its initial RAM disk and its command line into guest memory, as a boot loader for the 64-bit
// protocol does. Linux: Documentation/arch/x86/boot.rst.
//
// A bzImage goes where it prefers to run; one without a long-mode entry (i386 kernels) is entered in protected mode. A
// plain vmlinux (ELF64) goes to the physical addresses of its segments. The RAM disk goes as high as it may.
import { alignDown, alignUp, hex } from "../../base/bits.ts";
import { VmmError } from "../../base/errors.ts";
import { GIB, type GuestMemory, MIB } from "../../mmu/guest-memory.ts";
import type { ByteSource } from "../byte-source.ts";
import { type ElfFile, isElf, PT_LOAD, parseElf } from "../elf.ts";
import type { EntryState } from "../entry-state.ts";
import { copyFileToGuest, writeToGuest, zeroGuest } from "../guest-copy.ts";
import { buildBootParams } from "./boot-params.ts";
import { type BzImage, parseBzImage } from "./bzimage.ts";
import {
  BOOT_PARAMS_ADDRESS,
  COMMAND_LINE_ADDRESS,
  COMMAND_LINE_ROOM,
  enterLinux,
} from "./linux-hand-off.ts";

const LOW_MEMORY_END = MIB;
const PAGE = 4096;
/** Behind the start of a bzImage's payload. */
const ENTRY_64_OFFSET = 0x200;
/** For a vmlinux, which cannot say: what every x86-64 kernel says in its setup header. */
const VMLINUX_INITRD_MAX = 0x7fff_ffff;
const VMLINUX_COMMAND_LINE_MAX = 2047;

export interface LinuxRequest {
  readonly kernel: ByteSource;
  /** For messages: its path. */
  readonly kernelName: string;
  readonly initrd?: ByteSource;
  readonly commandLine: string;
  /** Guest-physical address of the ACPI root pointer, if the kernel shall not search for it. */
  readonly acpiRsdp?: number;
}

export interface LoadedLinux {
  readonly entry: EntryState;
  /** Where the kernel runs, and what follows the memory it claims: guest-physical. */
  readonly start: number;
  readonly end: number;
  readonly initrd: { readonly address: number; readonly sizeBytes: number } | undefined;
}

/** A kernel in guest memory, and what it says of the rest. */
interface Placed {
  readonly start: number;
  readonly end: number;
  readonly loadAddress: number;
  readonly entry: number;
  readonly isLongMode: boolean;
  readonly header: Uint8Array | undefined;
  readonly initrdMax: number;
  readonly commandLineMax: number;
}

/** Throws ERR_BAD_IMAGE, ERR_UNSUPPORTED, ERR_NO_SPACE, or ERR_BAD_OPTION for a command line that is too long. */
export function loadLinux(memory: GuestMemory, request: LinuxRequest): LoadedLinux {
  const { kernel, kernelName } = request;
  const placed = isElf(kernel)
    ? placeVmlinux(memory, parseElf(kernel, kernelName))
    : placeBzImage(memory, request, parseBzImage(kernel, kernelName));
  const commandLine = commandLineBytes(request.commandLine, placed.commandLineMax);
  writeToGuest(memory, COMMAND_LINE_ADDRESS, commandLine, "the command line");
  const initrd = request.initrd && placeInitrd(memory, request.initrd, placed);
  const params = buildBootParams(memory, {
    header: placed.header,
    loadAddress: placed.loadAddress,
    commandLineAddress: COMMAND_LINE_ADDRESS,
    initrd,
    acpiRsdp: request.acpiRsdp,
  });
  writeToGuest(memory, BOOT_PARAMS_ADDRESS, params, "the boot parameters");
  const entry = enterLinux(memory, placed.entry, placed.isLongMode);
  return { entry, start: placed.start, end: placed.end, initrd };
}

function placeBzImage(memory: GuestMemory, request: LinuxRequest, image: BzImage): Placed {
  const start = alignUp(image.preferredAddress, image.alignment);
  // What cannot be moved is loaded at 1 MiB, and moves itself.
  const loadAddress = image.isRelocatable ? start : LOW_MEMORY_END;
  const end = start + image.initBytes;
  checkFits(memory, Math.max(end, loadAddress + image.payloadBytes), request.kernelName);
  const range = {
    source: request.kernel,
    offset: image.payloadOffset,
    length: image.payloadBytes,
  };
  copyFileToGuest(memory, loadAddress, range, request.kernelName);
  return {
    start,
    end: Math.max(end, loadAddress + image.payloadBytes),
    loadAddress,
    entry: image.hasEntry64 ? loadAddress + ENTRY_64_OFFSET : loadAddress,
    isLongMode: image.hasEntry64,
    header: image.header,
    initrdMax: image.initrdMax,
    commandLineMax: image.commandLineMax,
  };
}

function placeVmlinux(memory: GuestMemory, elf: ElfFile): Placed {
  const segments = elf.segments.filter(({ type, memSize }) => type === PT_LOAD && memSize > 0);
  if (segments.length === 0) {
    throw bad(elf, "has nothing to load: it is a module or another object file, not a kernel");
  }
  let start = Number.POSITIVE_INFINITY;
  let end = 0;
  let total = 0;
  for (const { paddr, fileSize, memSize } of segments) {
    if (paddr < BigInt(LOW_MEMORY_END) || paddr >= BigInt(4 * GIB) || fileSize > memSize) {
      throw bad(elf, `has a segment at ${hex(paddr)}, where no vmlinux has one`);
    }
    start = Math.min(start, Number(paddr));
    end = Math.max(end, Number(paddr) + memSize);
    total += memSize;
  }
  if (total > 4 * GIB) throw bad(elf, "has segments of more than 4 GiB");
  const entry = Number(elf.entry);
  if (entry < start || entry >= end)
    throw bad(elf, `has its entry ${hex(elf.entry)} outside of itself`);
  checkFits(memory, end, elf.name);
  for (const { paddr, offset, fileSize, memSize } of segments) {
    const gpa = Number(paddr);
    copyFileToGuest(memory, gpa, { source: elf.source, offset, length: fileSize }, elf.name);
    zeroGuest(memory, gpa + fileSize, memSize - fileSize, elf.name);
  }
  return {
    start,
    end,
    loadAddress: start,
    entry,
    isLongMode: true,
    header: undefined,
    initrdMax: VMLINUX_INITRD_MAX,
    commandLineMax: VMLINUX_COMMAND_LINE_MAX,
  };
}

function checkFits(memory: GuestMemory, end: number, name: string): void {
  if (end <= memory.lowmem) return;
  throw new VmmError(
    "ERR_NO_SPACE",
    `${name} needs at least ${Math.ceil(end / MIB)} MiB of guest memory to start in`,
  );
}

function commandLineBytes(text: string, longest: number): Uint8Array {
  const bytes = new TextEncoder().encode(`${text}\0`);
  const limit = Math.min(longest, COMMAND_LINE_ROOM - 1);
  if (bytes.length - 1 > limit) {
    throw new VmmError(
      "ERR_BAD_OPTION",
      `the kernel's command line has ${bytes.length - 1} bytes; this kernel takes ${limit}`,
    );
  }
  if (bytes.indexOf(0) !== bytes.length - 1) {
    throw new VmmError("ERR_BAD_OPTION", "the kernel's command line has a NUL in it");
  }
  return bytes;
}

/** As high as the kernel and low memory allow, on a page boundary, behind the kernel. */
function placeInitrd(memory: GuestMemory, source: ByteSource, kernel: Placed) {
  if (source.size === 0) {
    throw new VmmError(
      "ERR_BAD_IMAGE",
      "the initial RAM disk is empty: leave it away, or repair it",
    );
  }
  const limit = Math.min(memory.lowmem, kernel.initrdMax + 1);
  const address = alignDown(limit - source.size, PAGE);
  if (address < kernel.end) {
    throw new VmmError(
      "ERR_NO_SPACE",
      `the initial RAM disk of ${source.size} bytes does not fit between the kernel, which ends at ${hex(kernel.end)}, and ${hex(limit)}`,
    );
  }
  const range = { source, offset: 0, length: source.size };
  copyFileToGuest(memory, address, range, "the initial RAM disk");
  return { address, sizeBytes: source.size };
}

function bad(elf: ElfFile, what: string): VmmError {
  return new VmmError("ERR_BAD_IMAGE", `${elf.name} ${what}`);
}
