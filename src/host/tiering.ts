// SPDX-License-Identifier: BSD-2-Clause
// When the host's optimising compiler takes over a function of WebAssembly. V8 compiles quickly first, and optimises
// on other threads what has executed so many bytes of code. Its own idea of "so many" is a few milliseconds' worth,
// which suits a program of a hundred functions: a kernel's boot makes a thousand large ones of which few matter, and
// optimising all of them cost more than half of the processor time. See docs/quirks.md.
import v8 from "node:v8";

/** Bytes of code, as V8 counts them: some tenths of a second in one function. */
const BUDGET = 1_000_000_000;

let isSet = false;

/** To be called before the first translation. It holds for all WebAssembly that this process compiles from then on. */
export function optimiseLate(): void {
  if (isSet) return;
  isSet = true;
  v8.setFlagsFromString(`--wasm-tiering-budget=${BUDGET}`);
}
