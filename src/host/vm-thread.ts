// SPDX-License-Identifier: BSD-2-Clause
// The main thread's handle of a VM's thread: starts it, carries the console, passes requests on, waits for
// the end.
import type { Worker } from "node:worker_threads";
import { VmmError } from "../base/errors.ts";
import type { ControlReply, ControlRequest } from "../vmm/control-protocol.ts";
import { ByteChannel } from "./byte-channel.ts";
import { Doorbell } from "./doorbell.ts";
import type { FromVm, VmOutcome, VmRequest, VmWorkerData } from "./vm-protocol.ts";

const INPUT_BYTES = 4096;
const OUTPUT_BYTES = 64 * 1024;

export interface VmThreadOptions {
  readonly directory: string;
  readonly name: string;
  readonly config: Readonly<Record<string, string>>;
  /** Waits for its data: see host/vm-worker-start.ts. */
  readonly worker: Worker;
  /** Console output. A promise holds back what follows. */
  readonly output: (bytes: Uint8Array) => void | Promise<void>;
  readonly warn: (message: string) => void;
}

export class VmThread {
  readonly outcome: Promise<VmOutcome>;
  readonly #worker: Worker;
  readonly #input = new ByteChannel(INPUT_BYTES);
  readonly #output = new ByteChannel(OUTPUT_BYTES);
  readonly #vmBell = new Doorbell();
  readonly #mainBell = new Doorbell();
  readonly #options: VmThreadOptions;
  readonly #replies = new Map<number, (reply: ControlReply) => void>();
  #nextId = 1;
  #pending: Uint8Array[] = [];
  #onRoom: () => void = () => {};
  #isOver = false;

  constructor(options: VmThreadOptions) {
    this.#options = options;
    const data: VmWorkerData = {
      directory: options.directory,
      name: options.name,
      config: options.config,
      console: { input: this.#input.buffer, output: this.#output.buffer },
      bells: { vm: this.#vmBell.buffer, main: this.#mainBell.buffer },
    };
    this.#worker = options.worker;
    this.#worker.postMessage(data);
    const pump = this.#pump();
    this.outcome = this.#listen().then(async (outcome) => {
      this.#isOver = true;
      this.#mainBell.ring();
      await pump;
      return outcome;
    });
  }

  /** Bytes for the guest. False: hold back until `onRoom` is called. */
  type(bytes: Uint8Array): boolean {
    this.#pending.push(bytes);
    this.#feed();
    return this.#pending.length === 0;
  }

  onRoom(listener: () => void): void {
    this.#onRoom = listener;
  }

  #feed(): void {
    const had = this.#pending.length;
    while (this.#pending.length > 0) {
      const bytes = this.#pending[0]!;
      const taken = this.#input.write(bytes);
      if (taken < bytes.length) {
        this.#pending[0] = bytes.subarray(taken);
        break;
      }
      this.#pending.shift();
    }
    if (had > 0) this.#vmBell.ring();
    if (had > 0 && this.#pending.length === 0) this.#onRoom();
  }

  /** Asks the running VM; rejects with ERR_VM_STATE if it ends first. */
  request(request: ControlRequest): Promise<ControlReply> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#replies.set(id, resolve);
      void this.outcome.then(() => reject(new VmmError("ERR_VM_STATE", "the VM has ended")));
      this.#worker.postMessage({ id, request } satisfies VmRequest);
      this.#vmBell.ring();
    });
  }

  #listen(): Promise<VmOutcome> {
    return new Promise((resolve) => {
      this.#worker.on("message", (message: FromVm) => {
        if (message.type === "warning") this.#options.warn(message.message);
        else if (message.type === "ended") resolve(message.outcome);
        else {
          this.#replies.get(message.id)?.(message.reply);
          this.#replies.delete(message.id);
        }
      });
      this.#worker.on("error", (error) => {
        const message = `the VM's thread failed: ${error.stack ?? error.message}`;
        resolve({ kind: "failed", code: "ERR_INTERNAL", message });
      });
    });
  }

  /** Carries output until the VM has ended and all of it is written. */
  async #pump(): Promise<void> {
    for (;;) {
      await this.#mainBell.rung();
      this.#mainBell.answer();
      const bytes = this.#output.read();
      if (bytes.length > 0) {
        await this.#options.output(bytes);
        this.#vmBell.ring();
      }
      if (this.#pending.length > 0) this.#feed();
      if (this.#isOver && this.#output.length === 0) return;
    }
  }
}
