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

interface Entry<T> {
  readonly request: T;
  isRunning: boolean;
}

export class RequestSchedule<T extends Ordered> {
  readonly #start: (request: T) => void;
  /** In order of arrival. */
  #entries: Entry<T>[] = [];
  #isStarting = false;

  /** `start` carries a request out; {@link finish} is called for it once, during `start` or later. */
  constructor(start: (request: T) => void) {
    this.#start = start;
  }

  /** How many have been added and not finished. */
  get length(): number {
    return this.#entries.length;
  }

  add(request: T): void {
    this.#entries.push({ request, isRunning: false });
    this.#startReady();
  }

  finish(request: T): void {
    this.#entries = this.#entries.filter((entry) => entry.request !== request);
    this.#startReady();
  }

  /** Forgets everything; {@link finish} does nothing for what was running. */
  clear(): void {
    this.#entries = [];
  }

  /** Starting one may finish it and so make others ready: a loop, not a recursion. */
  #startReady(): void {
    if (this.#isStarting) return;
    this.#isStarting = true;
    for (let next = this.#nextReady(); next !== undefined; next = this.#nextReady()) {
      next.isRunning = true;
      this.#start(next.request);
    }
    this.#isStarting = false;
  }

  #nextReady(): Entry<T> | undefined {
    return this.#entries.find(
      ({ request, isRunning }, index) =>
        !isRunning &&
        !this.#entries.slice(0, index).some((earlier) => mustPrecede(earlier.request, request)),
    );
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
