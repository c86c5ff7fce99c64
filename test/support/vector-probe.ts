// SPDX-License-Identifier: BSD-2-Clause
// One vector instruction at a time on chosen registers: what is left in them, and which exception was raised.
import type { ProcessorModel } from "../../src/cpu/model.ts";
import { YMM, YMM_WORDS } from "../../src/cpu/state-layout.ts";
import { CODE, TestMachine } from "./test-machine.ts";

/** A machine in 64-bit mode that reports the first exception of what it runs. */
export class VectorProbe {
  readonly machine: TestMachine;
  fault = 0;

  constructor(
    enter: (machine: TestMachine) => void = (machine) => machine.enterLongMode(),
    model?: ProcessorModel,
  ) {
    this.machine = new TestMachine(model);
    enter(this.machine);
    this.machine.vcpu.cpu.trace = {
      wantsInstructions: false,
      instruction() {},
      fault: (vector) => {
        if (this.fault === 0) this.fault = vector;
      },
      interrupt() {},
    };
  }

  /** The exception that the instruction raises; 0 if it completes. */
  run(code: readonly number[]): number {
    this.fault = 0;
    this.machine.load(code, CODE);
    this.machine.run(1);
    return this.fault;
  }

  word(register: number, index: number): number {
    return this.machine.state[YMM + YMM_WORDS * register + index]! >>> 0;
  }

  setWords(register: number, words: readonly number[]): void {
    words.forEach((word, i) => {
      this.machine.state[YMM + YMM_WORDS * register + i] = word;
    });
  }
}
