// SPDX-License-Identifier: BSD-2-Clause
// The x87 environment in memory: SDM 1 8.1.10 (figures 8-9 to 8-12), the tag word of 8.1.7. Four formats: 16
// or 32 bits by operand size, with selectors in protected mode and linear addresses in real and virtual-8086
// mode. 64-bit mode has the protected ones.
import type { Cpu } from "../cpu.ts";
import {
  FPU_CONTROL,
  FPU_CS,
  FPU_DP,
  FPU_DS,
  FPU_IP,
  FPU_OPCODE,
  FPU_REGISTERS,
  FPU_STATUS,
  FPU_TAGS,
  FPU_X,
} from "../state-layout.ts";
import { unpack } from "./float80.ts";
import { FLOAT80_WORDS, NORMAL, ZERO } from "./format.ts";
import { CONTROL_FIXED, CONTROL_INITIAL, CONTROL_KNOWN, PENDING } from "./status.ts";
import { changedMasks } from "./x87-state.ts";

/** Seven fields, of two or four bytes each. */
export const ENVIRONMENT_FIELDS = 7;

const TAG_VALID = 0;
const TAG_ZERO = 1;
const TAG_SPECIAL = 2;
const TAG_EMPTY = 3;

/** The tag word as FNSTENV stores it: what each register holds. */
function fullTags(s: Int32Array): number {
  let tags = 0;
  for (let i = 0; i < 8; i++) tags |= tagOf(s, i) << (2 * i);
  return tags;
}

function tagOf(s: Int32Array, physical: number): number {
  if (((s[FPU_TAGS]! >>> (2 * physical)) & 1) !== 0) return TAG_EMPTY;
  const kind = unpack(s, FPU_REGISTERS + FLOAT80_WORDS * physical, FPU_X);
  if (kind === NORMAL) return TAG_VALID;
  return kind === ZERO ? TAG_ZERO : TAG_SPECIAL;
}

/** Of a tag word that is loaded only the empty tags count. */
function loadTags(s: Int32Array, tags: number): void {
  const empty = tags & (tags >>> 1) & 0x5555;
  s[FPU_TAGS] = empty * 3;
}

export function loadControl(s: Int32Array, control: number): void {
  s[FPU_CONTROL] = (control & CONTROL_KNOWN) | CONTROL_FIXED;
  changedMasks(s);
}

/** FNINIT; the data registers keep what they hold. */
export function initialize(s: Int32Array): void {
  s[FPU_CONTROL] = CONTROL_INITIAL;
  s[FPU_STATUS] = 0;
  s[FPU_TAGS] = 0xffff;
  clearPointers(s);
}

function clearPointers(s: Int32Array): void {
  s[FPU_OPCODE] = 0;
  for (const at of [FPU_IP, FPU_IP + 1, FPU_DP, FPU_DP + 1, FPU_CS, FPU_DS]) s[at] = 0;
}

/** The environment's seven fields as they are stored; `is32` is the operand size. */
export function environmentFields(cpu: Cpu, is32: boolean, fields: Int32Array): void {
  const { s } = cpu;
  fields[0] = s[FPU_CONTROL]!;
  fields[1] = s[FPU_STATUS]!;
  fields[2] = fullTags(s);
  if (cpu.isProtected) protectedPointers(s, fields);
  else realPointers(s, is32, fields);
  if (!is32) return;
  // Upper halves without a meaning are stored as ones.
  const REST = 0xffff0000;
  for (const field of [0, 1, 2]) fields[field] = fields[field]! | REST;
  if (cpu.isProtected) fields[6] = fields[6]! | REST;
}

function protectedPointers(s: Int32Array, fields: Int32Array): void {
  fields[3] = s[FPU_IP]!;
  fields[4] = s[FPU_CS]! | (s[FPU_OPCODE]! << 16);
  fields[5] = s[FPU_DP]!;
  fields[6] = s[FPU_DS]!;
}

/** Linear addresses, of which the upper part shares a field with the opcode, in bits 15:12 or 27:12. */
function realPointers(s: Int32Array, is32: boolean, fields: Int32Array): void {
  const ip = (s[FPU_IP]! + (s[FPU_CS]! << 4)) | 0;
  const dp = (s[FPU_DP]! + (s[FPU_DS]! << 4)) | 0;
  const upper = (address: number) => (is32 ? address >>> 16 : (address >>> 16) & 0xf) << 12;
  const low = is32 ? 0xffff0000 : 0;
  fields[3] = (ip & 0xffff) | low;
  fields[4] = upper(ip) | s[FPU_OPCODE]!;
  fields[5] = (dp & 0xffff) | low;
  fields[6] = upper(dp);
}

/** Takes the seven fields as FLDENV finds them. */
export function loadEnvironmentFields(cpu: Cpu, is32: boolean, fields: Int32Array): void {
  const { s } = cpu;
  s[FPU_STATUS] = fields[1]! & 0xffff & ~PENDING;
  loadTags(s, fields[2]! & 0xffff);
  loadControl(s, fields[0]!);
  clearPointers(s);
  if (cpu.isProtected) {
    const mask = is32 ? -1 : 0xffff;
    s[FPU_IP] = fields[3]! & mask;
    s[FPU_CS] = fields[4]! & 0xffff;
    s[FPU_OPCODE] = is32 ? (fields[4]! >>> 16) & 0x7ff : 0;
    s[FPU_DP] = fields[5]! & mask;
    s[FPU_DS] = fields[6]! & 0xffff;
    return;
  }
  const upper = (field: number) => (is32 ? (field & 0x0ffff000) << 4 : (field & 0xf000) << 4);
  s[FPU_IP] = (fields[3]! & 0xffff) | upper(fields[4]!);
  s[FPU_OPCODE] = fields[4]! & 0x7ff;
  s[FPU_DP] = (fields[5]! & 0xffff) | upper(fields[6]!);
}
