// SPDX-License-Identifier: BSD-2-Clause
// A VM to be asked and changed, wherever it is: a running one through its runner's socket, one at rest by
// putting its chips around its memory again, without its disks and consoles.
import { setTimeout as sleep } from "node:timers/promises";
import { VmmError } from "../base/errors.ts";
import { APIC_X2APIC } from "../devices/platform/apic/apic-base.ts";
import { GuestMemory, MIN_RAM } from "../mmu/guest-memory.ts";
import { Config } from "../vmm/config.ts";
import type { ControlReply, ControlRequest, VmReport } from "../vmm/control-protocol.ts";
import { SeededEntropy } from "../vmm/entropy.ts";
import { bareVcpu } from "../vmm/entry-state.ts";
import { Machine, type MachineHost } from "../vmm/machine.ts";
import { machineConfig } from "../vmm/machine-config.ts";
import { MachineControl } from "../vmm/machine-control.ts";
import type { Lease, Registry, VmRecord } from "../vmm/registry.ts";
import { remainsOf, restoreNvram } from "../vmm/remains.ts";
import { askRunner } from "./control-client.ts";
import { FileByteSource } from "./file-byte-source.ts";

export interface VmInspector {
  /** A runner has it. */
  readonly isRunning: boolean;
  /** Throws what goes wrong as a VmmError. */
  ask(request: ControlRequest): Promise<ControlReply>;
  /** Writes back what was changed of a VM at rest, and lets go of it. */
  close(): void;
}

/** A registry whose runners listen. */
export interface InspectedRegistry extends Registry {
  socketPath(name: string): string;
}

/** How long a runner may take from its lease to its socket. */
const PATIENCE_MS = 3000;
const PAUSE_MS = 50;

/** `willChange`: requests that change something will follow, so nobody may start a VM at rest meanwhile. */
export function openInspector(
  registry: InspectedRegistry,
  name: string,
  willChange: boolean,
): VmInspector {
  if (registry.read(name).runner !== undefined) return new RunningVm(registry, name);
  return new RestingVm(registry, name, willChange);
}

class RunningVm implements VmInspector {
  readonly isRunning = true;
  readonly #registry: InspectedRegistry;
  readonly #name: string;

  constructor(registry: InspectedRegistry, name: string) {
    this.#registry = registry;
    this.#name = name;
  }

  async ask(request: ControlRequest): Promise<ControlReply> {
    const path = this.#registry.socketPath(this.#name);
    const end = Date.now() + PATIENCE_MS;
    for (;;) {
      try {
        return await askRunner(path, request);
      } catch (error) {
        const isUnheard = error instanceof VmmError && error.code === "ERR_VM_BUSY";
        if (!isUnheard || Date.now() > end) throw error;
        await sleep(PAUSE_MS);
        if (this.#registry.read(this.#name).runner === undefined) {
          throw new VmmError("ERR_VM_STATE", `VM ${this.#name} has ended meanwhile`);
        }
      }
    }
  }

  close(): void {}
}

const CHANGELESS: ReadonlySet<ControlRequest["kind"]> = new Set(["report", "backtrace", "unit"]);

/** What is counted while a guest runs. */
const OF_RUNNING_VMS: ReadonlySet<ControlRequest["kind"]> = new Set(["heat-start", "heat"]);

class RestingVm implements VmInspector {
  readonly isRunning = false;
  readonly #registry: Registry;
  readonly #record: VmRecord;
  readonly #lease: Lease | undefined;
  readonly #machine: Machine;
  readonly #control: MachineControl;
  #isChanged = false;

  constructor(registry: Registry, name: string, willChange: boolean) {
    this.#registry = registry;
    this.#lease = willChange ? registry.acquire(name) : undefined;
    try {
      this.#record = registry.read(name);
      this.#machine = restingMachine(this.#record, memoryOf(registry, this.#record));
    } catch (error) {
      this.#lease?.release();
      throw error;
    }
    this.#control = new MachineControl(this.#machine, {
      block: this.#record.symbols,
      open: (path) => new FileByteSource(path),
    });
  }

  async ask(request: ControlRequest): Promise<ControlReply> {
    if (OF_RUNNING_VMS.has(request.kind)) {
      throw new VmmError(
        "ERR_VM_STATE",
        `VM ${this.#record.name} does not run: where a guest spends its time shows while it does`,
      );
    }
    const isChange = !CHANGELESS.has(request.kind);
    if (isChange) this.#requireMemory();
    const reply = this.#control.answer(request);
    if (reply.kind === "error") throw new VmmError(reply.code, reply.message);
    if (isChange) this.#isChanged = true;
    return reply.kind === "report" ? { ...reply, report: this.#asLeft(reply.report) } : reply;
  }

  #requireMemory(): void {
    const { name, memoryBytes } = this.#record;
    if (memoryBytes === 0) {
      throw new VmmError(
        "ERR_VM_STATE",
        `VM ${name} has no memory yet: give it some with --set-mem, or run bhyveload`,
      );
    }
  }

  /** The vCPU was activated only if a runner had the VM, and counted only then. */
  #asLeft(report: VmReport): VmReport {
    const { memoryBytes, stage, remains } = this.#record;
    const hasRun = remains?.hasRun === true;
    return {
      ...report,
      ...(memoryBytes === 0 ? { lowmem: 0, highmem: 0 } : {}),
      activeCpus: hasRun ? [0] : [],
      suspendedCpus: hasRun && stage === "suspended" ? [0] : [],
      stats: hasRun ? remains.stats : report.stats,
    };
  }

  close(): void {
    try {
      if (this.#isChanged) this.#store();
    } finally {
      this.#machine.close();
      this.#lease?.release();
    }
  }

  #store(): void {
    const { name, stage, remains, memoryBytes, config, symbols } = this.#record;
    const { suspended } = this.#machine;
    this.#registry.write(name, {
      memory: this.#machine.memory,
      record: {
        stage: suspended === undefined ? stage : "suspended",
        memoryBytes,
        suspended,
        config,
        symbols,
        remains: remainsOf(this.#machine, {
          hasRun: remains?.hasRun === true,
          hostSeconds: Date.now() / 1000,
          stats: remains?.stats ?? [],
        }),
      },
    });
  }
}

/** A VM without memory is shown with a vCPU after reset. */
function memoryOf(registry: Registry, { name, memoryBytes }: VmRecord): GuestMemory {
  if (memoryBytes > 0) return registry.readImage(name);
  const memory = new GuestMemory(MIN_RAM);
  bareVcpu(memory).reset();
  return memory;
}

/** The parts of a configuration that the vCPU and the chips have; devices would open files. */
const INSPECTED_VARIABLES = ["cpu", "memory.wired", "cpus", "sockets", "cores", "threads"];

function restingMachine(record: VmRecord, memory: GuestMemory): Machine {
  const config = new Config();
  config.set("name", record.name);
  for (const variable of INSPECTED_VARIABLES) {
    const value = record.config[variable];
    if (value !== undefined) config.set(variable, value);
  }
  const machine = new Machine(machineConfig(config), memory, restingHost());
  const { remains, suspended } = record;
  if (suspended !== undefined) machine.suspend(suspended);
  if (remains === undefined) return machine;
  restoreNvram(machine, remains);
  machine.platform.rtc.setTime(Math.floor(Date.now() / 1000) + remains.rtcAheadSeconds);
  machine.statistics.exitReason = remains.exitReason;
  machine.capabilities.hlt_exit = remains.exitsOnHlt;
  machine.capabilities.pause_exit = remains.exitsOnPause;
  if (remains.isX2apic) machine.platform.lapic.setMode(APIC_X2APIC);
  return machine;
}

function refuse(): never {
  throw new VmmError("ERR_INTERNAL", "a machine at rest has no devices");
}

/** Time stands still for a machine that does not run. */
const restingHost = (): MachineHost => ({
  time: { now: () => 0, wait() {} },
  entropy: new SeededEntropy(0),
  epochSeconds: Date.now() / 1000,
  zoneOffsetSeconds: 0,
  name: "",
  openBlock: refuse,
  openChar: refuse,
  poll() {},
  warn() {},
});
