// SPDX-License-Identifier: BSD-2-Clause
// A guest's state in one line, to compare two runs by: SHA-256 over the registers by name, the time, and RAM. Pages of
// zeros count by their absence, so that it does not matter whether a page was never touched or cleared again.
import { createHash } from "node:crypto";
import type { Cpu } from "../cpu/cpu.ts";
import { ramExtents } from "../vmm/memory-image.ts";
import { REGISTERS, readRegister } from "../vmm/vcpu-registers.ts";

/** How far a guest has come: instructions retired, and guest time in nanoseconds. */
interface Progress {
  readonly instructions: number;
  readonly guestTimeNs: number;
}

/** In hexadecimal. Changes nothing. */
export function digestOf(cpu: Cpu, { instructions, guestTimeNs }: Progress): string {
  const hash = createHash("sha256");
  for (const name of REGISTERS) hash.update(`${name}=${readRegister(cpu, name)}\n`);
  hash.update(`${instructions} ${guestTimeNs}\n`);
  for (const { offset, length } of ramExtents(cpu.memory)) {
    hash.update(`${offset} ${length}\n`).update(cpu.memory.bytes.subarray(offset, offset + length));
  }
  return hash.digest("hex");
}
