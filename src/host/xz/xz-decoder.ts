// SPDX-License-Identifier: BSD-2-Clause
// .xz files: streams of blocks, with an index of them at each stream's end. The .xz File Format 1.2.1; names and
// section numbers are its. Bytes go in as they come, and come out decoded and checked.
//
// Why not a library: of those that npm has, none is plain JavaScript, streams, checks what it decodes, and is looked
// after. Left out: filters other than LZMA2 (no disk image has them), dictionaries above 128 MiB.
import { crc32 } from "../../base/crc32.ts";
import { VmmError } from "../../base/errors.ts";
import { type Check, crc32Check, makeCheck } from "./check.ts";
import { dictionaryBytes, Lzma2Decoder } from "./lzma2-decoder.ts";

const HEADER_MAGIC = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00];
const FOOTER_MAGIC = [0x59, 0x5a];
const STREAM_HEADER_BYTES = 12;
const FILTER_LZMA2 = 0x21;
const MAX_VLI_BYTES = 9;

/** How many bytes are wanted next; whether the file may end in front of them. */
interface Wanted {
  readonly bytes: number;
  readonly mayEnd?: boolean;
}

type Parser = Generator<Wanted, void, Uint8Array>;
type Part<T> = Generator<Wanted, T, Uint8Array>;

/** What is known of a stream's blocks, for comparing it with the index. */
interface Blocks {
  count: number;
  /** Over the sizes of each block. */
  readonly sizes: Check;
}

export class XzDecoder {
  readonly #name: string;
  readonly #output: (bytes: Uint8Array) => void;
  readonly #parser: Parser;
  #wanted: Wanted;
  #lzma2: Lzma2Decoder | undefined;
  #pending: Uint8Array = new Uint8Array(0);

  /** `output` gets decoded bytes, borrowed. `name` is the file's, for sentences. */
  constructor(name: string, output: (bytes: Uint8Array) => void) {
    this.#name = name;
    this.#output = output;
    this.#parser = this.#file();
    this.#wanted = this.#parser.next().value as Wanted;
  }

  /** Takes the file's next bytes. Throws ERR_BAD_IMAGE, ERR_UNSUPPORTED, or what `output` throws. */
  push(bytes: Uint8Array): void {
    let at = 0;
    if (this.#pending.length > 0) {
      const missing = this.#wanted.bytes - this.#pending.length;
      this.#pending = joined(this.#pending, bytes.subarray(0, missing));
      at = Math.min(missing, bytes.length);
      if (this.#pending.length < this.#wanted.bytes) return;
      const ready = this.#pending;
      this.#pending = new Uint8Array(0);
      this.#resume(ready);
    }
    while (bytes.length - at >= this.#wanted.bytes) {
      const end = at + this.#wanted.bytes;
      this.#resume(bytes.subarray(at, end));
      at = end;
    }
    this.#pending = bytes.slice(at);
  }

  /** The file is over. Throws ERR_BAD_IMAGE if it should not be. */
  finish(): void {
    if (this.#wanted.mayEnd === true && this.#pending.length === 0) return;
    throw this.#damaged("it ends too early");
  }

  #resume(bytes: Uint8Array): void {
    const { value } = this.#parser.next(bytes);
    if (value !== undefined) this.#wanted = value;
  }

  /** 2: streams, with padding of four zeroes at a time behind each. */
  *#file(): Parser {
    yield* this.#stream(yield { bytes: STREAM_HEADER_BYTES });
    for (;;) {
      const word = yield { bytes: 4, mayEnd: true };
      if (word.every((byte) => byte === 0)) continue;
      yield* this.#stream(joined(word, yield { bytes: STREAM_HEADER_BYTES - 4 }));
    }
  }

  /** 2.1 */
  *#stream(header: Uint8Array): Part<void> {
    if (HEADER_MAGIC.some((byte, index) => header[index] !== byte)) {
      throw this.#damaged("it is no .xz file, or there is something else behind it");
    }
    this.#checkCrc(header.subarray(6, 8), header.subarray(8, 12));
    const flags = header[7]!;
    if (header[6] !== 0 || makeCheck(flags) === undefined) {
      throw this.#unsupported(`integrity check ${flags}`);
    }
    const blocks: Blocks = { count: 0, sizes: crc32Check() };
    for (;;) {
      const first = yield { bytes: 1 };
      if (first[0] === 0) break;
      yield* this.#block(first[0]!, makeCheck(flags)!, blocks);
    }
    const indexBytes = yield* this.#index(blocks);
    yield* this.#footer(indexBytes, flags);
  }

  /** 3: header, data, padding, check. */
  *#block(sizeByte: number, check: Check, blocks: Blocks): Part<void> {
    const headerBytes = (sizeByte + 1) * 4;
    const header = joined(Uint8Array.of(sizeByte), yield { bytes: headerBytes - 1 });
    this.#checkCrc(header.subarray(0, -4), header.subarray(-4));
    const { dictionary, compressed, uncompressed } = this.#blockHeader(header.subarray(1, -4));
    const sizes = yield* this.#blockData(this.#decoderFor(dictionary), check);
    const isAsSaid =
      (compressed ?? sizes.compressed) === sizes.compressed &&
      (uncompressed ?? sizes.uncompressed) === sizes.uncompressed;
    if (!isAsSaid) throw this.#damaged("a block has another size than its header says");
    yield* this.#padding(sizes.compressed);
    const stored = yield { bytes: check.bytes };
    if (!isSame(stored, check.digest())) throw this.#damaged("a block's check does not fit it");
    blocks.count++;
    const unpadded = headerBytes + sizes.compressed + check.bytes;
    blocks.sizes.update(sizesAsBytes(unpadded, sizes.uncompressed));
  }

  /** 3.1 */
  #blockHeader(bytes: Uint8Array) {
    const reader = new VliReader(bytes.subarray(1), () =>
      this.#damaged("a block's header is none"),
    );
    const flags = bytes[0] ?? 0;
    const compressed = flags & 0x40 ? reader.next() : undefined;
    const uncompressed = flags & 0x80 ? reader.next() : undefined;
    const filter = reader.next();
    if ((flags & 0x3f) !== 0 || filter !== FILTER_LZMA2) {
      throw this.#unsupported(`filter ${(flags & 0x3f) === 0 ? filter : "chain"}`);
    }
    const propertyBytes = reader.next();
    const property = reader.next();
    const dictionary = dictionaryBytes(property);
    if (propertyBytes !== 1 || dictionary === undefined) {
      throw this.#unsupported("a dictionary of its size");
    }
    return { dictionary, compressed, uncompressed };
  }

  /** Blocks are mostly alike, and a decoder's window is large. */
  #decoderFor(dictionary: number): Lzma2Decoder {
    if (this.#lzma2?.dictionaryBytes !== dictionary) this.#lzma2 = new Lzma2Decoder(dictionary);
    return this.#lzma2.begin();
  }

  *#blockData(lzma2: Lzma2Decoder, check: Check) {
    const sizes = { compressed: 0, uncompressed: 0 };
    for (;;) {
      let input: Uint8Array = new Uint8Array(0);
      let step = lzma2.step(input);
      while (step.kind === "more") {
        input = joined(input, (yield { bytes: step.bytes - input.length }) as Uint8Array);
        step = lzma2.step(input);
      }
      if (step.kind === "damaged") throw this.#damaged(step.why);
      sizes.compressed += step.used;
      if (step.kind === "end") return sizes;
      sizes.uncompressed += step.output.length;
      check.update(step.output);
      this.#output(step.output);
    }
  }

  /** 4, behind its first byte: how long it is with that. */
  *#index(blocks: Blocks): Part<number> {
    const crc = crc32Check();
    crc.update(Uint8Array.of(0));
    let length = 1;
    const vli = function* (decoder: XzDecoder): Part<number> {
      const { value, bytes } = yield* decoder.#vli();
      crc.update(bytes);
      length += bytes.length;
      return value;
    };
    const count = yield* vli(this);
    if (count !== blocks.count) throw this.#damaged("its index counts other blocks");
    const sizes = crc32Check();
    for (let index = 0; index < count; index++) {
      const unpadded = yield* vli(this);
      sizes.update(sizesAsBytes(unpadded, yield* vli(this)));
    }
    if (!isSame(sizes.digest(), blocks.sizes.digest())) {
      throw this.#damaged("its index has other sizes than its blocks");
    }
    const padding = yield* this.#padding(length);
    crc.update(padding);
    const stored = yield { bytes: 4 };
    if (!isSame(stored, crc.digest())) throw this.#damaged("a checksum does not fit");
    return length + padding.length + 4;
  }

  /** 2.1.2 */
  *#footer(indexBytes: number, flags: number): Part<void> {
    const footer = yield { bytes: 12 };
    this.#checkCrc(footer.subarray(4, 10), footer.subarray(0, 4));
    const backward = (new DataView(footer.buffer, footer.byteOffset).getUint32(4, true) + 1) * 4;
    const isWhole = footer[8] === 0 && footer[9] === flags && backward === indexBytes;
    if (!isWhole || FOOTER_MAGIC.some((byte, index) => footer[10 + index] !== byte)) {
      throw this.#damaged("its footer does not fit it");
    }
  }

  /** Zeroes up to a multiple of four. */
  *#padding(length: number): Part<Uint8Array> {
    const padding = yield { bytes: -length & 3 };
    if (padding.some((byte) => byte !== 0)) throw this.#damaged("there is something in a gap");
    return padding;
  }

  /** 1.2: seven bits a byte, the lowest first. */
  *#vli(): Part<{ value: number; bytes: Uint8Array }> {
    let bytes: Uint8Array = new Uint8Array(0);
    while (bytes.length < MAX_VLI_BYTES) {
      bytes = joined(bytes, yield { bytes: 1 });
      if (bytes.at(-1)! < 0x80) break;
    }
    const value = new VliReader(bytes, () => this.#damaged("a number has no end")).next();
    return { value, bytes };
  }

  #checkCrc(bytes: Uint8Array, stored: Uint8Array): void {
    const view = new DataView(stored.buffer, stored.byteOffset, 4);
    if (crc32(bytes) !== view.getUint32(0, true)) throw this.#damaged("a checksum does not fit");
  }

  #damaged(why: string): VmmError {
    return new VmmError("ERR_BAD_IMAGE", `${this.#name} is damaged: ${why}`);
  }

  #unsupported(what: string): VmmError {
    const sentence = `${this.#name} cannot be unpacked: it has ${what}, which only xz itself reads`;
    return new VmmError("ERR_UNSUPPORTED", sentence);
  }
}

/** Numbers of 1.2 in bytes, one behind the other. */
class VliReader {
  readonly #bytes: Uint8Array;
  readonly #error: () => VmmError;
  #at = 0;

  constructor(bytes: Uint8Array, error: () => VmmError) {
    this.#bytes = bytes;
    this.#error = error;
  }

  /** Exact below 2^53, nearest above. */
  next(): number {
    let value = 0;
    for (let index = 0; index < MAX_VLI_BYTES; index++) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined || (byte === 0 && index > 0)) throw this.#error();
      value += (byte & 0x7f) * 2 ** (7 * index);
      if (byte < 0x80) return value;
    }
    throw this.#error();
  }
}

function sizesAsBytes(unpadded: number, uncompressed: number): Uint8Array {
  return new Uint8Array(Float64Array.of(unpadded, uncompressed).buffer);
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(a.length + b.length);
  bytes.set(a);
  bytes.set(b, a.length);
  return bytes;
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
