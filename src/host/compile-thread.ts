// SPDX-License-Identifier: BSD-2-Clause
// A thread that translates guest code while the vCPU's runs on. Neither side of this one needs an event loop: jobs
// go by a message port, and what is done is counted in shared memory, where looking costs nothing.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  MessageChannel,
  type MessagePort,
  receiveMessageOnPort,
  Worker,
} from "node:worker_threads";
import type { TranslatedJob, TranslationJob, UnitCompiler } from "../cpu/jit/compiler.ts";

/** Words that both threads see: the other one is at work (1) or gone (2); jobs that it has done. */
export const THREAD_STATE = 0;
export const JOBS_DONE = 1;
const WORDS = 2;

export const STATE_READY = 1;
export const STATE_GONE = 2;

/** What the thread starts with. */
export interface CompileWorkerData {
  readonly words: SharedArrayBuffer;
  readonly port: MessagePort;
}

export class CompileThread implements UnitCompiler {
  readonly #url: URL;
  readonly #words = new Int32Array(new SharedArrayBuffer(4 * WORDS));
  #worker: Worker | undefined;
  #port: MessagePort | undefined;
  #collected = 0;

  private constructor(url: URL) {
    this.#url = url;
  }

  /** Undefined where the thread's program is not beside ours: in a copy that was bundled into something else. */
  static create(): CompileThread | undefined {
    // There is none in a CommonJS bundle.
    const here: string | undefined = import.meta.url;
    if (here?.startsWith("file:") !== true) return undefined;
    const url = new URL("./compile-worker.js", here);
    return existsSync(fileURLToPath(url)) ? new CompileThread(url) : undefined;
  }

  /** Asking starts the thread: a VM whose code never gets hot has none. */
  get isReady(): boolean {
    const state = Atomics.load(this.#words, THREAD_STATE);
    if (this.#worker === undefined && state !== STATE_GONE) this.#start();
    return state === STATE_READY;
  }

  #start(): void {
    const { port1, port2 } = new MessageChannel();
    const workerData: CompileWorkerData = {
      words: this.#words.buffer as SharedArrayBuffer,
      port: port2,
    };
    this.#worker = new Worker(this.#url, {
      workerData,
      transferList: [port2],
      name: "tshyve translator",
    });
    this.#worker.on("error", () => this.close());
    this.#worker.unref();
    this.#port = port1;
    port1.unref();
  }

  begin(job: TranslationJob): void {
    this.#port?.postMessage(job, [job.code.buffer as ArrayBuffer, job.units.buffer as ArrayBuffer]);
  }

  collect(): TranslatedJob | undefined {
    if (this.#port === undefined || Atomics.load(this.#words, JOBS_DONE) === this.#collected)
      return undefined;
    this.#collected = (this.#collected + 1) | 0;
    return receiveMessageOnPort(this.#port)?.message as TranslatedJob | undefined;
  }

  /** Ends the thread; {@link isReady} is false from then on. */
  close(): void {
    Atomics.store(this.#words, THREAD_STATE, STATE_GONE);
    this.#port?.close();
    void this.#worker?.terminate();
  }
}
