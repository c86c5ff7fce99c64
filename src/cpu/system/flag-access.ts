// SPDX-License-Identifier: BSD-2-Clause
// Which flags a program may change: SDM 2, POPF and IRET.
import type { Cpu } from "../cpu.ts";
import {
  FLAG_AC,
  FLAG_DF,
  FLAG_ID,
  FLAG_IF,
  FLAG_IOPL,
  FLAG_NT,
  FLAG_TF,
  FLAGS_ARITHMETIC,
} from "../flags.ts";
import { CPL, FLAGS } from "../state-layout.ts";

/** RFLAGS.IOPL. */
export function ioPrivilege(cpu: Cpu): number {
  return (cpu.s[FLAGS]! & FLAG_IOPL) >> 12;
}

const POPF_ALWAYS = FLAGS_ARITHMETIC | FLAG_TF | FLAG_DF | FLAG_NT | FLAG_AC | FLAG_ID;

/** Which flags POPF and IRET may change at the current privilege; 16-bit ones reach bits 15:0 only. */
export function writableFlags(cpu: Cpu, width: number): number {
  let mask = POPF_ALWAYS;
  const cpl = cpu.s[CPL]!;
  if (cpl === 0) mask |= FLAG_IOPL;
  if (cpl <= ioPrivilege(cpu)) mask |= FLAG_IF;
  return width === 1 ? mask & 0xffff : mask;
}
