// SPDX-License-Identifier: BSD-2-Clause
import { VmmError } from "../../src/base/errors.ts";
import type { Geometry } from "./ufs-geometry.ts";

/** Which frags of a filesystem are free, and the order in which they are given away: the lowest first. */
export class UfsSpace {
  readonly #plan: Geometry;
  /** One byte a frag, 1 where it is free. */
  readonly #free: Uint8Array;
  #nextBlock = 0;
  /** The rest of the block that was broken last into fragments. */
  #tail = { frag: 0, count: 0 };

  constructor(plan: Geometry) {
    this.#plan = plan;
    this.#free = new Uint8Array(plan.sizeFrags).fill(1);
    for (let group = 0; group < plan.groups; group++) {
      const start = group * plan.fragsPerGroup;
      // Ahead of the tables the first group has its boot code and superblock, the others have data.
      const reservedAt = group === 0 ? 0 : plan.superblockAt;
      const reservedEnd = plan.dataAt + (group === 0 ? plan.summaryFrags : 0);
      this.#free.fill(0, start + reservedAt, start + reservedEnd);
    }
  }

  /** The address of a whole block. Throws ERR_NO_SPACE. */
  takeBlock(): number {
    const { fragsPerBlock, sizeFrags } = this.#plan;
    while (this.#nextBlock < sizeFrags) {
      const block = this.#nextBlock;
      this.#nextBlock += fragsPerBlock;
      const frags = this.#free.subarray(block, this.#nextBlock);
      if (frags.every(Boolean)) {
        frags.fill(0);
        return block;
      }
    }
    throw new VmmError("ERR_NO_SPACE", "the files do not fit into the UFS image");
  }

  /** The address of `count` frags inside one block. Throws ERR_NO_SPACE. */
  takeFrags(count: number): number {
    const { fragsPerBlock } = this.#plan;
    if (count === fragsPerBlock) return this.takeBlock();
    if (count > this.#tail.count) {
      const block = this.takeBlock();
      this.#free.fill(1, block, block + fragsPerBlock);
      this.#tail = { frag: block, count: fragsPerBlock };
    }
    const { frag } = this.#tail;
    this.#tail = { frag: frag + count, count: this.#tail.count - count };
    this.#free.fill(0, frag, frag + count);
    return frag;
  }

  /** One byte for each frag of a group, 1 where it is free. Borrowed. */
  freeInGroup(group: number): Uint8Array {
    const start = group * this.#plan.fragsPerGroup;
    return this.#free.subarray(start, start + this.#plan.fragsPerGroup);
  }
}
