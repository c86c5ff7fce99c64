// SPDX-License-Identifier: BSD-2-Clause
// Functions that all units of a module share: what becomes of a memory access that the probe in line does not find in
// the TLB (memory-path.ts). They are WebAssembly because a 64-bit address in a call to JavaScript would be a BigInt.
import type { ByteBuffer } from "./wasm/byte-buffer.ts";
import { FunctionBuilder, type Local } from "./wasm/function-builder.ts";
import { TYPE_I32 } from "./wasm/opcodes.ts";

/** Beside the size in what a place is asked for: it is for a store. */
export const PLACE_WRITE = 0x100;

/** There is no place: the access faults, lies in two pages, or is a device's. */
export const NO_PLACE = -1;

function pushHalves(fn: FunctionBuilder, value: Local): void {
  fn.get(value).op("i32.wrap_i64");
  fn.get(value).i64(32).op("i64.shr_u").op("i32.wrap_i64");
}

/** (address, size and PLACE_WRITE) → place in the machine's memory, or NO_PLACE. `refill`: see jit/runtime.ts. */
export function placeFunction(refill: number): ByteBuffer {
  const fn = new FunctionBuilder(2);
  pushHalves(fn, fn.parameter(0));
  fn.get(fn.parameter(1)).call(refill);
  return fn.finish();
}

/** (address, value, size) → 0 if it was stored, else the interpreter has to. `storeAcross`: see jit/runtime.ts. */
export function storeFunction(refill: number, storeAcross: number): ByteBuffer {
  const fn = new FunctionBuilder(3);
  const address = fn.parameter(0);
  const value = fn.parameter(1);
  const size = fn.parameter(2);
  const place = fn.local(TYPE_I32);
  pushHalves(fn, address);
  fn.get(size).i32(PLACE_WRITE).op("i32.or").call(refill).tee(place);
  fn.i32(NO_PLACE).op("i32.eq").if();
  pushHalves(fn, address);
  pushHalves(fn, value);
  fn.get(size).call(storeAcross).op("return").end();
  for (const [bytes, store] of [
    [8, "i64.store"],
    [4, "i64.store32"],
    [2, "i64.store16"],
    [1, "i64.store8"],
  ] as const) {
    fn.get(size).i32(bytes).op("i32.eq").if();
    fn.get(place).get(value).memory(store);
    fn.end();
  }
  fn.i32(0);
  return fn.finish();
}
