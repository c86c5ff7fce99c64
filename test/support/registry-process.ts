// SPDX-License-Identifier: BSD-2-Clause
// A process that works on a registry, to be killed at it: `node registry-process DIRECTORY TASK VM [argument]`.
import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { VmmError } from "../../src/base/errors.ts";
import { DirectoryRegistry } from "../../src/host/directory-registry.ts";
import { GuestMemory, MIN_RAM } from "../../src/mmu/guest-memory.ts";

const [directory = "", task = "", name = "", argument = ""] = process.argv.slice(2);
const registry = new DirectoryRegistry(directory);

/** Every image differs from the last in all its pages, and says so in its record. */
const IMAGE_PAGES = 64;

function writeImages(): never {
  const lease = registry.acquire(name);
  const memory = new GuestMemory(MIN_RAM);
  const from = Number(registry.read(name).config["round"] ?? 0);
  process.stdout.write("up\n");
  for (let round = from + 1; ; round++) {
    for (let page = 0; page < IMAGE_PAGES; page++) memory.store(page * 4096, 4, round);
    const config = { round: String(round) };
    const record = { stage: "loaded" as const, memoryBytes: MIN_RAM, config };
    const nothing = { suspended: undefined, symbols: undefined, remains: undefined };
    registry.write(name, { memory, record: { ...record, ...nothing } });
    if (round % 1000 === 0) lease.release();
  }
}

/** Takes the VM again and again, and logs when it has it. */
async function contend(): Promise<void> {
  const log = `${directory}/../held.log`;
  for (;;) {
    try {
      const lease = registry.acquire(name);
      appendFileSync(log, `+${process.pid}\n`);
      await sleep(Math.random() * 4);
      appendFileSync(log, `-${process.pid}\n`);
      lease.release();
    } catch (error) {
      if (!(error instanceof VmmError) || error.code !== "ERR_VM_BUSY") throw error;
    }
    await sleep(Math.random() * 2);
  }
}

/** Creates the VM when `argument` (a time) has come: all at once. */
async function create(): Promise<void> {
  await sleep(Number(argument) - Date.now());
  try {
    registry.create(name);
    process.stdout.write("created\n");
  } catch (error) {
    process.stdout.write(`${error instanceof VmmError ? error.code : String(error)}\n`);
  }
}

if (task === "write") writeImages();
else if (task === "contend") await contend();
else if (task === "create") await create();
else if (task === "hold") {
  registry.acquire(name);
  process.stdout.write("up\n");
  await sleep(600_000);
} else if (task === "churn") {
  process.stdout.write("up\n");
  for (;;) {
    registry.create(name);
    registry.destroy(name);
  }
}
