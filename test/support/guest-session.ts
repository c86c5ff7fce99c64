// SPDX-License-Identifier: BSD-2-Clause
// A loaded kernel in a machine of this process, and somebody at its serial console. Time is virtual: what is waited
// for is bounded by instructions, and a session repeats to the instruction on any host.
import { parseBhyveOptions } from "../../src/cli/bhyve-options.ts";
import type { CharBackend } from "../../src/devices/backend/char-backend.ts";
import { openBlockFile } from "../../src/host/file-block-backend.ts";
import type { EntryState } from "../../src/loader/entry-state.ts";
import type { GuestMemory } from "../../src/mmu/guest-memory.ts";
import { applyEntryState } from "../../src/vmm/entry-state.ts";
import { Machine } from "../../src/vmm/machine.ts";
import { machineConfig } from "../../src/vmm/machine-config.ts";
import type { RunResult } from "../../src/vmm/run-loop.ts";
import { SUSPEND_STATUS } from "../../src/vmm/suspend.ts";

/** Enough for any boot of a general-purpose system. */
const PATIENCE = 20_000_000_000;
/** How much of the console an error shows. */
const TAIL_CHARACTERS = 2000;

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
  waitFor(text: string, patience = PATIENCE): string {
    this.#console.want(text);
    const result = this.#console.isSatisfied ? "stopped" : this.#run(patience);
    this.#console.want(undefined);
    if (!this.#has(text)) throw this.#disappointed(`«${text}» did not come`, result);
    return this.#console.takeTo(text);
  }

  type(text: string): void {
    this.#console.type(text);
  }

  /** Types a line at a prompt that has come, and returns what there is up to the next. */
  command(line: string, prompt: string): string {
    this.type(`${line}\n`);
    return this.waitFor(prompt);
  }

  /** Runs to the guest's own end: bhyve's status. Throws if there is none within `patience`. */
  runToEnd(patience = PATIENCE): number {
    const result = this.#run(patience);
    const { suspended } = this.machine;
    if (suspended === undefined) throw this.#disappointed("the guest did not stop", result);
    this.machine.close();
    return SUSPEND_STATUS[suspended];
  }

  #run(patience: number): RunResult {
    return this.machine.loop.run(this.retired + patience);
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
