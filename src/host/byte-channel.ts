// SPDX-License-Identifier: BSD-2-Clause
// Bytes from one thread to another through shared memory: a ring with one writer and one reader, and a word
// to wait on. Nothing is dropped: what does not fit stays with the writer.

const HEAD = 0; // total bytes taken, modulo 2^32: the reader's
const TAIL = 1; // total bytes put, modulo 2^32: the writer's
const HEADER_BYTES = 8;

export class ByteChannel {
  readonly buffer: SharedArrayBuffer;
  readonly #counters: Int32Array;
  readonly #bytes: Uint8Array;

  /** Over an existing buffer, or a new one for `capacity` bytes, a power of two. */
  constructor(bufferOrCapacity: SharedArrayBuffer | number) {
    this.buffer =
      typeof bufferOrCapacity === "number"
        ? new SharedArrayBuffer(HEADER_BYTES + bufferOrCapacity)
        : bufferOrCapacity;
    this.#counters = new Int32Array(this.buffer, 0, 2);
    this.#bytes = new Uint8Array(this.buffer, HEADER_BYTES);
  }

  get length(): number {
    return (Atomics.load(this.#counters, TAIL) - Atomics.load(this.#counters, HEAD)) >>> 0;
  }

  get room(): number {
    return this.#bytes.length - this.length;
  }

  /** Puts as many of the bytes as fit, and says how many. The writer's alone. */
  write(source: Uint8Array): number {
    const count = Math.min(source.length, this.room);
    const tail = Atomics.load(this.#counters, TAIL);
    for (let i = 0; i < count; i++) {
      this.#bytes[((tail + i) >>> 0) % this.#bytes.length] = source[i]!;
    }
    Atomics.store(this.#counters, TAIL, (tail + count) | 0);
    return count;
  }

  /** Takes all that is there. The reader's alone. */
  read(): Uint8Array {
    const count = this.length;
    const head = Atomics.load(this.#counters, HEAD);
    const taken = new Uint8Array(count);
    for (let i = 0; i < count; i++) {
      taken[i] = this.#bytes[((head + i) >>> 0) % this.#bytes.length]!;
    }
    Atomics.store(this.#counters, HEAD, (head + count) | 0);
    return taken;
  }

  /** Takes one byte; -1 if there is none. */
  readByte(): number {
    if (this.length === 0) return -1;
    const head = Atomics.load(this.#counters, HEAD);
    const byte = this.#bytes[(head >>> 0) % this.#bytes.length]!;
    Atomics.store(this.#counters, HEAD, (head + 1) | 0);
    return byte;
  }

  /** Puts one byte; false if it does not fit. */
  writeByte(byte: number): boolean {
    if (this.room === 0) return false;
    const tail = Atomics.load(this.#counters, TAIL);
    this.#bytes[(tail >>> 0) % this.#bytes.length] = byte;
    Atomics.store(this.#counters, TAIL, (tail + 1) | 0);
    return true;
  }
}
