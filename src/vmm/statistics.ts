// SPDX-License-Identifier: BSD-2-Clause
// Counts under bhyve's names, as `bhyvectl --get-stats` shows them: sys/amd64/vmm/vmm_stat.c.
import type { Vcpu } from "../cpu/vcpu.ts";

export class Statistics {
  /** Exits that the run loop has seen, of any kind. */
  exits = 0;
  /** Accesses to memory that a device answers: bhyve emulates an instruction for each. */
  mmio = 0;
  /** Nanoseconds of guest time that the vCPU was halted. */
  idleNs = 0;

  /** Name and value, in bhyve's order. */
  list(vcpu: Vcpu): readonly (readonly [name: string, value: number])[] {
    const { counters, cache } = vcpu.cpu;
    return [
      ["total number of vm exits", this.exits + this.mmio + counters.rdmsr + counters.wrmsr],
      ["vm exits due to external interrupt", counters.interrupts],
      ["number of times hlt was intercepted", counters.hlt],
      ["number of times rdmsr was intercepted", counters.rdmsr],
      ["number of times wrmsr was intercepted", counters.wrmsr],
      ["number of times pause was intercepted", counters.pause],
      ["number of times in/out was intercepted", counters.inout],
      ["number of times cpuid was intercepted", counters.cpuid],
      ["vm exits for instruction emulation", this.mmio],
      ["number of vm exits handled in userspace", counters.inout + this.mmio],
      ["number of vm exits due to exceptions", counters.exceptions],
      ["number of ticks vcpu was idle", Math.floor(this.idleNs / 1000)],
      ["vcpu total runtime", vcpu.retired],
      ["number of NMIs delivered to vcpu", counters.nmis],
      ["instructions retired", vcpu.retired],
      ["code blocks invalidated", cache.invalidations],
      ["code cache flushes", cache.flushes],
    ];
  }
}
