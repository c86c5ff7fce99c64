// SPDX-License-Identifier: BSD-2-Clause
// A VM in this program: bhyve's life of one (create, load, run, destroy) as an object. It runs on the thread of
// whoever made it, in turns (vmm/machine-driver.ts), so that between any two awaits of the program the guest
// stands between two instructions.
import { EventEmitter } from "node:events";
import { VmmError } from "../base/errors.ts";
import type { TypedEmitter } from "../base/typed-emitter.ts";
import type { Vcpu } from "../cpu/vcpu.ts";
import type { SymbolTable } from "../loader/symbols.ts";
import { GuestMemory } from "../mmu/guest-memory.ts";
import { backtraceLines } from "../vmm/backtrace.ts";
import { VirtualClock } from "../vmm/clock.ts";
import type { Config } from "../vmm/config.ts";
import { consoleLoader } from "../vmm/console/console-loader.ts";
import { GuestConsole } from "../vmm/console/guest-console.ts";
import type { VmConsole } from "../vmm/console/vm-console.ts";
import { bareVcpu } from "../vmm/entry-state.ts";
import { guestSymbols, whereItRuns } from "../vmm/guest-symbols.ts";
import { Machine } from "../vmm/machine.ts";
import { type MachineConfig, machineConfig } from "../vmm/machine-config.ts";
import { MachineDriver } from "../vmm/machine-driver.ts";
import { MemoryRegistry } from "../vmm/memory-registry.ts";
import type { Lease, Registry } from "../vmm/registry.ts";
import { reinitialized, remainsOf, restoreNvram } from "../vmm/remains.ts";
import { describeOutcome, isFinal, type RunOutcome } from "../vmm/run-outcome.ts";
import type { SuspendHow } from "../vmm/suspend.ts";
import { type RegisterName, readRegister, writeRegister } from "../vmm/vcpu-registers.ts";
import { FileByteSource } from "./file-byte-source.ts";
import {
  type KernelSymbols,
  leftWithoutKernel,
  loadFreeBsd,
  loadLinuxKernel,
  openLoaderDevices,
} from "./load-guest.ts";
import { makeMachineHost } from "./machine-host.ts";
import { nodeThread } from "./node-thread.ts";
import { digestOf } from "./state-digest.ts";
import { type Address, VmMemory } from "./vm-memory.ts";
import type { LoadRequest, RecordedInput, RunOptions, VmmEvents, VmmState } from "./vm-types.ts";
import { configOf, openDisk, type VmmOptions } from "./vmm-options.ts";

const processRegistry = new MemoryRegistry(process.pid);
const Emitter = EventEmitter as unknown as new () => TypedEmitter<VmmEvents>;

export class Vmm extends Emitter implements AsyncDisposable {
  readonly #config: Config;
  readonly #machineConfig: MachineConfig;
  readonly #registry: Registry;
  readonly #options: VmmOptions;
  readonly #isOwn: boolean;
  readonly #console = new GuestConsole();
  readonly #driver: MachineDriver;
  readonly #breakpoints = new Set<bigint>();
  #state: VmmState = "empty";
  #lease: Lease | undefined;
  #memory: GuestMemory | undefined;
  #machine: Machine | undefined;
  #restVcpu: Vcpu | undefined;
  #symbols: KernelSymbols = { table: undefined, block: undefined };
  #output: number[] = [];
  #sink: RunOptions["output"];
  #inputs: RecordedInput[] = [];
  #inputArrived: () => void = () => {};

  private constructor(config: Config, options: VmmOptions, isOwn: boolean) {
    super();
    this.#config = config;
    this.#machineConfig = machineConfig(config);
    this.#registry = options.registry ?? processRegistry;
    this.#options = options;
    this.#isOwn = isOwn;
    this.#driver = new MachineDriver(nodeThread, {
      turned: () => this.#turned(),
      idle: () => void this.emit("idle"),
    });
    this.#console.onOutput = (byte) => void this.#output.push(byte);
    this.#console.onPrinted = () => void this.#turned();
    this.#console.onInput = (bytes) => this.#typed(bytes);
  }

  /** Makes an empty VM. Throws ERR_BAD_OPTION, and ERR_VM_EXISTS if its name is taken. */
  static async create(options: VmmOptions = {}): Promise<Vmm> {
    const config = configOf(options);
    const vmm = new Vmm(config, options, true);
    vmm.#registry.create(vmm.name);
    return vmm;
  }

  /**
   * A VM that somebody else has made and loaded: with a DirectoryRegistry, `bhyveload`. Throws ERR_VM_NOT_FOUND.
   * Disposing of it leaves it where it is.
   */
  static async open(name: string, options: Omit<VmmOptions, "name" | "memory">): Promise<Vmm> {
    const registry = options.registry ?? processRegistry;
    const record = registry.read(name);
    const memory = record.memoryBytes > 0 ? { memory: record.memoryBytes } : {};
    const vmm = new Vmm(configOf({ ...options, ...memory, name }), options, false);
    if (record.stage === "empty") return vmm;
    vmm.#memory = registry.readImage(name);
    const block = record.symbols;
    vmm.#symbols = { table: undefined, block };
    vmm.#state = record.stage === "loaded" ? "loaded" : "suspended";
    return vmm;
  }

  get name(): string {
    return this.#machineConfig.name;
  }

  get state(): VmmState {
    return this.#state;
  }

  get console(): VmConsole {
    return this.#console;
  }

  /** Configuration variables, as bhyve would dump them. */
  get config(): Readonly<Record<string, string>> {
    return this.#config.toJSON();
  }

  /**
   * Puts a kernel into fresh memory, and vCPU 0 at its first instruction; what the VM was before is gone. What
   * FreeBSD's loader says goes to the console. Throws ERR_VM_STATE while the VM runs, or if the loader was left
   * without a kernel, and what is wrong with the files.
   */
  async load(request: LoadRequest, { output }: Pick<RunOptions, "output"> = {}): Promise<void> {
    this.#requireAtRest("loaded");
    this.#sink = output;
    this.#letGo();
    this.#machine = this.#restVcpu = undefined;
    this.#console.begin();
    const lease = this.#registry.acquire(this.name);
    try {
      const memory = new GuestMemory(this.#machineConfig.memoryBytes);
      this.#symbols = await this.#loadInto(memory, request);
      this.#memory = memory;
      this.#inputs = [];
      this.#save("loaded");
      this.#setState("loaded");
    } finally {
      this.#sink = undefined;
      lease.release();
    }
  }

  #nextInput(): Promise<void> {
    return new Promise((resolve) => {
      this.#inputArrived = resolve;
    });
  }

  async #loadInto(memory: GuestMemory, request: LoadRequest): Promise<KernelSymbols> {
    if (request.kind === "linux") {
      return loadLinuxKernel(memory, { commandLine: "console=ttyS0", ...request });
    }
    const { disks = this.#options.disks ?? [], hostDirectory, variables = {} } = request;
    const { isInteractive = false } = request;
    const devices = openLoaderDevices({ disks, hostDirectory });
    const left = await loadFreeBsd(memory, {
      devices,
      variables: Object.entries(variables).map(([name, value]) => `${name}=${value}`),
      console: consoleLoader(this.#console, isInteractive ? () => this.#nextInput() : undefined),
    });
    if (left.kind === "booted") {
      return { table: undefined, block: left.symbols };
    }
    const complaint = left.kind === "quit" ? left.complaint : undefined;
    throw new VmmError("ERR_VM_STATE", leftWithoutKernel(devices, complaint));
  }

  /**
   * Runs the guest until it stops for good, comes to a breakpoint, or has used up what it was given. Rejects with
   * the signal's reason if that ends it (the VM can go on afterwards), and with ERR_VM_STATE unless the VM is
   * loaded or paused.
   */
  async run(options: RunOptions = {}): Promise<RunOutcome> {
    options.signal?.throwIfAborted();
    const machine = this.#requireMachine();
    this.#sink = options.output;
    this.#setState("running");
    let outcome: RunOutcome | undefined;
    try {
      outcome = await this.#driver.run(options);
      return outcome;
    } finally {
      this.#sink = undefined;
      this.#ranOut(machine, outcome);
    }
  }

  /** Retires `count` instructions; fewer if something ends the run before that. */
  step(count = 1, options: Omit<RunOptions, "maxInstructions"> = {}): Promise<RunOutcome> {
    return this.run({ ...options, maxInstructions: count });
  }

  /** Ends a run soon; `run` resolves with `paused`, and the VM can go on. */
  pause(): void {
    this.#driver.pause();
  }

  /**
   * Whether an idle guest on the virtual clock waits in real time, as for somebody who types; otherwise it comes to
   * its next timer at once.
   */
  paceIdle(isPaced: boolean): void {
    const { clock } = this.#requireMachine("any");
    if (clock instanceof VirtualClock) clock.isPaced = isPaced;
    this.#driver.stir();
  }

  /** Presses the ACPI power button: a guest that listens shuts itself down. */
  pressPowerButton(): void {
    this.#requireMachine("any").platform.pm.pressPowerButton();
    this.#driver.stir();
  }

  /** As `bhyvectl --force-poweroff` and `--force-reset`: the run is over, whatever the guest thinks. */
  force(how: Extract<SuspendHow, "poweroff" | "reset">): void {
    this.#requireMachine("any").suspend(how);
    this.#driver.stir();
  }

  injectNmi(): void {
    const { vcpu } = this.#requireMachine("any");
    vcpu.requestNmi();
    vcpu.stop();
    this.#driver.stir();
  }

  /** Removes the VM; a run ends as by {@link pause} first. */
  async destroy(): Promise<void> {
    if (this.#state === "destroyed") return;
    await this.close();
    this.#registry.destroy(this.name);
    this.#memory = this.#machine = this.#restVcpu = undefined;
    this.#setState("destroyed");
  }

  /** Lets go of the VM, of its disks and its registry entry; what has run is over. */
  async close(): Promise<void> {
    if (this.#driver.isRunning) {
      this.pause();
      await new Promise((resolve) => this.once("stopped", resolve));
    }
    if (this.#state === "paused") {
      this.#save("suspended");
      this.#setState("suspended");
    }
    this.#letGo();
    this.#console.finish("is gone");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (this.#isOwn ? this.destroy() : this.close());
  }

  // What a debugger wants to know. The guest stands between two instructions whenever a program can ask.

  get memory(): VmMemory {
    const { memory } = this.#vcpu.cpu;
    return new VmMemory(memory, this.#vcpu.cpu);
  }

  /** Unsigned; of a segment register, the selector. */
  readRegister(name: RegisterName): bigint {
    return readRegister(this.#vcpu.cpu, name);
  }

  /** Throws ERR_BAD_OPTION, and changes nothing, for a value that the register cannot have. */
  writeRegister(name: RegisterName, value: bigint): void {
    writeRegister(this.#vcpu, name, value);
  }

  /** Instructions retired since the kernel's first. */
  get instructions(): number {
    return this.#memory === undefined ? 0 : this.#vcpu.retired;
  }

  /** Guest time since then, in nanoseconds. */
  get guestTimeNs(): number {
    return this.#machine?.clock.now() ?? 0;
  }

  /** Exit counts under bhyve's names; empty before the first run. */
  stats(): Readonly<Record<string, number>> {
    if (this.#machine === undefined) return {};
    const { statistics, vcpu, platform, config } = this.#machine;
    const { isMemoryWired } = config;
    const lapic = platform.lapic.counters;
    return Object.fromEntries(statistics.list({ vcpu, lapic, isMemoryWired }));
  }

  /**
   * The kernel's functions, where they are now: from the files it was loaded from, from what FreeBSD's loader left,
   * or from what a running Linux keeps. Undefined if there is nothing of that.
   */
  get symbols(): SymbolTable | undefined {
    const { table, block } = this.#symbols;
    const { cpu } = this.#vcpu;
    if (table !== undefined) return whereItRuns(table, cpu);
    const open = (path: string) => new FileByteSource(path);
    return guestSymbols(cpu, { block, open }, undefined);
  }

  /**
   * A hash of what the guest could see of itself: registers, RAM, time. Two runs with the same inputs have the same
   * at the same instruction, on the virtual clock.
   */
  stateDigest(): string {
    return digestOf(this.#vcpu.cpu, this);
  }

  /** Who called whom, a line a frame, innermost first. */
  backtrace(): string[] {
    return backtraceLines(this.#vcpu.cpu, this.symbols);
  }

  /**
   * Runs end in front of the instruction at this linear address, or at the function of that name. The guest can
   * see nothing of it. Returns the address. Throws ERR_NOT_FOUND for a name that the kernel does not have.
   */
  setBreakpoint(where: Address | string): bigint {
    const address = this.#addressOf(where);
    this.#breakpoints.add(address);
    this.#machine?.vcpu.setBreakpoints(this.#breakpoints);
    return address;
  }

  clearBreakpoint(where: Address | string): void {
    this.#breakpoints.delete(this.#addressOf(where));
    this.#machine?.vcpu.setBreakpoints(this.#breakpoints);
  }

  get breakpoints(): readonly bigint[] {
    return [...this.#breakpoints];
  }

  /** All that was typed since the kernel was loaded. */
  get inputs(): readonly RecordedInput[] {
    return this.#inputs;
  }

  #addressOf(where: Address | string): bigint {
    if (typeof where !== "string") return BigInt.asUintN(64, BigInt(where));
    const { symbols } = this;
    const address = symbols?.addressOf(where);
    if (address !== undefined) return address;
    const why = symbols === undefined ? "its symbols were not found" : "it has no such one";
    throw new VmmError("ERR_NOT_FOUND", `the kernel's function ${where} is not known: ${why}`);
  }

  get #vcpu(): Vcpu {
    if (this.#machine !== undefined) return this.#machine.vcpu;
    if (this.#memory === undefined) throw this.#stateError("inspected", "no kernel is loaded");
    this.#restVcpu ??= bareVcpu(this.#memory);
    return this.#restVcpu;
  }

  #requireAtRest(what: string): void {
    if (this.#state === "destroyed") throw this.#stateError(what, "it is destroyed");
    if (this.#state === "running") throw this.#stateError(what, "it is running");
  }

  /** The machine, built if this is its first run; ready to run unless `any` will do. */
  #requireMachine(need: "ready" | "any" = "ready"): Machine {
    const { state } = this;
    if (need === "any" && this.#machine !== undefined) return this.#machine;
    if (state === "running") throw this.#stateError("run", "it is running already");
    if (state === "empty") throw this.#stateError("run", "no kernel is loaded");
    if (state === "destroyed") throw this.#stateError("run", "it is destroyed");
    if (state === "suspended")
      throw this.#stateError("run", "it has run to its end; load it again");
    this.#machine ??= this.#build();
    return this.#machine;
  }

  #stateError(what: string, why: string): VmmError {
    return new VmmError("ERR_VM_STATE", `VM ${this.name} cannot be ${what}: ${why}`);
  }

  #build(): Machine {
    this.#lease ??= this.#registry.acquire(this.name);
    const driver = this.#driver;
    const warn = (message: string) => void this.emit("warning", message);
    const host = makeMachineHost({
      console: this.#console,
      wait: (timeoutMs) => driver.wait(timeoutMs),
      poll: () => driver.poll(),
      warn,
      openBlock: (file) => openDisk(this.#options, file, warn),
    });
    const machine = new Machine(this.#machineConfig, this.#memory!, host);
    const { remains } = this.#registry.read(this.name);
    if (remains !== undefined) restoreNvram(machine, remains);
    machine.start();
    machine.vcpu.setBreakpoints(this.#breakpoints);
    driver.adopt(machine);
    this.#console.connect({
      clock: machine.clock,
      retired: () => machine.vcpu.retired,
      stop: () => machine.loop.stop(),
    });
    return machine;
  }

  async #turned(): Promise<void> {
    const bytes = Uint8Array.from(this.#output);
    this.#output = [];
    this.#console.settle();
    if (bytes.length === 0) return;
    this.emit("output", bytes);
    await this.#sink?.(bytes);
  }

  #typed(bytes: Uint8Array): void {
    const { instructions, guestTimeNs: guestNs } = this;
    this.#inputs.push({ instructions, guestNs, bytes });
    this.#inputArrived();
    this.#driver.stir();
  }

  #ranOut(machine: Machine, outcome: RunOutcome | undefined): void {
    if (outcome !== undefined && isFinal(outcome)) {
      this.#save("suspended", machine.suspended);
      this.#letGo();
      this.#setState("suspended");
      this.#console.finish(describeOutcome(outcome));
    } else {
      this.#setState("paused");
    }
    this.emit("stopped", outcome ?? { kind: "paused" });
  }

  /** Closes what the machine has open. */
  #letGo(): void {
    if (this.#lease === undefined) return;
    this.#machine?.close();
    this.#lease.release();
    this.#lease = undefined;
  }

  #save(stage: "loaded" | "suspended", suspended?: SuspendHow): void {
    const memory = this.#memory!;
    const machine = this.#machine;
    const remains =
      stage === "loaded" || machine === undefined
        ? reinitialized(this.#registry.read(this.name).remains)
        : remainsOf(machine, {
            hasRun: true,
            hostSeconds: Date.now() / 1000,
            stats: Object.entries(this.stats()),
          });
    this.#registry.write(this.name, {
      memory,
      record: {
        stage,
        memoryBytes: memory.ramBytes,
        suspended,
        config: stage === "loaded" ? {} : this.config,
        symbols: this.#symbols.block,
        remains,
      },
    });
  }

  #setState(state: VmmState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.emit("state", state);
  }
}
