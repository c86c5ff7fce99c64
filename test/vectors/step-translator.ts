// SPDX-License-Identifier: BSD-2-Clause
// Single steps of many vectors translated together: a WebAssembly module of its own for each costs a millisecond,
// and a million of them half an hour. Each vector still runs through the unit that its own bytes were translated to.

import type { CpuTrace } from "../../src/cpu/cpu.ts";
import { BlockBuilder } from "../../src/cpu/interp/block-builder.ts";
import { BLOCK_KEY, BLOCK_OFFSET, BLOCK_WORDS, SCRATCH } from "../../src/cpu/interp/code-cache.ts";
import { EXIT_BAIL } from "../../src/cpu/interp/translation.ts";
import type { TranslationEngine } from "../../src/cpu/jit/engine.ts";
import { RIP } from "../../src/cpu/state-layout.ts";
import type { Vcpu } from "../../src/cpu/vcpu.ts";
import { GUEST_FAULT } from "../../src/mmu/page-fault.ts";

/** How often units were entered, how often they left an instruction to the interpreter, and what they retired. */
export interface UnitUse {
  readonly entered: number;
  readonly bailed: number;
  readonly retired: number;
}

export class StepTranslator {
  readonly #vcpu: Vcpu;
  readonly #translation: TranslationEngine;
  readonly #builder: BlockBuilder;
  /** Has the vCPU take each instruction by itself, as a block that is not kept, and stop where one faults. */
  readonly #trace: CpuTrace;
  #blocks: Int32Array[] = [];

  constructor(vcpu: Vcpu, translation: TranslationEngine) {
    this.#vcpu = vcpu;
    this.#translation = translation;
    this.#builder = new BlockBuilder(vcpu.cpu);
    this.#trace = {
      wantsInstructions: true,
      instruction() {},
      fault: () => vcpu.stop(),
      interrupt() {},
    };
  }

  /** The vCPU's next instruction is to be translated; nothing is where its fetch faults. */
  add(): void {
    const { cpu } = this.#vcpu;
    try {
      const block = this.#builder.shortBlock(1);
      const code = cpu.code.slice(0, block + cpu.code[block + BLOCK_WORDS]!);
      code[SCRATCH + BLOCK_OFFSET] = cpu.s[RIP]! & 0xfff;
      code[SCRATCH + BLOCK_KEY] = cpu.codeKey;
      this.#blocks.push(code);
    } catch (signal) {
      if (signal !== GUEST_FAULT) throw signal;
    }
  }

  /** Translates all that were added since the latest call, for the steps that the vCPU takes from now on. */
  translate(): void {
    this.#vcpu.cpu.trace = this.#trace;
    this.#translation.prepare(this.#blocks);
    this.#blocks = [];
  }

  /** Since the vCPU was made. */
  get use(): UnitUse {
    const { exits, retired } = this.#translation.counters;
    const entered = exits.reduce((sum, times) => sum + times, 0);
    return { entered, bailed: exits[EXIT_BAIL]!, retired };
  }
}
