// SPDX-License-Identifier: BSD-2-Clause
// From units of guest blocks to one WebAssembly module. Pure: it reads records and writes bytes, and knows
// neither the vCPU nor its thread.
import { BLOCK_KEY } from "../interp/code-cache.ts";
import { type RuntimeFunctions, type UnitBlock, UnitEmitter } from "./emitter.ts";
import { lowerBlock } from "./lowerings.ts";
import { placeFunction, storeFunction } from "./unit-helpers.ts";
import { ModuleBuilder } from "./wasm/module-builder.ts";
import { TYPE_F64, TYPE_I32, TYPE_I64 } from "./wasm/opcodes.ts";

/** A unit as the translator gets it: block headers in `code`, in order of address. */
export interface UnitSource {
  readonly code: Int32Array;
  readonly blocks: readonly UnitBlock[];
  /** Its place in the table, 0 if it gets none. */
  readonly slot: number;
}

/** Imported functions, by the names that the runtime gives them (jit/runtime.ts). */
export type RuntimeImport =
  | "refill"
  | "storeAcross"
  | "exec"
  | "execAndLook"
  | "ticks"
  | "condition"
  | "settle";

/** Imported beside them, to go on to another unit: (entry, place in the table) → EXIT_. */
export const IMPORT_CHAIN = "chain";

/** Hears of each unit's function when it is written, and what there is to know of it. */
export type UnitListener = (emitter: UnitEmitter) => void;

/**
 * The module's bytes; unit `n` is exported as `u<n>`. Unless they are linked, units do not lead to each other, and
 * whoever calls one has it back behind its last block.
 */
export function translate(
  units: readonly UnitSource[],
  isLinked: boolean,
  listener?: UnitListener,
): Uint8Array {
  const module = new ModuleBuilder();
  const unitType = module.type([TYPE_I32], [TYPE_I32]);
  const refill = module.importFunction(
    "refill",
    module.type([TYPE_I32, TYPE_I32, TYPE_I32], [TYPE_I32]),
  );
  const storeAcross = module.importFunction(
    "storeAcross",
    module.type([TYPE_I32, TYPE_I32, TYPE_I32, TYPE_I32, TYPE_I32], [TYPE_I32]),
  );
  const imported = {
    exec: module.importFunction("exec", unitType),
    execAndLook: module.importFunction("execAndLook", unitType),
    ticks: module.importFunction("ticks", module.type([], [TYPE_F64])),
    condition: module.importFunction("condition", unitType),
    settle: module.importFunction("settle", module.type([], [])),
    chain: isLinked
      ? module.importFunction(IMPORT_CHAIN, module.type([TYPE_I32, TYPE_I32], [TYPE_I32]))
      : undefined,
  };
  // Behind the units come the functions that they share.
  const runtime: RuntimeFunctions = {
    ...imported,
    place: module.functionIndex(units.length),
    store: module.functionIndex(units.length + 1),
  };
  units.forEach(({ code, blocks, slot }, index) => {
    const key = code[blocks[0]!.at + BLOCK_KEY]!;
    const emitter = new UnitEmitter(code, blocks, runtime, key, slot);
    module.add(unitType, emitter.build(lowerBlock), `u${index}`);
    listener?.(emitter);
  });
  module.add(module.type([TYPE_I64, TYPE_I32], [TYPE_I32]), placeFunction(refill), "place");
  const storeType = module.type([TYPE_I64, TYPE_I64, TYPE_I32], [TYPE_I32]);
  module.add(storeType, storeFunction(refill, storeAcross), "store");
  return module.finish();
}
