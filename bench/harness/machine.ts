// SPDX-License-Identifier: BSD-2-Clause
// What the figures were measured on.
import os from "node:os";

export interface HostDescription {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  readonly v8: string;
  /** Processes that wanted to run, on average over a minute, when the run began. */
  readonly load: number;
}

export function describeHost(): HostDescription {
  const processors = os.cpus();
  return {
    processor: processors[0]?.model.trim() ?? "unknown",
    cores: processors.length,
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    node: process.version,
    v8: process.versions.v8,
    load: Math.round(os.loadavg()[0]! * 10) / 10,
  };
}

export function hostText(host: HostDescription): string {
  const busy = host.load > 0.5 * host.cores ? " (busy: figures are noisy)" : "";
  return `${host.processor}, ${host.cores} cores, ${host.memoryGiB} GiB; ${host.system}; Node ${host.node} (V8 ${host.v8}); load ${host.load}${busy}`;
}
