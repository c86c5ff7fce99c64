// SPDX-License-Identifier: BSD-2-Clause
import type { Config } from "../vmm/config.ts";
import type { Machine } from "../vmm/machine.ts";
import { parseTracePoints, Trace } from "../vmm/trace.ts";
import { OutputFile } from "./write-all.ts";

const FLUSH_AT = 64 * 1024;

/**
 * Starts the trace that `trace=` asks for, into `trace.file` (`NAME.trace` unless given). Undefined if none
 * is asked for.
 */
export function openTrace(config: Config, machine: Machine): { close(): void } | undefined {
  const points = config.get("trace");
  if (points === undefined) return undefined;
  const wanted = parseTracePoints(points);
  const path = config.get("trace.file") ?? `${machine.config.name}.trace`;
  const file = new OutputFile(path);
  const encoder = new TextEncoder();
  let pending = "";
  const flush = () => {
    file.write(encoder.encode(pending));
    pending = "";
  };
  machine.setTrace(
    new Trace(wanted, machine.vcpu.cpu, (line) => {
      pending += `${line}\n`;
      if (pending.length >= FLUSH_AT) flush();
    }),
  );
  return {
    close: () => {
      try {
        flush();
      } finally {
        file.close();
      }
    },
  };
}
