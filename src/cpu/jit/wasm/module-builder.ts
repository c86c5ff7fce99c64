// SPDX-License-Identifier: BSD-2-Clause
// A WebAssembly module of functions over an imported shared memory, and a table of functions if it wants one.
// WebAssembly core specification 2.0, §5.5; threads proposal for the shared memory's limits.
import { ByteBuffer } from "./byte-buffer.ts";
import { TYPE_FUNCREF, type ValueType } from "./opcodes.ts";

export const SECTION_TYPE = 1;
export const SECTION_IMPORT = 2;
export const SECTION_FUNCTION = 3;
const SECTION_TABLE = 4;
export const SECTION_EXPORT = 7;
export const SECTION_CODE = 10;

export const KIND_FUNCTION = 0;
const KIND_TABLE = 1;
const KIND_MEMORY = 2;

/** Module name of all imports. */
export const IMPORT_MODULE = "m";
export const IMPORT_MEMORY = "memory";
/** Name under which a module exports its table. */
export const EXPORT_TABLE = "table";

const MAX_MEMORY_PAGES = 65536;

interface Signature {
  readonly parameters: readonly ValueType[];
  readonly results: readonly ValueType[];
}

export class ModuleBuilder {
  readonly #types: Signature[] = [];
  readonly #imports: { readonly name: string; readonly type: number }[] = [];
  readonly #functions: {
    readonly type: number;
    readonly body: ByteBuffer;
    readonly name: string | undefined;
  }[] = [];

  readonly #tableEntries: number;

  /** With a table of so many functions of its own, if there are any, which it exports. */
  constructor(tableEntries = 0) {
    this.#tableEntries = tableEntries;
  }

  /** Index of a function type; equal ones share one. */
  type(parameters: readonly ValueType[], results: readonly ValueType[]): number {
    const wanted = `${parameters}>${results}`;
    const known = this.#types.findIndex((type) => `${type.parameters}>${type.results}` === wanted);
    if (known >= 0) return known;
    return this.#types.push({ parameters, results }) - 1;
  }

  /** All imports come before the first {@link add}. The function's index. */
  importFunction(name: string, type: number): number {
    return this.#imports.push({ name, type }) - 1;
  }

  /** Adds a finished function, exported under `name` if there is one. Its index. */
  add(type: number, body: ByteBuffer, name?: string): number {
    this.#functions.push({ type, body, name });
    return this.functionIndex(this.#functions.length - 1);
  }

  /** Index that the {@link add}ed function at a position has, or will have. */
  functionIndex(position: number): number {
    return this.#imports.length + position;
  }

  finish(): Uint8Array {
    const module = new ByteBuffer(16 * 1024);
    module.bytes([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]);
    this.#section(module, SECTION_TYPE, this.#typeSection());
    this.#section(module, SECTION_IMPORT, this.#importSection());
    this.#section(module, SECTION_FUNCTION, this.#functionSection());
    if (this.#tableEntries > 0) this.#section(module, SECTION_TABLE, this.#tableSection());
    this.#section(module, SECTION_EXPORT, this.#exportSection());
    this.#section(module, SECTION_CODE, this.#codeSection());
    return module.view().slice();
  }

  #section(module: ByteBuffer, id: number, content: ByteBuffer): void {
    module.byte(id);
    module.sized(content);
  }

  #typeSection(): ByteBuffer {
    const section = new ByteBuffer();
    section.u32(this.#types.length);
    for (const { parameters, results } of this.#types) {
      section.byte(0x60);
      section.u32(parameters.length);
      section.bytes(parameters);
      section.u32(results.length);
      section.bytes(results);
    }
    return section;
  }

  #importSection(): ByteBuffer {
    const section = new ByteBuffer();
    section.u32(this.#imports.length + 1);
    for (const { name, type } of this.#imports) {
      section.name(IMPORT_MODULE);
      section.name(name);
      section.byte(KIND_FUNCTION);
      section.u32(type);
    }
    section.name(IMPORT_MODULE);
    section.name(IMPORT_MEMORY);
    // Shared, with a maximum.
    section.bytes([KIND_MEMORY, 0x03]);
    section.u32(1);
    section.u32(MAX_MEMORY_PAGES);
    return section;
  }

  #functionSection(): ByteBuffer {
    const section = new ByteBuffer();
    section.u32(this.#functions.length);
    for (const { type } of this.#functions) section.u32(type);
    return section;
  }

  #tableSection(): ByteBuffer {
    const section = new ByteBuffer();
    // One table, without a maximum.
    section.bytes([0x01, TYPE_FUNCREF, 0x00]);
    section.u32(this.#tableEntries);
    return section;
  }

  #exportSection(): ByteBuffer {
    const section = new ByteBuffer();
    const named = this.#functions.filter(({ name }) => name !== undefined).length;
    section.u32(named + (this.#tableEntries > 0 ? 1 : 0));
    if (this.#tableEntries > 0) {
      section.name(EXPORT_TABLE);
      section.byte(KIND_TABLE);
      section.u32(0);
    }
    this.#functions.forEach(({ name }, index) => {
      if (name === undefined) return;
      section.name(name);
      section.byte(KIND_FUNCTION);
      section.u32(this.#imports.length + index);
    });
    return section;
  }

  #codeSection(): ByteBuffer {
    const section = new ByteBuffer(16 * 1024);
    section.u32(this.#functions.length);
    for (const { body } of this.#functions) section.sized(body);
    return section;
  }
}
