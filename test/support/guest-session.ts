// SPDX-License-Identifier: BSD-2-Clause
// A loaded kernel in a machine of this process, and somebody at its serial console. Time is virtual: what is waited
// for is bounded by instructions, and a session repeats to the instruction on any host.
import { parseBhyveOptions } from "../../src/cli/bhyve-options.ts";
import type { CharBackend } from "../../src/devices/backend/char-backend.ts";
import { openBlockFile } from "../../src/host/file-block-backend.ts";
import { FileByteSource } from "../../src/host/file-byte-source.ts";
import { openLoaderDisk } from "../../src/host/loader-devices.ts";
import type { EntryState } from "../../src/loader/entry-state.ts";
import { loadLinux } from "../../src/loader/linux/load-linux.ts";
import { runUserboot } from "../../src/loader/userboot/userboot.ts";
import { GuestMemory, MIB } from "../../src/mmu/guest-memory.ts";
import { applyEntryState } from "../../src/vmm/entry-state.ts";
import { Machine } from "../../src/vmm/machine.ts";
import { machineConfig } from "../../src/vmm/machine-config.ts";
import type { RunResult } from "../../src/vmm/run-loop.ts";
import { SUSPEND_STATUS } from "../../src/vmm/suspend.ts";
import { ScriptedConsole } from "./scripted-console.ts";

/** Enough for any boot of a general-purpose system. */
const PATIENCE = 20_000_000_000;
/** How much of the console an error shows. */
const TAIL_CHARACTERS = 2000;
/** Instructions between two looks of the test runner, which wants to hear from a test now and then. */
const SLICE = 20_000_000;

/** The far end of the line: keeps all that came, and knows when what is waited for is there. */
class WatchedConsole implements CharBackend {
  text = "";
  /** Where in {@link text} the user has read to. */
  seen = 0;
  #wanted: string | undefined;
  #input: number[] = [];
  #ready: () => void = () => {};

  write(byte: number): boolean {
    this.text += String.fromCharCode(byte);
    return true;
  }

  read(): number {
    return this.#input.shift() ?? -1;
  }

  listen(ready: () => void): void {
    this.#ready = ready;
  }

  type(text: string): void {
    this.#input.push(...new TextEncoder().encode(text));
    this.#ready();
  }

  want(text: string | undefined): void {
    this.#wanted = text;
  }

  /** The text wanted has come since it was last looked at. */
  get isSatisfied(): boolean {
    if (this.#wanted === undefined) return false;
    return this.text.indexOf(this.#wanted, this.seen) >= 0;
  }

  /** What was not seen yet, up to and with `end`. */
  takeTo(end: string): string {
    const at = this.text.indexOf(end, this.seen) + end.length;
    const taken = this.text.slice(this.seen, at);
    this.seen = at;
    return taken;
  }
}

export interface SessionOptions {
  readonly memory: GuestMemory;
  readonly entry: EntryState;
  /** bhyve's arguments but for the size of memory, the clock and the name. */
  readonly bhyve: readonly string[];
}

export class GuestSession {
  readonly machine: Machine;
  readonly warnings: string[] = [];
  readonly #console = new WatchedConsole();

  constructor({ memory, entry, bhyve }: SessionOptions) {
    const given = ["-m", `${memory.ramBytes / 2 ** 20}M`, "-o", "clock=virtual"];
    const config = parseBhyveOptions([...given, ...bhyve, "guest0"]);
    this.machine = new Machine(machineConfig(config), memory, {
      time: { now: () => 0, wait: () => this.#sleepsForEver() },
      entropy: { next32: () => 0, fill: (target) => void target.fill(0) },
      epochSeconds: 0,
      zoneOffsetSeconds: 0,
      name: "host",
      openBlock: (options) => openBlockFile(options, (message) => this.warnings.push(message)),
      openChar: () => this.#console,
      poll: () => {
        if (this.#console.isSatisfied) this.machine.loop.stop();
      },
      warn: (message) => this.warnings.push(message),
    });
    applyEntryState(this.machine.vcpu, entry);
    this.machine.start();
  }

  /** All that the guest has written so far, line ends as on the line. */
  get consoleText(): string {
    return this.#console.text;
  }

  get retired(): number {
    return this.machine.vcpu.retired;
  }

  /** Runs until the guest has written `text`; what it wrote up to there. Throws if it does not within `patience`. */
  async waitFor(text: string, patience = PATIENCE): Promise<string> {
    this.#console.want(text);
    const result = this.#console.isSatisfied ? "stopped" : await this.#run(patience);
    this.#console.want(undefined);
    if (!this.#has(text)) throw this.#disappointed(`«${text}» did not come`, result);
    return this.#console.takeTo(text);
  }

  type(text: string): void {
    this.#console.type(text);
  }

  /** Types a line at a prompt that has come, and returns what there is up to the next. */
  command(line: string, prompt: string): Promise<string> {
    this.type(`${line}\n`);
    return this.waitFor(prompt);
  }

  /** Runs to the guest's own end: bhyve's status. Throws if there is none within `patience`. */
  async runToEnd(patience = PATIENCE): Promise<number> {
    const result = await this.#run(patience);
    const { suspended } = this.machine;
    if (suspended === undefined) throw this.#disappointed("the guest did not stop", result);
    this.machine.close();
    return SUSPEND_STATUS[suspended];
  }

  async #run(patience: number): Promise<RunResult> {
    for (const end = this.retired + patience; this.retired < end; ) {
      const result = this.machine.loop.run(Math.min(end, this.retired + SLICE));
      if (result !== "limit") return result;
      await new Promise((resolve) => setImmediate(resolve));
    }
    return "limit";
  }

  #has(text: string): boolean {
    return this.#console.text.indexOf(text, this.#console.seen) >= 0;
  }

  #sleepsForEver(): void {
    this.machine.loop.stop();
  }

  #disappointed(what: string, result: RunResult): Error {
    const { suspended } = this.machine;
    const how = suspended === undefined ? result : `${result}: ${suspended}`;
    const tail = this.#console.text.slice(-TAIL_CHARACTERS);
    return new Error(
      `${what} in ${this.retired} instructions (${how}); the console ends:\n${tail}`,
    );
  }
}

export interface LinuxBoot {
  /** Paths on the host. */
  readonly kernel: string;
  readonly initrd?: string;
  readonly commandLine: string;
  readonly memoryMib: number;
  readonly bhyve: readonly string[];
}

/** tshyve linuxload, then bhyve up to the first instruction. */
export function startLinux(boot: LinuxBoot): GuestSession {
  const memory = new GuestMemory(boot.memoryMib * MIB);
  const { entry } = loadLinux(memory, {
    kernel: new FileByteSource(boot.kernel),
    kernelName: boot.kernel,
    ...(boot.initrd === undefined ? {} : { initrd: new FileByteSource(boot.initrd) }),
    commandLine: boot.commandLine,
  });
  return new GuestSession({ memory, entry, bhyve: boot.bhyve });
}

export interface FreebsdBoot {
  /** Path of the image on the host; the guest writes to it. */
  readonly disk: string;
  readonly memoryMib: number;
  readonly bhyve: readonly string[];
}

/** bhyveload, with nobody at its console, then bhyve up to the first instruction. */
export async function startFreebsd(boot: FreebsdBoot): Promise<GuestSession> {
  const memory = new GuestMemory(boot.memoryMib * MIB);
  const console = new ScriptedConsole([], false);
  const left = await runUserboot({ memory, console, devices: openLoaderDisk(boot.disk, 0) });
  if (left.kind !== "booted") throw new Error(`the loader: ${left.kind}\n${console.output}`);
  return new GuestSession({ memory, entry: left.entry, bhyve: boot.bhyve });
}
