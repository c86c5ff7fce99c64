// SPDX-License-Identifier: BSD-2-Clause
// What V8's compilers have to know of us. Its defaults suit a program of a hundred functions, each of which matters;
// a kernel's boot makes a thousand large ones of which few do, and runs one huge function from the first moment on.
// See docs/quirks.md for what each costs.
import v8 from "node:v8";
import { rehearse } from "../cpu/interp/rehearsal.ts";

const FLAGS = [
  // WebAssembly is optimised, on other threads, once a function has executed that many bytes of code: some tenths of
  // a second in it. Optimising all that V8 would took more than half of a boot's processor time.
  "--wasm-tiering-budget=1000000000",
  // Who has WebAssembly compiled has it done there and then: the thread that translates, not the one that calls.
  "--no-wasm-lazy-compilation",
];

let isDone = false;

/** To be called before the first vCPU is made. It holds for all that this process compiles from then on. */
export function tuneCompilers(): void {
  if (isDone) return;
  isDone = true;
  for (const flag of FLAGS) v8.setFlagsFromString(flag);
  // Functions usually begin to note what they see when they have been called for a while.
  v8.setFlagsFromString("--no-lazy-feedback-allocation");
  rehearse();
  v8.setFlagsFromString("--lazy-feedback-allocation");
}
