// SPDX-License-Identifier: BSD-2-Clause
// Which engine executes. Everything that runs vectors or random programs takes one of these names.
import { VmmError } from "../../src/base/errors.ts";
import type { ProcessorModel } from "../../src/cpu/model.ts";
import { NO_PORTS } from "../../src/cpu/no-ports.ts";
import { Vcpu } from "../../src/cpu/vcpu.ts";
import type { GuestMemory } from "../../src/mmu/guest-memory.ts";

export const ENGINES = ["interpreter", "translator"] as const;
export type EngineName = (typeof ENGINES)[number];

/** What `--engine=` takes; throws ERR_BAD_OPTION for anything else. */
export function enginesNamed(name: string): readonly EngineName[] {
  if (name === "both") return ENGINES;
  const engine = ENGINES.find((each) => each === name);
  if (engine === undefined) {
    throw new VmmError(
      "ERR_BAD_OPTION",
      `--engine=${name}: there are interpreter, translator and both`,
    );
  }
  return [engine];
}

/** A vCPU alone with its memory. */
export function createVcpu(engine: EngineName, memory: GuestMemory, model: ProcessorModel): Vcpu {
  const vcpu: Vcpu = new Vcpu(
    memory,
    {
      ...NO_PORTS,
      environment: { readTsc: () => vcpu.retired, random32: () => 0x12345678, tscWritten() {} },
    },
    model,
    // Even what runs only once is to be translated.
    { engine, threshold: 0 },
  );
  vcpu.reset();
  return vcpu;
}
