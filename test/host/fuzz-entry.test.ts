// SPDX-License-Identifier: BSD-2-Clause
// The files of a VM's entry, damaged: every operation of the registry does what it should or says in a VmmError why
// not, the VM can be destroyed, and its name used again. FUZZ_ROUNDS and FUZZ_SEED look further and elsewhere.
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { VmmError } from "../../src/base/errors.ts";
import { DirectoryRegistry } from "../../src/host/directory-registry.ts";
import { openInspector } from "../../src/host/vm-inspector.ts";
import { GuestMemory, MIN_RAM } from "../../src/mmu/guest-memory.ts";
import { bareVcpu } from "../../src/vmm/entry-state.ts";
import { mutated, noiseBehind } from "../support/mutation.ts";
import { SeededRandom } from "../support/random.ts";

const { FUZZ_ROUNDS = "100", FUZZ_SEED = "8" } = process.env;
const ROUNDS = Math.ceil(Number(FUZZ_ROUNDS) / 2);
const SEED = Number(FUZZ_SEED);
const VM = "vm";

let folder: string;
let registry: DirectoryRegistry;
beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), "tshyve-fuzz-"));
  registry = new DirectoryRegistry(join(folder, "vmm"));
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

/** A VM that has run, so that everything that a record can have is in it. */
async function make(): Promise<void> {
  const memory = new GuestMemory(MIN_RAM);
  bareVcpu(memory).reset();
  for (let page = 0; page < 20; page += 2) memory.store(page * 4096, 4, page + 1);
  registry.create(VM);
  registry.write(VM, {
    memory,
    record: {
      stage: "loaded",
      memoryBytes: MIN_RAM,
      suspended: undefined,
      config: { name: VM, "memory.size": "32M" },
      symbols: { start: 4096, end: 8192 },
      remains: undefined,
    },
  });
  const inspector = openInspector(registry, VM, true);
  await inspector.ask({ kind: "set-register", register: "rax", value: "0x5" });
  await inspector.ask({ kind: "suspend", how: "poweroff" });
  inspector.close();
}

async function tolerate(action: () => unknown): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (!(error instanceof VmmError) || error.code === "ERR_INTERNAL") throw error;
  }
}

/** All that the commands do with a VM at rest; a backtrace looks through all of its memory, and so is for some. */
async function use(isThorough: boolean): Promise<void> {
  expect(registry.list()).toEqual([VM]);
  await tolerate(() => registry.read(VM));
  await tolerate(() => registry.readImage(VM));
  await tolerate(async () => {
    const inspector = openInspector(registry, VM, true);
    try {
      await inspector.ask({ kind: "report" });
      if (isThorough) await inspector.ask({ kind: "backtrace" });
      await inspector.ask({ kind: "set-register", register: "rbx", value: "0x7" });
    } finally {
      inspector.close();
    }
  });
  await tolerate(() => registry.acquire(VM).release());
}

describe("a VM's entry", { timeout: 600_000 }, () => {
  it.each([/^vm\.json$/, /^memory\.\d+$/, /^runner\.\d+$/, /./])(
    `with damage to %s gives a VmmError or none, ${ROUNDS} times, and is made anew`,
    async (pattern) => {
      const random = new SeededRandom(SEED);
      await make();
      const entry = join(registry.directory, VM);
      const intact = new Map(
        fs
          .readdirSync(entry)
          .map((name) => [name, new Uint8Array(fs.readFileSync(join(entry, name)))]),
      );
      expect([...intact.keys()].some((name) => pattern.test(name))).toBe(true);
      for (let round = 0; round < ROUNDS; round++) {
        fs.rmSync(entry, { recursive: true });
        fs.mkdirSync(entry);
        for (const [name, content] of intact) {
          // The head of memory.N says where everything is; damage to a page is the guest's.
          const head = content.subarray(0, 64);
          const places = name.startsWith("memory") ? [...head.keys()] : undefined;
          const isNoise = random.below(8) === 0;
          const damaged = isNoise
            ? noiseBehind(head, 200, random)
            : mutated(content, random, places);
          fs.writeFileSync(join(entry, name), pattern.test(name) ? damaged : content);
        }
        await use(round % 10 === 0);
        registry.destroy(VM);
        expect(registry.list()).toEqual([]);
        registry.create(VM);
        expect(registry.read(VM).stage).toBe("empty");
      }
    },
  );
});
