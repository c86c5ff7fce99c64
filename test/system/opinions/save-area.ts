// SPDX-License-Identifier: BSD-2-Clause
// The vCPU's state as the save area of system management mode has it (APM 2 10.2.3), and back. Offsets are from
// SMBASE + 0xFE00. Beside it, for what the area leaves out: CR2, DR0-DR3, and the MSRs of `MSRS`.
import { readFlags, writeFlags } from "../../../src/cpu/flags.ts";
import {
  CPL,
  CR0,
  CR2,
  CR3,
  CR4,
  CS,
  DR,
  DR6,
  DR7,
  DS,
  EFER,
  ES,
  FS,
  GDTR_BASE,
  GDTR_LIMIT,
  GPR,
  GS,
  IDTR_BASE,
  IDTR_LIMIT,
  LDTR,
  MSR_STAR,
  RIP,
  SEG_ACCESS,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SEG_WORDS,
  SEGMENTS,
  SS,
  TR,
} from "../../../src/cpu/state-layout.ts";
import { MONITOR_SMBASE, MSRS, SAVE_BYTES } from "./monitor.ts";

/** Segments as the area has them. */
const SAVED_SEGMENTS = [
  [ES, 0x00],
  [CS, 0x10],
  [SS, 0x20],
  [DS, 0x30],
  [FS, 0x40],
  [GS, 0x50],
  [LDTR, 0x70],
  [TR, 0x90],
] as const;

const WORDS = [
  [GDTR_LIMIT, 0x64],
  [GDTR_BASE, 0x68],
  [GDTR_BASE + 1, 0x6c],
  [IDTR_LIMIT, 0x84],
  [IDTR_BASE, 0x88],
  [IDTR_BASE + 1, 0x8c],
  [EFER, 0xd0],
  [CR4, 0x148],
  [CR3, 0x150],
  [CR0, 0x158],
  [DR7, 0x160],
  [DR6, 0x168],
  [RIP, 0x178],
  [RIP + 1, 0x17c],
] as const;
const REVISION_AT = 0xfc;
const SMBASE_AT = 0x100;
const FLAGS_AT = 0x170;
const RAX_AT = 0x1f8;

/** Bit 8 of the attributes says that the segment may be used; QEMU ignores it. */
const VALID = 0x100;
const PRESENT = 0x80;
const UNUSABLE = 1 << 16;
const CS_ATTRIBUTES_AT = 0x12;

const TSS_ATTRIBUTES_AT = 0x92;
const TSS_BUSY = 2;

/** Of a vCPU's state block; `isTssAvailable`: with the task register's TSS called so, rather than busy. */
export function toSaveArea(s: Int32Array, isTssAvailable: boolean): Uint8Array {
  const view = new DataView(new ArrayBuffer(SAVE_BYTES));
  for (const [word, at] of WORDS) view.setInt32(at, s[word]!, true);
  for (const [segment, at] of SAVED_SEGMENTS) {
    const from = SEGMENTS + segment * SEG_WORDS;
    const access = s[from + SEG_ACCESS]!;
    view.setUint16(at, s[from + SEG_SELECTOR]!, true);
    view.setUint16(at + 2, (access & 0xf0ff) | ((access & PRESENT) !== 0 ? VALID : 0), true);
    view.setInt32(at + 4, s[from + SEG_LIMIT]!, true);
    view.setInt32(at + 8, s[from + SEG_BASE]!, true);
    view.setInt32(at + 12, s[from + SEG_BASE + 1]!, true);
  }
  if (isTssAvailable) {
    view.setUint16(TSS_ATTRIBUTES_AT, view.getUint16(TSS_ATTRIBUTES_AT, true) & ~TSS_BUSY, true);
  }
  for (let n = 0; n < 16; n++) {
    view.setInt32(RAX_AT - 8 * n, s[GPR + 2 * n]!, true);
    view.setInt32(RAX_AT - 8 * n + 4, s[GPR + 2 * n + 1]!, true);
  }
  view.setInt32(FLAGS_AT, readFlags(s), true);
  view.setInt32(REVISION_AT, 0, true);
  view.setInt32(SMBASE_AT, MONITOR_SMBASE, true);
  return new Uint8Array(view.buffer);
}

/** The reverse. The vCPU derives the rest when it is told that its state has changed. */
export function fromSaveArea(area: DataView, s: Int32Array): void {
  for (const [word, at] of WORDS) s[word] = area.getInt32(at, true);
  // CS can always be used.
  const knowsValid = (area.getUint16(CS_ATTRIBUTES_AT, true) & VALID) !== 0;
  for (const [segment, at] of SAVED_SEGMENTS) {
    const to = SEGMENTS + segment * SEG_WORDS;
    s[to + SEG_SELECTOR] = area.getUint16(at, true);
    const attributes = area.getUint16(at + 2, true);
    const isUsable = (attributes & (knowsValid ? VALID : PRESENT)) !== 0;
    s[to + SEG_ACCESS] = isUsable ? attributes & 0xf0ff : UNUSABLE;
    s[to + SEG_LIMIT] = area.getInt32(at + 4, true);
    s[to + SEG_BASE] = area.getInt32(at + 8, true);
    s[to + SEG_BASE + 1] = area.getInt32(at + 12, true);
  }
  const tss = SEGMENTS + TR * SEG_WORDS + SEG_ACCESS;
  if ((s[tss]! & UNUSABLE) === 0) s[tss] = s[tss]! | TSS_BUSY;
  for (let n = 0; n < 16; n++) {
    s[GPR + 2 * n] = area.getInt32(RAX_AT - 8 * n, true);
    s[GPR + 2 * n + 1] = area.getInt32(RAX_AT - 8 * n + 4, true);
  }
  writeFlags(s, area.getInt32(FLAGS_AT, true));
  // SS.DPL is the privilege level, but in real mode.
  s[CPL] = (s[CR0]! & 1) === 0 ? 0 : (s[SEGMENTS + SS * SEG_WORDS + SEG_ACCESS]! >> 5) & 3;
}

/** Words of the state block that the monitor hands over by instructions: CR2, DR0-DR3, MSRs; pairs. */
export const OTHER_PAIRS: readonly number[] = [
  CR2,
  ...[0, 1, 2, 3].map((n) => DR + 2 * n),
  ...MSRS.map((_msr, n) => MSR_STAR + 2 * n),
];
export const OTHER_BYTES = 8 * OTHER_PAIRS.length;

/** What the monitor answers of them. */
export function fromOthers(view: DataView, s: Int32Array): void {
  OTHER_PAIRS.forEach((word, n) => {
    s[word] = view.getInt32(8 * n, true);
    s[word + 1] = view.getInt32(8 * n + 4, true);
  });
}
