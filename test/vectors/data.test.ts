// SPDX-License-Identifier: BSD-2-Clause
// The instruction set against a processor: the recorded vectors, and new ones where the host can make them.
import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { runVector } from "./compare.ts";
import { AVAILABLE_ENGINES } from "./engine.ts";
import { generate, recordableRows } from "./native/generator.ts";
import { isReferenceHost, NativeHost } from "./native/native-host.ts";
import { DATA_DIRECTORY, setPath, VECTOR_SETS } from "./native/sets.ts";
import { failureText } from "./report.ts";
import type { Vector } from "./vector.ts";
import { readVectors } from "./vector-file.ts";
import { VectorMachine } from "./vector-machine.ts";

const MINUTE = 60_000;
/** Failures that are worth reading at once. */
const SHOWN = 5;

/** Every failure is counted, the first few are told. */
class Failures {
  readonly texts: string[] = [];
  count = 0;
  ran = 0;

  run(machine: VectorMachine, vector: Vector): void {
    this.ran++;
    const differences = runVector(machine, vector);
    if (differences.length === 0) return;
    if (++this.count <= SHOWN) this.texts.push(failureText(machine.engine, vector, differences));
  }
}

describe.each(AVAILABLE_ENGINES)("the %s", (engine) => {
  it.each(VECTOR_SETS)(
    "does what the processor did in every $name vector",
    async (set) => {
      const machine = new VectorMachine(engine);
      const failures = new Failures();
      for await (const vector of readVectors(setPath(set))) failures.run(machine, vector);
      expect(failures.texts).toEqual([]);
      expect(failures.count).toBe(0);
      expect(failures.ran).toBeGreaterThan(1000);
    },
    2 * MINUTE,
  );

  it.runIf(isReferenceHost())(
    "does what the host's processor does with other operands as well",
    async () => {
      const machine = new VectorMachine(engine);
      const failures = new Failures();
      const host = new NativeHost();
      const options = { seed: 4, perRow: 3, rows: recordableRows() };
      try {
        for await (const vectors of generate(host, options, new Map())) {
          for (const vector of vectors) failures.run(machine, vector);
        }
      } finally {
        host.stop();
      }
      expect(failures.texts).toEqual([]);
      expect(failures.ran).toBeGreaterThan(recordableRows().length);
    },
    2 * MINUTE,
  );
});

describe("the recorded vectors", () => {
  it("are the sets that the generator knows, and no other files", () => {
    const files = readdirSync(DATA_DIRECTORY).map((name) => `${DATA_DIRECTORY}/${name}`);
    expect(files.sort()).toEqual(VECTOR_SETS.map(setPath).sort());
  });
});
