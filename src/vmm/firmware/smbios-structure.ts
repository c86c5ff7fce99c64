// SPDX-License-Identifier: BSD-2-Clause
// How SMBIOS structures are laid out, whatever they say: DSP0134 §6.1.2 (header) and §6.1.3 (the strings
// that follow the formatted area, referred to by number).
import { ByteWriter, concatBytes } from "../../base/byte-writer.ts";

const HEADER_BYTES = 4;

/** A reference to a structure that there is not. */
export const NO_HANDLE = 0xffff;

/** The formatted area of one structure, past its header, with the strings that it refers to. */
class StructureFields extends ByteWriter {
  readonly #strings: string[] = [];

  /** Appends the number of a string: 0, none, for an empty one, which would end the list. */
  string(characters: string): this {
    return this.u8(characters === "" ? 0 : this.#strings.push(characters));
  }

  /** The list of strings, each ended by a zero byte, then another; two zero bytes if there are none. */
  stringBytes(): Uint8Array {
    const writer = new ByteWriter();
    for (const characters of this.#strings) writer.text(characters).u8(0);
    if (this.#strings.length === 0) writer.u8(0);
    return writer.u8(0).toBytes();
  }
}

/** Structures in the order they were added. Handles count from 1. */
export class StructureTable {
  readonly #structures: Uint8Array[] = [];

  get count(): number {
    return this.#structures.length;
  }

  /** Bytes of the largest structure, with its strings. */
  get largestBytes(): number {
    return Math.max(0, ...this.#structures.map((structure) => structure.length));
  }

  /** The handle that the next structure will get. */
  get nextHandle(): number {
    return this.count + 1;
  }

  /** Adds a structure of fields that `fill` appends, and returns its handle. */
  add(type: number, fill: (fields: StructureFields) => void): number {
    const handle = this.nextHandle;
    const fields = new StructureFields();
    fill(fields);
    const header = new ByteWriter()
      .u8(type)
      .u8(HEADER_BYTES + fields.length)
      .u16(handle);
    this.#structures.push(concatBytes([header.toBytes(), fields.toBytes(), fields.stringBytes()]));
    return handle;
  }

  toBytes(): Uint8Array {
    return concatBytes(this.#structures);
  }
}
