// SPDX-License-Identifier: BSD-2-Clause
// The WebAssembly table that units are entered through, and the one module that knows it. Units go on to each
// other by that module's function: hosts give every instance that imports a table a copy of it, and keep such
// instances as long as the table lives, while a function is imported for nothing. A unit that is dropped leaves
// a stub behind, because the jump cache may still lead there.
import type { GuestMemory } from "../../mmu/guest-memory.ts";
import { EXIT_LOOKUP } from "../interp/translation.ts";
import { FunctionBuilder } from "./wasm/function-builder.ts";
import {
  EXPORT_TABLE,
  IMPORT_MEMORY,
  IMPORT_MODULE,
  ModuleBuilder,
} from "./wasm/module-builder.ts";
import { TYPE_I32 } from "./wasm/opcodes.ts";

/** The value of a unit's function: what to do next. Its parameter is the block to begin with. */
export type UnitFunction = (entry: number) => number;

const CAPACITY = 1 << 16;

/** `stub` does nothing: all state is in the vCPU's block already, and RIP is set. `enter` runs a unit. */
function hubModule(): Uint8Array {
  const module = new ModuleBuilder(CAPACITY);
  const unitType = module.type([TYPE_I32], [TYPE_I32]);
  const stub = new FunctionBuilder(1);
  stub.i32(EXIT_LOOKUP);
  module.add(unitType, stub.finish(), "stub");
  const enter = new FunctionBuilder(2);
  enter.get(enter.parameter(0)).get(enter.parameter(1)).returnCallIndirect(unitType);
  module.add(module.type([TYPE_I32, TYPE_I32], [TYPE_I32]), enter.finish(), "enter");
  return module.finish();
}

export class UnitTable {
  /** Runs the unit at a place of the table from one of its blocks on; an EXIT_. */
  readonly enter: (entry: number, slot: number) => number;
  readonly #table: WebAssembly.Table;
  readonly #stub: UnitFunction;
  /** Place 0 means "no unit". */
  #next = 1;

  constructor(memory: GuestMemory["memory"]) {
    const module = new WebAssembly.Module(hubModule());
    const imports = { [IMPORT_MODULE]: { [IMPORT_MEMORY]: memory } };
    const { exports } = new WebAssembly.Instance(module, imports);
    this.#table = exports[EXPORT_TABLE] as WebAssembly.Table;
    this.#stub = exports["stub"] as UnitFunction;
    this.enter = exports["enter"] as UnitTable["enter"];
  }

  /** How many places {@link reserve} can still give out. */
  get room(): number {
    return CAPACITY - this.#next;
  }

  /** A place for a unit that is about to be translated. */
  reserve(): number {
    return this.#next++;
  }

  install(slot: number, unit: UnitFunction): void {
    this.#table.set(slot, unit);
  }

  drop(slot: number): void {
    this.#table.set(slot, this.#stub);
  }
}
