// SPDX-License-Identifier: BSD-2-Clause
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { DirectoryRegistry } from "../../src/host/directory-registry.ts";
import { GuestMemory, MIN_RAM } from "../../src/mmu/guest-memory.ts";
import { MemoryRegistry } from "../../src/vmm/memory-registry.ts";
import type { Registry, VmRecord } from "../../src/vmm/registry.ts";
import { SeededRandom } from "../support/random.ts";

const PROCESS = fileURLToPath(new URL("../support/registry-process.ts", import.meta.url));
const IMAGE_PAGES = 64;
const LOADED: Omit<VmRecord, "name" | "runner"> = {
  stage: "loaded",
  memoryBytes: MIN_RAM,
  suspended: undefined,
  config: {},
  symbols: undefined,
  remains: undefined,
};

let program: string;
let folder: string;
let registry: DirectoryRegistry;
const children: ChildProcess[] = [];

beforeAll(async () => {
  program = join(fs.mkdtempSync(join(tmpdir(), "tshyve-registry-")), "process.mjs");
  const common = { bundle: true, platform: "node", format: "esm", target: "node20" } as const;
  await build({ ...common, entryPoints: [PROCESS], outfile: program, logLevel: "warning" });
}, 60_000);
afterAll(() => fs.rmSync(join(program, ".."), { recursive: true }));

beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), "tshyve-registry-"));
  registry = new DirectoryRegistry(join(folder, "vmm"));
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  fs.rmSync(folder, { recursive: true, force: true });
});

function start(task: string, vm: string, argument = ""): ChildProcess {
  const args = [program, registry.directory, task, vm, argument];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  return child;
}

/** Starts a task that says when it is at work. */
async function started(task: string, vm: string): Promise<ChildProcess> {
  const child = start(task, vm);
  await once(child.stdout!, "data");
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  await once(child, "close");
}

function memoryOf(round: number): GuestMemory {
  const memory = new GuestMemory(MIN_RAM);
  for (let page = 0; page < IMAGE_PAGES; page++) memory.store(page * 4096, 4, round);
  return memory;
}

/** The round that every page of a VM's memory says it is from. */
function roundOf(vm: string): number {
  const memory = registry.readImage(vm);
  const rounds = new Set<number>();
  for (let page = 0; page < IMAGE_PAGES; page++) rounds.add(memory.load(page * 4096, 4));
  expect(rounds.size).toBe(1);
  return [...rounds][0]!;
}

describe.each<[name: string, make: () => Registry]>([
  ["DirectoryRegistry", () => registry],
  ["MemoryRegistry", () => new MemoryRegistry(process.pid)],
])("%s", (_name, make) => {
  it("keeps VMs by name, from their creation to their destruction", () => {
    const vms = make();
    vms.load();
    vms.create("b");
    vms.create("a");
    expect(vms.list()).toEqual(["a", "b"]);
    expect(vms.exists("a") && !vms.exists("c")).toBe(true);
    expect(vms.read("a")).toMatchObject({ name: "a", stage: "empty", runner: undefined });
    expect(() => vms.create("a")).toThrow("VM a exists already");
    expect(() => vms.readImage("a")).toThrow("VM a has no memory yet");
    vms.write("a", { memory: memoryOf(7), record: { ...LOADED, config: { x: "y" } } });
    expect(vms.read("a")).toMatchObject({
      stage: "loaded",
      memoryBytes: MIN_RAM,
      config: { x: "y" },
    });
    expect(vms.readImage("a").load(4096, 4)).toBe(7);
    vms.destroy("a");
    expect(vms.list()).toEqual(["b"]);
    for (const gone of [() => vms.read("a"), () => vms.acquire("a"), () => vms.destroy("a")]) {
      expect(gone).toThrow("VM a does not exist");
    }
  });

  it("gives a VM to one runner at a time", () => {
    const vms = make();
    vms.create("a");
    const lease = vms.acquire("a");
    expect(vms.read("a").runner).toBe(process.pid);
    expect(() => vms.acquire("a")).toThrow("VM a is busy");
    expect(() => vms.destroy("a")).toThrow("VM a is busy");
    lease.release();
    const next = vms.acquire("a");
    // An old lease has nothing to say any more.
    lease.release();
    expect(() => vms.acquire("a")).toThrow("VM a is busy");
    next.release();
    expect(vms.read("a").runner).toBe(undefined);
    vms.destroy("a");
  });

  it("cannot be unloaded while VMs exist, and says which", () => {
    const vms = make();
    vms.load();
    vms.load();
    for (let i = 0; i < 12; i++) vms.create(`vm${String(i).padStart(2, "0")}`);
    expect(() => vms.unload()).toThrow(
      "can't unload vmm: 12 VMs exist (vm00, vm01, vm02, vm03, vm04, vm05, vm06, vm07, vm08, vm09, …)",
    );
    for (const name of vms.list()) vms.destroy(name);
    vms.unload();
    expect(vms.isLoaded()).toBe(false);
  });

  it.each([
    ["", "it is empty"],
    ["a/b", "it contains a slash"],
    ["..", "it starts with a dot"],
    [".hidden", "it starts with a dot"],
    ["a\nb", "it contains a control character"],
    ["a\0b", "it contains a control character"],
    ["x".repeat(230), "it is longer than 229 bytes"],
    ["ä".repeat(115), "it is longer than 229 bytes"],
  ])("has no VM called %j", (name, why) => {
    const vms = make();
    const uses = ["create", "exists", "read", "readImage", "acquire", "destroy"] as const;
    for (const use of uses) expect(() => vms[use](name)).toThrow(why);
  });

  it("takes names as long as vmm.ko's, and with anything else in them", () => {
    const vms = make();
    for (const name of ["x".repeat(229), "a b", "ä", "-rf", "vm.json", "__proto__"]) {
      vms.create(name);
      expect(vms.read(name).stage).toBe("empty");
      vms.destroy(name);
    }
  });
});

describe("a registry that outlives processes", { timeout: 180_000 }, () => {
  it("is whole after kill -9 in the middle of writing, twelve times", async () => {
    const random = new SeededRandom(12);
    registry.create("vm");
    let last = 0;
    for (let i = 0; i < 12; i++) {
      const child = await started("write", "vm");
      await sleep(5 + random.below(120));
      await kill(child);
      const { stage, config, runner } = registry.read("vm");
      // The writer held the VM, so whatever it left is marked, or was complete.
      expect(["loaded", "crashed", "empty"]).toContain(stage);
      expect(runner).toBe(undefined);
      const round = Number(config["round"] ?? 0);
      if (round > 0) expect(roundOf("vm")).toBe(round);
      expect(round).toBeGreaterThanOrEqual(last);
      last = round;
    }
    expect(last).toBeGreaterThan(0);
    registry.write("vm", { memory: memoryOf(1), record: LOADED });
    const files = fs.readdirSync(join(registry.directory, "vm"));
    expect(files.filter((file) => file.startsWith("memory."))).toHaveLength(1);
    registry.destroy("vm");
    expect(fs.readdirSync(registry.directory)).toEqual([]);
  });

  it("marks a VM whose runner was killed, until it is written anew", async () => {
    registry.create("vm");
    registry.write("vm", { memory: memoryOf(3), record: LOADED });
    const child = await started("hold", "vm");
    expect(registry.read("vm")).toMatchObject({ stage: "loaded", runner: child.pid });
    expect(() => registry.acquire("vm")).toThrow(`VM vm is busy: process ${child.pid} runs it`);
    expect(() => registry.destroy("vm")).toThrow("bhyvectl --force-poweroff ends it");
    await kill(child);
    expect(registry.read("vm")).toMatchObject({ stage: "crashed", runner: undefined });
    expect(roundOf("vm")).toBe(3);
    // Looking at it is not repairing it.
    registry.acquire("vm").release();
    expect(registry.read("vm").stage).toBe("crashed");
    const lease = registry.acquire("vm");
    registry.write("vm", { memory: memoryOf(4), record: LOADED });
    lease.release();
    expect(registry.read("vm").stage).toBe("loaded");
  });

  it("can destroy what a killed runner left", async () => {
    registry.create("vm");
    await kill(await started("hold", "vm"));
    registry.destroy("vm");
    registry.unload();
    expect(fs.existsSync(registry.directory)).toBe(false);
  });

  it("does not take a later process of the same number for the runner", async () => {
    registry.create("vm");
    const mark = { pid: process.pid, started: "another-boot:1", isReleased: false, crashedAt: 0 };
    fs.writeFileSync(join(registry.directory, "vm", "runner.1"), JSON.stringify(mark));
    expect(registry.read("vm")).toMatchObject({ stage: "crashed", runner: undefined });
    registry.acquire("vm").release();
  });

  it("sweeps up behind processes that were killed while they created and destroyed", async () => {
    for (let i = 0; i < 6; i++) {
      const child = await started("churn", "vm");
      await sleep(20 + 10 * i);
      await kill(child);
      if (registry.exists("vm")) registry.destroy("vm");
    }
    registry.unload();
    expect(fs.readdirSync(folder)).toEqual([]);
  });

  it("lets one of many processes create a name", async () => {
    registry.load();
    for (let i = 0; i < 3; i++) {
      const at = String(Date.now() + 700);
      const tried = Array.from({ length: 6 }, () => start("create", `vm${i}`, at));
      const said = await Promise.all(
        tried.map(async (child) => String((await once(child.stdout!, "data"))[0]).trim()),
      );
      expect(said.filter((line) => line === "created")).toHaveLength(1);
      expect(said.filter((line) => line === "ERR_VM_EXISTS")).toHaveLength(5);
      expect(registry.read(`vm${i}`).stage).toBe("empty");
    }
  });

  it("lets one of many processes run a VM, also where some are killed while they do", async () => {
    registry.create("vm");
    const log = join(folder, "held.log");
    fs.writeFileSync(log, "");
    const contenders = Array.from({ length: 4 }, () => start("contend", "vm"));
    const killed: number[] = [];
    for (let victims = 1; victims <= 6; victims++) {
      // By progress, not by time: the host may be busy.
      while (fs.readFileSync(log, "utf8").split("\n").length < 20 * victims) await sleep(5);
      const victim = contenders.shift()!;
      killed.push(victim.pid!);
      await kill(victim);
      contenders.push(start("contend", "vm"));
    }
    for (const child of contenders) {
      killed.push(child.pid!);
      await kill(child);
    }
    const lines = fs.readFileSync(log, "utf8").trim().split("\n");
    let holder: number | undefined;
    for (const line of lines) {
      const pid = Number(line.slice(1));
      if (line.startsWith("-")) expect(holder).toBe(pid);
      else if (holder !== undefined) expect(killed).toContain(holder);
      holder = line.startsWith("+") ? pid : undefined;
    }
  });

  it("holds 200 VMs at rest in the disk space of the pages they use", () => {
    const memory = memoryOf(1);
    for (let i = 0; i < 200; i++) {
      registry.create(`vm${i}`);
      registry.write(`vm${i}`, { memory, record: LOADED });
    }
    let blocks = 0;
    for (const file of fs.readdirSync(registry.directory, { recursive: true, encoding: "utf8" })) {
      blocks += fs.statSync(join(registry.directory, file)).blocks;
    }
    const usedBytes = 200 * IMAGE_PAGES * 4096;
    expect(blocks * 512).toBeLessThan(1.5 * usedBytes);
    expect(registry.list()).toHaveLength(200);
    expect(roundOf("vm199")).toBe(1);
  });

  it("refuses memory of another version, and what is damaged, in one sentence", () => {
    registry.create("vm");
    registry.write("vm", { memory: memoryOf(1), record: LOADED });
    const file = join(registry.directory, "vm", "memory.1");
    const bytes = fs.readFileSync(file);
    const damage = (at: number, value: number) => {
      fs.writeFileSync(file, Buffer.from(bytes).fill(value, at, at + 1));
      return () => registry.readImage("vm");
    };
    expect(damage(12, bytes[12]! ^ 1)).toThrow("was written by another version of tshyve");
    expect(damage(0, 0)).toThrow("memory.1 is damaged: destroy the VM and load it again");
    expect(damage(16, 3)).toThrow("is damaged");
    fs.truncateSync(file, bytes.length - 1);
    expect(() => registry.readImage("vm")).toThrow("is damaged");
    fs.writeFileSync(join(registry.directory, "vm", "vm.json"), "{");
    expect(() => registry.read("vm")).toThrow(
      "vm.json is damaged: destroy the VM and load it again",
    );
    registry.destroy("vm");
  });
});
