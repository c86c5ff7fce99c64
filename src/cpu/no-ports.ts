// SPDX-License-Identifier: BSD-2-Clause
import type { CpuPorts } from "./cpu.ts";

/** A machine with nothing around its vCPU: reads are all ones, nothing interrupts, and time stands still. */
export const NO_PORTS: CpuPorts = {
  mmio: { read: (_gpa, size) => 2 ** (8 * size) - 1, write() {} },
  interrupts: {
    pendingVector: () => -1,
    acknowledge: () => -1,
    readTaskPriority: () => 0,
    writeTaskPriority() {},
  },
  msrs: { read: () => undefined, write: () => false },
  environment: { readTsc: () => 0, random32: () => 0, tscWritten() {} },
};
