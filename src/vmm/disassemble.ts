// SPDX-License-Identifier: BSD-2-Clause
import type { Cpu } from "../cpu/cpu.ts";

/** The instruction at a vCPU's RIP as text; what cannot be read or decoded is said in words. */
export type Disassemble = (cpu: Cpu) => string;
