// SPDX-License-Identifier: BSD-2-Clause
// The WebAssembly table that units call each other through. A unit that is dropped leaves a stub behind,
// because the jump cache may still lead there. Hosts keep every instance that imports a table as long as the
// table lives, and some give each instance a copy of it: a table is small, and one that is used up is thrown
// away as a whole.
import type { GuestMemory } from "../../mmu/guest-memory.ts";
import { EXIT_LOOKUP } from "../interp/translation.ts";
import { FunctionBuilder } from "./wasm/function-builder.ts";
import { IMPORT_MEMORY, IMPORT_MODULE, ModuleBuilder } from "./wasm/module-builder.ts";
import { TYPE_I32 } from "./wasm/opcodes.ts";

/** The value of a unit's function: what to do next. Its parameter is the block to begin with. */
export type UnitFunction = (entry: number) => number;

const CAPACITY = 1 << 13;

/** A function that does nothing: all state is in the vCPU's block already, and RIP is set. */
function stubBody(): Uint8Array {
  const module = new ModuleBuilder(false);
  const fn = new FunctionBuilder(1);
  fn.i32(EXIT_LOOKUP);
  module.add(module.type([TYPE_I32], [TYPE_I32]), fn.finish(), "stub");
  return module.finish();
}

export class UnitTable {
  readonly table = new WebAssembly.Table({ element: "anyfunc", initial: CAPACITY });
  readonly #stub: UnitFunction;
  /** The same functions: a lookup in JavaScript is cheaper than the table's. */
  readonly #functions: UnitFunction[] = [];
  /** Place 0 means "no unit". */
  #next = 1;

  constructor(memory: GuestMemory["memory"]) {
    const module = new WebAssembly.Module(stubBody());
    const imports = { [IMPORT_MODULE]: { [IMPORT_MEMORY]: memory } };
    const instance = new WebAssembly.Instance(module, imports);
    this.#stub = instance.exports["stub"] as UnitFunction;
    this.#functions.push(this.#stub);
  }

  /** How many places {@link install} can still give out. */
  get room(): number {
    return CAPACITY - this.#next;
  }

  install(unit: UnitFunction): number {
    const slot = this.#next++;
    this.table.set(slot, unit);
    this.#functions[slot] = unit;
    return slot;
  }

  drop(slot: number): void {
    this.table.set(slot, this.#stub);
    this.#functions[slot] = this.#stub;
  }

  call(slot: number, entry: number): number {
    return this.#functions[slot]!(entry);
  }
}
