// SPDX-License-Identifier: BSD-2-Clause
// Which requests may run at once. Requests of one disk run side by side and finish in any order, except
// that one waits for every earlier one whose bytes it shares if either of them writes, and a flush waits
// for all earlier writes (VirtIO 1.2 §5.2.6.2: what was completed before the flush, and here also what
// was only submitted). bhyve: block_if.c serialises adjacent requests.

/** What of a request decides its order. */
export interface Ordered {
  readonly kind: "read" | "write" | "discard" | "write-zeroes" | "flush";
  /** Bytes of the disk, half-open; empty for a flush. */
  readonly start: number;
  readonly end: number;
}

export class RequestSchedule<T extends Ordered> {
  readonly #start: (request: T) => void;
  /** In order of arrival. */
  #running: T[] = [];
  #waiting: T[] = [];
  #isStarting = false;

  /** `start` carries a request out; {@link finish} is called for it once, during `start` or later. */
  constructor(start: (request: T) => void) {
    this.#start = start;
  }

  /** How many have been added and not finished. */
  get length(): number {
    return this.#running.length + this.#waiting.length;
  }

  add(request: T): void {
    this.#waiting.push(request);
    this.#startReady();
  }

  finish(request: T): void {
    this.#running = this.#running.filter((other) => other !== request);
    this.#startReady();
  }

  /** Forgets everything; {@link finish} does nothing for what was running. */
  clear(): void {
    this.#running = [];
    this.#waiting = [];
  }

  /** Starting one may finish it and so make others ready: a loop, not a recursion. */
  #startReady(): void {
    if (this.#isStarting) return;
    this.#isStarting = true;
    for (let next = this.#nextReady(); next !== undefined; next = this.#nextReady()) {
      const request = next;
      this.#waiting = this.#waiting.filter((other) => other !== request);
      this.#running.push(request);
      this.#start(request);
    }
    this.#isStarting = false;
  }

  #nextReady(): T | undefined {
    return this.#waiting.find((request, index) => {
      const isHeldUp = (earlier: T) => mustPrecede(earlier, request);
      return !this.#running.some(isHeldUp) && !this.#waiting.slice(0, index).some(isHeldUp);
    });
  }
}

function mustPrecede(earlier: Ordered, later: Ordered): boolean {
  if (later.kind === "flush") return isWrite(earlier);
  const isShared = earlier.start < later.end && later.start < earlier.end;
  return isShared && (isWrite(earlier) || isWrite(later));
}

function isWrite({ kind }: Ordered): boolean {
  return kind !== "read" && kind !== "flush";
}
