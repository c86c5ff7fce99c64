// SPDX-License-Identifier: BSD-2-Clause
// The parts of a module that ModuleBuilder has written.
import { ByteReader } from "./byte-reader.ts";
import {
  KIND_FUNCTION,
  SECTION_CODE,
  SECTION_EXPORT,
  SECTION_FUNCTION,
  SECTION_IMPORT,
  SECTION_TYPE,
} from "./module-builder.ts";

export interface FunctionType {
  readonly parameters: readonly number[];
  readonly results: readonly number[];
}

export interface ReadFunction {
  readonly type: FunctionType;
  /** What it is exported as; undefined if it is not. */
  readonly name: string | undefined;
  /** Locals and code, as FunctionBuilder's `finish` gives them. */
  readonly body: Uint8Array;
}

export interface ReadModule {
  readonly imports: readonly { readonly name: string; readonly type: FunctionType }[];
  readonly functions: readonly ReadFunction[];
}

const HEADER_BYTES = 8;

/** Throws a RangeError for bytes that end too early. */
export function readModule(bytes: Uint8Array): ReadModule {
  const sections = new Map<number, Uint8Array>();
  const reader = new ByteReader(bytes);
  reader.bytes(HEADER_BYTES);
  while (!reader.isAtEnd) sections.set(reader.byte(), reader.sized());
  const types = list(sections.get(SECTION_TYPE), readType);
  const imports = list(sections.get(SECTION_IMPORT), readImport).flatMap(({ name, type }) =>
    type === undefined ? [] : [{ name, type: types[type]! }],
  );
  const exports = new Map(
    list(sections.get(SECTION_EXPORT), (each) => {
      const name = each.name();
      const isFunction = each.byte() === KIND_FUNCTION;
      const index = each.u32();
      return [isFunction ? index : -1, name] as const;
    }),
  );
  const typeIndexes = list(sections.get(SECTION_FUNCTION), (each) => each.u32());
  const functions = list(sections.get(SECTION_CODE), (each) => each.sized()).map((body, index) => ({
    type: types[typeIndexes[index]!]!,
    name: exports.get(imports.length + index),
    body,
  }));
  return { imports, functions };
}

function list<T>(section: Uint8Array | undefined, read: (reader: ByteReader) => T): T[] {
  if (section === undefined) return [];
  const reader = new ByteReader(section);
  return Array.from({ length: reader.u32() }, () => read(reader));
}

function readType(reader: ByteReader): FunctionType {
  reader.byte();
  return { parameters: [...reader.sized()], results: [...reader.sized()] };
}

/** `type` is undefined for the memory. */
function readImport(reader: ByteReader): { name: string; type: number | undefined } {
  reader.name();
  const name = reader.name();
  if (reader.byte() === KIND_FUNCTION) return { name, type: reader.u32() };
  reader.byte();
  reader.u32();
  reader.u32();
  return { name, type: undefined };
}
