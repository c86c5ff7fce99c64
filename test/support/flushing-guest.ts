// SPDX-License-Identifier: BSD-2-Clause
// A guest that writes its disk as fast as it can, and says after each flush which one it was. It drives virtio-blk in
// PCI slot 3 by the legacy interface (VirtIO 1.2 §4.1.4.8, §5.2), by polling.
//
// Round n, from 1 on, writes three regions of 64 KiB that follow those of round n - 1, round the disk's 64; each
// 32-bit word of them is n. When all three are completed it flushes, and when that is completed it prints `F`, n in
// eight hexadecimal digits, and a newline. If a request fails it prints `!` and stops.
import { ET_EXEC } from "../../src/loader/elf.ts";
import { Assembler, RAX, RCX, RDI, RDX, RSP } from "./assembler.ts";
import { buildElf, PF_R, PF_X } from "./elf-builder.ts";

export const FLUSHING_SLOT = 3;
export const REGION_BYTES = 64 * 1024;
export const REGIONS = 64;
export const FLUSHING_DISK_BYTES = REGIONS * REGION_BYTES;
const WRITES_A_ROUND = 3;

const CODE = 0x20_0000;
const STACK = 0x40_0000;
const RING = 0x50_0000;
/** Legacy layout of 128 entries, VirtIO 1.2 §2.7.2. */
const QUEUE_SIZE = 128;
const AVAIL = RING + 16 * QUEUE_SIZE;
const USED = RING + 0x1000;
const HEADERS = 0x58_0000;
const HEADER_BYTES = 16;
/** One byte for each write, then the flush's: looked at as one word. */
const STATUSES = HEADERS + 0x800;
const DATA = 0x60_0000;

const COM1 = 0x3f8;
/** Legacy registers, from BAR 0. */
const GUEST_FEATURES = 4;
const QUEUE_PFN = 8;
const QUEUE_SELECT = 0xe;
const QUEUE_NOTIFY = 0x10;
const DEVICE_STATUS = 0x12;
const F_FLUSH = 1 << 9;
const T_OUT = 1;
const T_FLUSH = 4;
const DESC_NEXT = 1;
const DESC_WRITE = 2;
/** Descriptors of a write: header, data, status; the flush's are behind those of all writes. */
const FLUSH_HEAD = 4 * WRITES_A_ROUND;

const word = (value: number) => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);

/** Which rounds write a region; in order. */
export function roundsOf(region: number, last: number): number[] {
  const rounds: number[] = [];
  for (let round = 1; round <= last; round++) {
    for (let i = 0; i < WRITES_A_ROUND; i++) {
      if (((round - 1) * WRITES_A_ROUND + i) % REGIONS === region) rounds.push(round);
    }
  }
  return rounds;
}

/** Descriptors, and the ring of heads, which repeats itself: three writes and a flush. */
function ringImage(): Uint8Array {
  const bytes = new Uint8Array(AVAIL - RING + 4 + 2 * QUEUE_SIZE);
  const view = new DataView(bytes.buffer);
  const descriptor = (index: number, gpa: number, length: number, flags: number) => {
    view.setBigUint64(16 * index, BigInt(gpa), true);
    view.setUint32(16 * index + 8, length, true);
    view.setUint16(16 * index + 12, flags, true);
    view.setUint16(16 * index + 14, index + 1, true);
  };
  for (let i = 0; i < WRITES_A_ROUND; i++) {
    descriptor(4 * i, HEADERS + HEADER_BYTES * i, HEADER_BYTES, DESC_NEXT);
    descriptor(4 * i + 1, DATA, REGION_BYTES, DESC_NEXT);
    descriptor(4 * i + 2, STATUSES + i, 1, DESC_WRITE);
  }
  descriptor(FLUSH_HEAD, HEADERS + HEADER_BYTES * WRITES_A_ROUND, HEADER_BYTES, DESC_NEXT);
  descriptor(FLUSH_HEAD + 1, STATUSES + WRITES_A_ROUND, 1, DESC_WRITE);
  for (let slot = 0; slot < QUEUE_SIZE; slot++) {
    view.setUint16(AVAIL - RING + 4 + 2 * slot, 4 * (slot % (WRITES_A_ROUND + 1)), true);
  }
  return bytes;
}

function headersImage(): Uint8Array {
  const view = new DataView(new ArrayBuffer(HEADER_BYTES * (WRITES_A_ROUND + 1)));
  for (let i = 0; i < WRITES_A_ROUND; i++) view.setUint32(HEADER_BYTES * i, T_OUT, true);
  view.setUint32(HEADER_BYTES * WRITES_A_ROUND, T_FLUSH, true);
  return new Uint8Array(view.buffer);
}

/** `in` or `out` of a virtio register, whose BAR is in EBP: DX first. */
const register = (code: Assembler, offset: number) => code.bytes(0x8d, 0x55, offset); // lea edx, [rbp + offset]
const out8 = (code: Assembler, offset: number, value: number) =>
  register(code, offset).bytes(0xb0, value, 0xee); // mov al, value; out dx, al
const out32 = (code: Assembler, offset: number, value: number) =>
  register(code, offset).mov(RAX, value).bytes(0xef); // out dx, eax

/** Finds BAR 0, enables I/O and bus mastering, brings the device up. */
function setUp(code: Assembler): void {
  const config = (offset: number) =>
    code
      .mov(RDX, 0xcf8)
      .mov(RAX, (0x8000_0000 | (FLUSHING_SLOT << 11) | offset) >>> 0)
      .bytes(0xef)
      .mov(RDX, 0xcfc);
  config(0x10).bytes(0xed, 0x83, 0xe0, 0xfc, 0x89, 0xc5); // in eax, dx; and eax, ~3; mov ebp, eax
  config(0x04).mov(RAX, 7).bytes(0x66, 0xef); // out dx, ax
  for (const status of [0, 1, 3]) out8(code, DEVICE_STATUS, status);
  out32(code, GUEST_FEATURES, F_FLUSH);
  register(code, QUEUE_SELECT).bytes(0x31, 0xc0, 0x66, 0xef); // xor eax, eax; out dx, ax
  out32(code, QUEUE_PFN, RING >> 12);
  out8(code, DEVICE_STATUS, 7);
}

/** Makes `count` more chains available and waits until all are back. ESI is the available index. */
function submit(code: Assembler, count: number): void {
  const wait = code.fresh();
  code.bytes(0x83, 0xc6, count); // add esi, count
  code.bytes(0x66, 0x89, 0x34, 0x25, ...word(AVAIL + 2)); // mov [AVAIL + 2], si
  register(code, QUEUE_NOTIFY).bytes(0x31, 0xc0, 0x66, 0xef);
  code.label(wait).bytes(0xf3, 0x90); // pause
  code.bytes(0x66, 0x39, 0x34, 0x25, ...word(USED + 2)).jump(5, wait); // cmp [USED + 2], si; jne
}

/** EBX is the round. */
function round(code: Assembler): void {
  code
    .bytes(0x89, 0xd8)
    .mov(RDI, DATA)
    .mov(RCX, REGION_BYTES / 4)
    .bytes(0xf3, 0xab); // mov eax, ebx; rep stosd
  code.bytes(0xc7, 0x04, 0x25, ...word(STATUSES), ...word(-1)); // mov dword [STATUSES], -1
  code.bytes(0x8d, 0x44, 0x5b, 0xfd); // lea eax, [rbx + 2 * rbx - 3]
  for (let i = 0; i < WRITES_A_ROUND; i++) {
    code.bytes(0x8d, 0x48, i, 0x83, 0xe1, REGIONS - 1); // lea ecx, [rax + i]; and ecx, REGIONS - 1
    code.bytes(0xc1, 0xe1, Math.log2(REGION_BYTES / 512)); // shl ecx, 7
    code.bytes(0x89, 0x0c, 0x25, ...word(HEADERS + HEADER_BYTES * i + 8)); // mov [header.sector], ecx
  }
  submit(code, WRITES_A_ROUND);
  submit(code, 1);
  code.bytes(0x83, 0x3c, 0x25, ...word(STATUSES), 0).jump(5, "failed"); // cmp dword [STATUSES], 0
}

/** `putc`: waits for LSR.THRE, and prints AL. */
function printing(code: Assembler): void {
  code.label("putc").bytes(0x50).label(".full");
  code
    .in8(COM1 + 5)
    .bytes(0xa8, 0x20)
    .jump(4, ".full");
  code.bytes(0x58, 0x66, 0xba, COM1 & 0xff, COM1 >> 8, 0xee).ret();
}

/** The guest as a vmlinux. */
export function flushingGuest(): Uint8Array {
  const code = new Assembler(CODE).mov(RSP, STACK);
  setUp(code);
  code.bytes(0x31, 0xf6).mov(3, 1).label("round"); // xor esi, esi; mov ebx, 1
  round(code);
  code.bytes(0xb0, "F".charCodeAt(0)).call("putc").mov(RCX, 8).bytes(0x89, 0xdf); // mov edi, ebx
  code.label("digit").bytes(0xc1, 0xc7, 4, 0x89, 0xf8, 0x24, 0x0f); // rol edi, 4; mov eax, edi; and al, 15
  code.bytes(0x3c, 10).jump(2, "decimal").bytes(0x04, 39).label("decimal").bytes(0x04, 48); // cmp al, 10; add al, …
  code.call("putc").bytes(0xff, 0xc9).jump(5, "digit"); // dec ecx
  code.bytes(0xb0, 10).call("putc").bytes(0xff, 0xc3).jmp("round"); // inc ebx
  code.label("failed").bytes(0xb0, "!".charCodeAt(0)).call("putc").label("stop").jmp("stop");
  printing(code);
  const segment = (vaddr: number, data: Uint8Array, flags = PF_R) => ({
    vaddr: BigInt(vaddr),
    data,
    flags,
  });
  return buildElf({
    type: ET_EXEC,
    entry: BigInt(CODE),
    segments: [
      segment(CODE, code.assemble(), PF_R | PF_X),
      segment(RING, ringImage()),
      segment(HEADERS, headersImage()),
    ],
  });
}

/** The last round that a guest's output says was flushed: whole lines count; 0 if there is none. */
export function lastFlushed(output: string): number {
  const lines = output.match(/^F[0-9a-f]{8}\n/gm);
  return lines === null ? 0 : Number.parseInt(lines.at(-1)!.slice(1, 9), 16);
}
