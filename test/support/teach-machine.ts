// SPDX-License-Identifier: BSD-2-Clause
// The teaching guest in a machine of this process, on the virtual clock: loaded by the loader from its disk, run
// by the run loop, with a user at its prompt. Nothing here depends on the host: runs repeat to the instruction.
import { parseBhyveOptions } from "../../src/cli/bhyve-options.ts";
import type { CharBackend } from "../../src/devices/backend/char-backend.ts";
import { MemoryBlockBackend } from "../../src/devices/backend/memory-block.ts";
import { gunzip } from "../../src/host/gunzip.ts";
import { memorySource } from "../../src/loader/disk/memory-source.ts";
import { diskDevices } from "../../src/loader/userboot/disk-devices.ts";
import { runUserboot } from "../../src/loader/userboot/userboot.ts";
import { GuestMemory, MIB } from "../../src/mmu/guest-memory.ts";
import { applyEntryState } from "../../src/vmm/entry-state.ts";
import { Machine, type MachineHost } from "../../src/vmm/machine.ts";
import { machineConfig } from "../../src/vmm/machine-config.ts";
import type { SuspendHow } from "../../src/vmm/suspend.ts";
import { ScriptedConsole } from "./scripted-console.ts";

const TEACH_PROMPT = "teach> ";

/** What the guest sees of bhyve's command line, but for the disk's options. */
const PLATFORM = ["-A", "-s", "0,hostbridge", "-s", "31,lpc", "-l", "com1,stdio"];
const MEMORY_MIB = 64;
/** More than any command takes, bench included. */
const LIMIT = 300_000_000;

/** The far end of the guest's serial line: keeps what comes, and sees the prompt in it. */
class PromptConsole implements CharBackend {
  text = "";
  isAtPrompt = false;
  #input: number[] = [];
  #ready: () => void = () => {};

  write(byte: number): boolean {
    this.text += String.fromCharCode(byte);
    this.isAtPrompt = this.text.endsWith(TEACH_PROMPT);
    return true;
  }

  read(): number {
    return this.#input.shift() ?? -1;
  }

  listen(ready: () => void): void {
    this.#ready = ready;
  }

  type(text: string): void {
    this.isAtPrompt = false;
    this.#input.push(...new TextEncoder().encode(text));
    this.#ready();
  }

  take(): string {
    const { text } = this;
    this.text = "";
    return text.replaceAll("\r\n", "\n");
  }
}

export interface TeachOptions {
  /** bhyve's arguments instead of those of a plain machine, and of the disk's slot. */
  readonly platform?: readonly string[];
  /** More of bhyve's arguments. */
  readonly more?: readonly string[];
  /** Behind `virtio-blk,teach.img`. */
  readonly diskOptions?: string;
}

export class TeachMachine {
  readonly machine: Machine;
  /** What the loader printed. */
  readonly loaderText: string;
  readonly #console: PromptConsole;

  private constructor(machine: Machine, console: PromptConsole, loaderText: string) {
    this.machine = machine;
    this.loaderText = loaderText;
    this.#console = console;
  }

  /** bhyveload, then bhyve up to the first instruction. The guest writes to `disk`. */
  static async load(disk: Uint8Array, options: TeachOptions = {}): Promise<TeachMachine> {
    const memory = new GuestMemory(MEMORY_MIB * MIB);
    const loader = new ScriptedConsole([], false);
    const devices = diskDevices(memorySource(disk), 0, gunzip);
    const left = await runUserboot({ memory, console: loader, devices });
    if (left.kind !== "booted") throw new Error(`the loader: ${left.kind}\n${loader.output}`);
    const console = new PromptConsole();
    const config = parseBhyveOptions([
      ...["-m", `${MEMORY_MIB}M`, "-o", "clock=virtual"],
      ...(options.platform ?? PLATFORM),
      ...["-s", `1,virtio-blk,teach.img${options.diskOptions ?? ""}`],
      ...(options.more ?? []),
      "guest0",
    ]);
    let poll = () => {};
    const machine = new Machine(machineConfig(config), memory, {
      ...quietHost(disk, console),
      poll: () => poll(),
    });
    poll = () => {
      if (console.isAtPrompt) machine.loop.stop();
    };
    applyEntryState(machine.vcpu, left.entry);
    machine.start();
    return new TeachMachine(machine, console, loader.output);
  }

  /** Loads and runs to the first prompt. */
  static async boot(disk: Uint8Array, options: TeachOptions = {}): Promise<TeachMachine> {
    const guest = await TeachMachine.load(disk, options);
    guest.bootText = guest.#toPrompt();
    return guest;
  }

  /** What the kernel printed before its first prompt. */
  bootText = "";

  get retired(): number {
    return this.machine.vcpu.retired;
  }

  /** Types a command; what it printed, without echo and prompt. */
  command(line: string): string {
    const text = this.type(`${line}\r`);
    if (!text.startsWith(`${line}\n`)) throw new Error(`no echo of ${line} in ${text}`);
    return text.slice(line.length + 1);
  }

  /** Types keys, of which one must be Enter; all that is printed up to the next prompt. */
  type(keys: string): string {
    this.#console.type(keys);
    return this.#toPrompt();
  }

  /** Types a command that is the last: how the machine stopped. */
  end(line: string): SuspendHow {
    this.#console.type(`${line}\r`);
    const result = this.machine.loop.run(this.retired + LIMIT);
    const { suspended } = this.machine;
    if (suspended === undefined) throw new Error(`${line}: ${result}\n${this.#console.take()}`);
    return suspended;
  }

  #toPrompt(): string {
    const result = this.machine.loop.run(this.retired + LIMIT);
    const text = this.#console.take();
    if (result === "stopped") return text.slice(0, -TEACH_PROMPT.length);
    throw new Error(`no prompt: ${result} (${this.machine.suspended})\n${text}`);
  }
}

/** A host with nothing of its own: any look at the real world is a mistake. */
function quietHost(disk: Uint8Array, console: CharBackend): Omit<MachineHost, "poll"> {
  const never = (): never => {
    throw new Error("the virtual machine has asked the host for time or randomness");
  };
  return {
    // The translator asks what its work costs; nothing that the guest sees depends on the answer.
    time: { now: () => 0, wait: never },
    entropy: { next32: never, fill: never },
    epochSeconds: 0,
    zoneOffsetSeconds: 0,
    name: "test",
    openBlock: ({ isReadOnly, canDiscard }) =>
      new MemoryBlockBackend(disk, { isReadOnly, canDiscard, identity: "teach.img" }),
    openChar: () => console,
    warn: (message) => {
      throw new Error(`a well-behaved guest was warned about: ${message}`);
    },
  };
}
