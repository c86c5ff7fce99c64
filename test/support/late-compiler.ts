// SPDX-License-Identifier: BSD-2-Clause
// A compiler that translates on this thread, but has nothing to show for it until it was asked a few times: what
// another thread's pace looks like to the engine, the same in every run.
import {
  type TranslatedJob,
  type TranslationJob,
  translateAndCompile,
  type UnitCompiler,
  unitSources,
} from "../../src/cpu/jit/compiler.ts";

export class LateCompiler implements UnitCompiler {
  isReady = true;
  /** How often each job is asked for in vain. */
  delay: number;
  /** Jobs that were given to it. */
  taken = 0;
  readonly #jobs: TranslationJob[] = [];
  #asked = 0;

  constructor(delay: number) {
    this.delay = delay;
  }

  begin(job: TranslationJob): void {
    this.taken++;
    this.#jobs.push(structuredClone(job));
  }

  collect(): TranslatedJob | undefined {
    if (this.#jobs.length === 0 || this.#asked++ < this.delay) return undefined;
    this.#asked = 0;
    return translateAndCompile(unitSources(this.#jobs.shift()!), true, () => 0);
  }
}
