// SPDX-License-Identifier: BSD-2-Clause
// What a system instruction asks of its surroundings before it does anything: each says at which instruction a
// fault would be, and raises it.
import type { Cpu } from "../cpu.ts";
import { CPL, CURRENT } from "../state-layout.ts";
import { GP, UD } from "../vectors.ts";

/** Raises #GP(0) outside ring 0. */
export function requireRing0(cpu: Cpu, p: number): void {
  cpu.s[CURRENT] = p;
  if (cpu.s[CPL] !== 0) cpu.raise(GP, 0);
}

/** Real and virtual-8086 mode do not have instructions that deal in selectors. */
export function requireProtected(cpu: Cpu, p: number): void {
  cpu.s[CURRENT] = p;
  if (!cpu.isProtected) cpu.raise(UD);
}
