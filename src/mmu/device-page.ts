// SPDX-License-Identifier: BSD-2-Clause
// The page of the latest access outside RAM and where it lies: drivers come back to it, and no TLB entry leads there.
import type { Tlb } from "./tlb.ts";

export class DevicePage {
  /** Guest-physical address; a double from the start, for V8's sake. */
  gpa = Number.NaN;
  // No page address has this low half.
  #lo = 1;
  #hi = 0;
  #context = -1;
  #pageFlushes = -1;

  /** Whether (hi:lo) is in it, and the translation still holds. */
  holds(lo: number, hi: number, tlb: Tlb): boolean {
    return (
      this.#lo === (lo & -4096) &&
      this.#hi === hi &&
      this.#context === tlb.context &&
      this.#pageFlushes === tlb.pageFlushes
    );
  }

  /** (hi:lo) was found to be at a guest-physical address. */
  keep(lo: number, hi: number, tlb: Tlb, gpa: number): void {
    this.#lo = lo & -4096;
    this.#hi = hi;
    this.#context = tlb.context;
    this.#pageFlushes = tlb.pageFlushes;
    this.gpa = gpa - (lo & 0xfff);
  }
}
