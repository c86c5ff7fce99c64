// SPDX-License-Identifier: BSD-2-Clause
// Register values after reset and INIT: SDM 3A table 9-1, with bhyve's CR0 (only NE) and MSR defaults.
import type { Cpu } from "../cpu.ts";
import { writeFlags } from "../flags.ts";
import {
  ACTIVITY,
  CR0,
  CS,
  DR6,
  DR7,
  FPU_CONTROL,
  GDTR_LIMIT,
  GPR,
  IDTR_LIMIT,
  LDTR,
  MSR_MISC_ENABLE,
  MSR_PAT,
  MXCSR,
  RDX,
  RIP,
  SEG_ACCESS,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SEG_WORDS,
  SEGMENTS,
  TR,
  XCR0,
} from "../state-layout.ts";
import { CR0_NE, XCR0_X87 } from "./control-bits.ts";
import { changedEverything } from "./mode.ts";

/** Puts a vCPU into its power-on state; the caller then sets what a loader wants different. */
export function resetCpu(cpu: Cpu): void {
  const { s } = cpu;
  s.fill(0);
  writeFlags(s, 0);
  s[CR0] = CR0_NE;
  s[GPR + 2 * RDX] = 0xf00;
  s[RIP] = 0xfff0;
  for (let segment = 0; segment < 8; segment++) {
    const at = SEGMENTS + segment * SEG_WORDS;
    s[at + SEG_LIMIT] = 0xffff;
    s[at + SEG_ACCESS] = segment === LDTR ? 0x82 : segment === TR ? 0x8b : 0x93;
  }
  s[SEGMENTS + CS * SEG_WORDS + SEG_SELECTOR] = 0xf000;
  s[SEGMENTS + CS * SEG_WORDS + SEG_BASE] = 0xffff0000;
  s[GDTR_LIMIT] = 0xffff;
  s[IDTR_LIMIT] = 0xffff;
  s[DR6] = 0xffff0ff0;
  s[DR7] = 0x400;
  s[XCR0] = XCR0_X87;
  s[FPU_CONTROL] = 0x40;
  s[MXCSR] = 0x1f80;
  s[MSR_PAT] = 0x00070406;
  s[MSR_PAT + 1] = 0x00070406;
  // BTS and PEBS are not there.
  s[MSR_MISC_ENABLE] = (1 << 11) | (1 << 12) | 1;
  s[ACTIVITY] = 0;
  changedEverything(cpu);
}
