// SPDX-License-Identifier: BSD-2-Clause
// The worker that a VM's thread runs in. Loading what it needs takes it as long as a command takes to read its arguments
// and the registry: it can begin with that before anybody knows which VM it will run.
import { Worker } from "node:worker_threads";

let prepared: Worker | undefined;

/** Starts a worker for the next {@link vmWorker}. If none is asked for, it does not keep the process. */
export function prepareVmWorker(): void {
  const worker = start();
  worker.unref();
  // Whoever asks for one then gets another, and is told what is wrong with that.
  worker.once("error", () => {
    if (prepared === worker) prepared = undefined;
  });
  prepared = worker;
}

/** A worker that waits for its VmWorkerData as its first message. */
export function vmWorker(): Worker {
  const worker = prepared ?? start();
  prepared = undefined;
  worker.ref();
  return worker;
}

function start(): Worker {
  return new Worker(new URL("./vm-worker.js", import.meta.url));
}
