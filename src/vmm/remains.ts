// SPDX-License-Identifier: BSD-2-Clause
// What a machine leaves behind, besides its memory and its vCPU's state, for those who look at it after it
// has stopped: vmm.ko keeps this in the kernel until the VM is loaded again or destroyed.
import { APIC_X2APIC } from "../devices/platform/apic/apic-base.ts";
import type { Machine } from "./machine.ts";
import type { Statistic } from "./statistics.ts";

export interface VmRemains {
  /** False while only inspectors have had it: no vCPU was ever activated. */
  readonly hasRun: boolean;
  readonly stats: readonly Statistic[];
  readonly exitReason: number;
  readonly isX2apic: boolean;
  readonly exitsOnHlt: boolean;
  readonly exitsOnPause: boolean;
  /** The RTC's memory, clock registers included. */
  readonly nvram: readonly number[];
  /** What the guest's clock is ahead of the host's, in seconds. */
  readonly rtcAheadSeconds: number;
}

/** What the machine does not know of itself. `hostSeconds`: the host's clock, since 1970. */
export interface RemainsContext {
  readonly hasRun: boolean;
  readonly hostSeconds: number;
  readonly stats: readonly Statistic[];
}

export function remainsOf(
  machine: Machine,
  { hasRun, hostSeconds, stats }: RemainsContext,
): VmRemains {
  const { platform, statistics, capabilities } = machine;
  return {
    hasRun,
    stats,
    exitReason: statistics.exitReason,
    isX2apic: platform.lapic.mode === APIC_X2APIC,
    exitsOnHlt: capabilities.hlt_exit === true,
    exitsOnPause: capabilities.pause_exit === true,
    nvram: Array.from(platform.rtc.registers),
    rtcAheadSeconds: platform.rtc.time - Math.floor(hostSeconds),
  };
}

/** Puts the memory of the RTC back, which a battery keeps. The clock's own registers are the clock's. */
export function restoreNvram(machine: Machine, { nvram }: VmRemains): void {
  nvram.forEach((value, offset) => {
    machine.platform.rtc.writeNvram(offset, value);
  });
}

/** What is left after a loader has begun anew: vm_reinit keeps the RTC alone. */
export function reinitialized(remains: VmRemains | undefined): VmRemains | undefined {
  return (
    remains && {
      ...remains,
      hasRun: false,
      stats: [],
      exitReason: 0,
      isX2apic: false,
      exitsOnHlt: false,
      exitsOnPause: false,
    }
  );
}
