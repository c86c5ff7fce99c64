// SPDX-License-Identifier: BSD-2-Clause
// The thread of {@link CompileThread}: units of guest code come in, modules go out.
import { workerData } from "node:worker_threads";
import { type TranslationJob, translateAndCompile, unitSources } from "../cpu/jit/compiler.ts";
import {
  type CompileWorkerData,
  JOBS_DONE,
  STATE_GONE,
  STATE_READY,
  THREAD_STATE,
} from "./compile-thread.ts";

const { words: buffer, port } = workerData as CompileWorkerData;
const words = new Int32Array(buffer);

port.on("message", (job: TranslationJob) => {
  port.postMessage(translateAndCompile(unitSources(job), true, () => performance.now()));
  Atomics.add(words, JOBS_DONE, 1);
});
process.on("exit", () => Atomics.store(words, THREAD_STATE, STATE_GONE));
Atomics.store(words, THREAD_STATE, STATE_READY);
