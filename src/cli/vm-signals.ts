// SPDX-License-Identifier: BSD-2-Clause
// What signals are to a VM that runs on this process. bhyve: SIGTERM is the power button once the guest's
// ACPI listens for it (usr.sbin/bhyve/pm.c); every other one ends the process. Here the VM is stopped between
// two instructions and its state kept; a second signal does not wait for that.
import type { VmThread } from "../host/vm-thread.ts";
import { dieOf, onOutputLost } from "./terminal.ts";

const ENDING: readonly NodeJS.Signals[] = ["SIGINT", "SIGHUP", "SIGQUIT"];

export class VmSignals {
  readonly #thread: VmThread;
  readonly #undo: (() => void)[] = [];
  #endedBy: NodeJS.Signals | undefined;

  /** Listens until it is closed. */
  constructor(thread: VmThread) {
    this.#thread = thread;
    this.#on("SIGTERM", () => void this.#pressPowerButton());
    for (const signal of ENDING) this.#on(signal, () => this.#end(signal));
    this.#undo.push(onOutputLost(() => this.#end("SIGPIPE")));
  }

  /** The signal that the VM was stopped for. */
  get endedBy(): NodeJS.Signals | undefined {
    return this.#endedBy;
  }

  close(): void {
    for (const undo of this.#undo) undo();
  }

  #on(signal: NodeJS.Signals, listener: () => void): void {
    process.on(signal, listener);
    this.#undo.push(() => process.off(signal, listener));
  }

  async #pressPowerButton(): Promise<void> {
    try {
      const reply = await this.#thread.request({ kind: "power-button" });
      if (reply.kind === "power-button" && !reply.isHeard) this.#end("SIGTERM");
    } catch {
      // The VM has ended meanwhile.
    }
  }

  #end(signal: NodeJS.Signals): void {
    if (this.#endedBy !== undefined && signal !== "SIGPIPE") dieOf(signal);
    this.#endedBy ??= signal;
    this.#thread.request({ kind: "stop" }).catch(() => {});
  }
}
