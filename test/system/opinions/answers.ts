// SPDX-License-Identifier: BSD-2-Clause
// The monitor's answers, from the bytes that came out of its port: for each case the halts it came to, and how it ended.

import { BEGIN, END, HALTED, NO_MORE, RESET, SAVE_BYTES, SIGNATURE } from "./monitor.ts";
import { IMAGE_BYTES } from "./rom.ts";
import { OTHER_BYTES } from "./save-area.ts";

/** A program at a halt. */
export interface Halt {
  readonly area: DataView;
  /** As `fromOthers` takes them. */
  readonly others: DataView;
  /** Words of memory that are not as the program found them: address and value. */
  readonly changes: ReadonlyMap<number, number>;
}

export interface Answer {
  readonly halts: readonly Halt[];
  /** The last halt is the end, or the processor was reset behind it. Undefined: nothing came back. */
  readonly end: "halt" | "shutdown" | undefined;
  /** What a reset processor left in memory. */
  readonly left: ReadonlyMap<number, number> | undefined;
}

interface Growing {
  readonly halts: Halt[];
  end: Answer["end"];
  left: Answer["left"];
}

const HEAD_BYTES = 5;
const KINDS: ReadonlySet<number> = new Set([BEGIN, HALTED, RESET, END]);

export class AnswerReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #answers = new Map<number, Growing>();
  #at: number;
  /** All cases were gone through. */
  isComplete = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const start = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).indexOf(SIGNATURE);
    this.#at = start < 0 ? bytes.length : start + SIGNATURE.length;
  }

  /** By the number of the case. Answers that are cut off are left out. */
  read(): ReadonlyMap<number, Answer> {
    let last: number | undefined;
    while (this.#at + HEAD_BYTES <= this.#bytes.length && !this.isComplete) {
      const kind = this.#bytes[this.#at]!;
      const index = this.#view.getUint32(this.#at + 1, true);
      this.#at += HEAD_BYTES;
      if (!KINDS.has(kind)) break;
      // A case that another one follows has ended with its latest halt.
      if (last !== undefined && last !== index) this.#answerOf(last).end ??= "halt";
      if (!this.#take(kind, index)) break;
      last = kind === RESET || kind === END ? undefined : index;
    }
    return this.#answers;
  }

  #take(kind: number, index: number): boolean {
    if (kind === END) this.isComplete = true;
    else if (kind === BEGIN) this.#answerOf(index);
    else if (kind === RESET) {
      const left = this.#changes();
      if (left === undefined) return false;
      Object.assign(this.#answerOf(index), { end: "shutdown", left });
    } else if (kind === HALTED) {
      const halt = this.#halt();
      if (halt === undefined) return false;
      this.#answerOf(index).halts.push(halt);
    } else return false;
    return true;
  }

  #answerOf(index: number): Growing {
    let answer = this.#answers.get(index);
    if (answer === undefined) {
      answer = { halts: [], end: undefined, left: undefined };
      this.#answers.set(index, answer);
    }
    return answer;
  }

  #halt(): Halt | undefined {
    const at = this.#at;
    if (at + SAVE_BYTES + OTHER_BYTES > this.#bytes.length) return undefined;
    const { buffer, byteOffset } = this.#bytes;
    const part = (from: number, length: number) => new DataView(buffer, byteOffset + from, length);
    this.#at += SAVE_BYTES + OTHER_BYTES;
    const changes = this.#changes();
    if (changes === undefined) return undefined;
    return {
      area: part(at, SAVE_BYTES),
      others: part(at + SAVE_BYTES, OTHER_BYTES),
      changes,
    };
  }

  #changes(): Map<number, number> | undefined {
    const changes = new Map<number, number>();
    while (this.#at + 4 <= this.#bytes.length && changes.size <= IMAGE_BYTES / 4) {
      const address = this.#view.getUint32(this.#at, true);
      this.#at += 4;
      if (address === NO_MORE) return changes;
      if (this.#at + 4 > this.#bytes.length) return undefined;
      changes.set(address, this.#view.getUint32(this.#at, true));
      this.#at += 4;
    }
    return undefined;
  }
}
