// SPDX-License-Identifier: BSD-2-Clause
// LZMA2: chunks of LZMA or of plain bytes, each with its sizes in front. A control byte says which, and what is reset:
//
//   0x00        the end
//   0x01, 0x02  plain bytes, size - 1 in two bytes; 0x01 resets the dictionary
//   0x80-0xff   LZMA: bits 4-0 and two bytes are the size - 1, two more the compressed size - 1; bits 6-5: 0 nothing,
//               1 state, 2 state and new properties in a byte, 3 the same and the dictionary
//
// The Linux kernel's xz_dec_lzma2.c has a table of these. A chunk is decoded when all of it is there: at most 64 KiB.
import { LzmaDecoder } from "./lzma-decoder.ts";

/** Uncompressed bytes of a chunk, at most. */
const MAX_CHUNK = 2 ** 21;
const FIRST_WINDOW = 64 * 1024;
/** As `xz -9` makes it is 64 MiB. */
const MAX_DICTIONARY = 128 * 1024 * 1024;

export type Lzma2Step =
  /** So many bytes are needed from the front of the input to go on. */
  | { readonly kind: "more"; readonly bytes: number }
  /** So many bytes of the input were used; `output` is borrowed until the next step. */
  | { readonly kind: "chunk"; readonly used: number; readonly output: Uint8Array }
  | { readonly kind: "end"; readonly used: number }
  | { readonly kind: "damaged"; readonly why: string };

const damaged = (why: string): Lzma2Step => ({ kind: "damaged", why });

/** The dictionary's size that a properties byte of the filter means; undefined if it is not read here. */
export function dictionaryBytes(property: number): number | undefined {
  if (property > 40) return undefined;
  const bytes = (2 | (property & 1)) * 2 ** (Math.floor(property / 2) + 11);
  return bytes <= MAX_DICTIONARY ? bytes : undefined;
}

export class Lzma2Decoder {
  readonly dictionaryBytes: number;
  readonly #lzma = new LzmaDecoder();
  /** What was decoded last: at least a dictionary, if there was so much. Grows to twice that and a chunk. */
  #window = new Uint8Array(FIRST_WINDOW);
  #end = 0;
  #position = 0;
  #needsDictionary = true;
  #needsProperties = true;

  constructor(dictionary: number) {
    this.dictionaryBytes = dictionary;
  }

  /** Begins anew, with data that knows nothing of what was before. */
  begin(): this {
    this.#needsDictionary = true;
    this.#needsProperties = true;
    return this;
  }

  /** Decodes the chunk at the front of `input`. */
  step(input: Uint8Array): Lzma2Step {
    const control = input[0];
    if (control === undefined) return { kind: "more", bytes: 1 };
    if (control === 0) return { kind: "end", used: 1 };
    return control < 0x80 ? this.#plain(control, input) : this.#compressed(control, input);
  }

  #plain(control: number, input: Uint8Array): Lzma2Step {
    if (control > 2) return damaged(`control byte ${control} is none`);
    if (control === 1) this.#resetDictionary();
    if (this.#needsDictionary) return damaged("it does not begin with a new dictionary");
    if (input.length < 3) return { kind: "more", bytes: 3 };
    const size = ((input[1]! << 8) | input[2]!) + 1;
    if (input.length < 3 + size) return { kind: "more", bytes: 3 + size };
    this.#makeRoom(size);
    this.#window.set(input.subarray(3, 3 + size), this.#end);
    return this.#advance(size, 3 + size);
  }

  #compressed(control: number, input: Uint8Array): Lzma2Step {
    const reset = (control >> 5) & 3;
    const headBytes = reset >= 2 ? 6 : 5;
    if (input.length < headBytes) return { kind: "more", bytes: headBytes };
    const size = (((control & 0x1f) << 16) | (input[1]! << 8) | input[2]!) + 1;
    const compressedSize = ((input[3]! << 8) | input[4]!) + 1;
    if (input.length < headBytes + compressedSize) {
      return { kind: "more", bytes: headBytes + compressedSize };
    }
    const why = this.#reset(reset, input[5]!);
    if (why !== undefined) return damaged(why);
    this.#makeRoom(size);
    const target = {
      window: this.#window,
      start: this.#end,
      end: this.#end + size,
      dictionaryStart: this.#end - Math.min(this.#position, this.dictionaryBytes, this.#end),
      position: this.#position,
    };
    const data = input.subarray(headBytes, headBytes + compressedSize);
    if (!this.#lzma.decode(data, target)) return damaged("its data cannot be decoded");
    return this.#advance(size, headBytes + compressedSize);
  }

  #reset(reset: number, properties: number): string | undefined {
    if (reset === 3) this.#resetDictionary();
    if (this.#needsDictionary) return "it does not begin with a new dictionary";
    if (reset >= 2) {
      if (!this.#lzma.setProperties(properties)) return `its properties ${properties} are none`;
      this.#needsProperties = false;
    }
    if (this.#needsProperties) return "it does not begin with properties";
    if (reset >= 1) this.#lzma.resetState();
    return undefined;
  }

  #resetDictionary(): void {
    this.#position = 0;
    this.#needsDictionary = false;
    this.#needsProperties = true;
  }

  /** For the next chunk: in a larger window, or behind the dictionary, moved to the window's front. */
  #makeRoom(size: number): void {
    const needed = this.#end + size;
    if (needed <= this.#window.length) return;
    const most = 2 * this.dictionaryBytes + MAX_CHUNK;
    if (needed <= most) {
      const window = new Uint8Array(Math.min(most, 2 * needed));
      window.set(this.#window.subarray(0, this.#end));
      this.#window = window;
      return;
    }
    this.#window.copyWithin(0, this.#end - this.dictionaryBytes, this.#end);
    this.#end = this.dictionaryBytes;
  }

  #advance(size: number, used: number): Lzma2Step {
    const output = this.#window.subarray(this.#end, this.#end + size);
    this.#end += size;
    this.#position += size;
    return { kind: "chunk", used, output };
  }
}
