// SPDX-License-Identifier: BSD-2-Clause
// MSRs of the platform around the processor core that kernels expect to find: bhyve's usr.sbin/bhyve/xmsr.c
// for Intel. They read as constants; writes are ignored.
import { type U64, u64 } from "../base/u64.ts";

const CONSTANTS: ReadonlyMap<number, U64> = new Map([
  [0x0, u64(0)], // P5_MC_ADDR, which old probes touch
  [0x17, u64(0)], // PLATFORM_ID
  [0x140, u64(0)], // MISC_FEATURE_ENABLES
  [0x1ad, u64(0x0a0a0a0a, 0x0a0a0a0a)], // TURBO_RATIO_LIMIT: 1 GHz for any number of cores
  [0x1ae, u64(0x0a0a0a0a, 0x0a0a0a0a)],
  [0x606, u64(0xa1003)], // RAPL_POWER_UNIT
  [0x611, u64(0)], // energy counters
  [0x619, u64(0)],
  [0x639, u64(0)],
  [0x641, u64(0)],
]);

export function isPlatformMsr(msr: number): boolean {
  return CONSTANTS.has(msr);
}

export function readPlatformMsr(msr: number): U64 | undefined {
  return CONSTANTS.get(msr);
}
