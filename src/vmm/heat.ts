// SPDX-License-Identifier: BSD-2-Clause
// Where a guest spends its instructions: a sample now and then of where the vCPU is, counted by guest block. Samples are
// taken at instruction counts, about evenly and never in step with the guest, so that a block's share of them is its
// share of the instructions retired. Time asleep counts nothing. Nothing of it runs when it is off, and the guest notices
// nothing.
import type { Cpu } from "../cpu/cpu.ts";
import { BLOCK_BYTES, BLOCK_COUNT, BLOCK_KEY, BLOCK_OFFSET } from "../cpu/interp/code-cache.ts";
import { type BlockState, blockState } from "../cpu/jit/unit.ts";
import { CPL } from "../cpu/state-layout.ts";
import type { Vcpu } from "../cpu/vcpu.ts";
import { SeededEntropy } from "./entropy.ts";
import { GuestView } from "./guest-view.ts";

/** Enough to be right to a tenth of a percent; who has started them may be gone. */
const MAX_SAMPLES = 1_000_000;
/** Places that are told apart. */
const MAX_PLACES = 65_536;

/** A guest block, or one instruction where no block is kept. */
export interface HotPlace {
  /** Where it was seen first: linear, in the address space of then. */
  readonly address: bigint;
  readonly isUser: boolean;
  /** Place of its first byte in the machine's memory, by which it is the same everywhere it is mapped; -1: nowhere. */
  readonly offset: number;
  /** What it was decoded for. */
  readonly codeKey: number;
  /** Guest instructions; 0 if it has no block. */
  readonly instructions: number;
  samples: number;
  /** Those for which it had a unit. */
  translated: number;
}

/** What was counted from the start of sampling on. */
export interface Heat {
  readonly samples: number;
  /** Samples at places that there was no more room for. */
  readonly elsewhere: number;
  /** Retired since, and how many of them in units: exact. */
  readonly instructions: number;
  readonly inUnits: number;
  readonly places: readonly HotPlace[];
}

export class HeatSampler {
  readonly #vcpu: Vcpu;
  readonly #view: GuestView;
  readonly #period: number;
  readonly #jitter = new SeededEntropy(1);
  readonly #places = new Map<number | bigint, HotPlace>();
  readonly #startRetired: number;
  readonly #startInUnits: number;
  #samples = 0;
  #elsewhere = 0;
  #next: number;
  #final: Heat | undefined;

  /** Begins at once. `period`: instructions between samples, on average. */
  constructor(vcpu: Vcpu, period: number) {
    this.#vcpu = vcpu;
    this.#period = period;
    this.#view = new GuestView(vcpu.cpu);
    this.#startRetired = vcpu.retired;
    this.#startInUnits = inUnits(vcpu);
    this.#next = vcpu.retired + this.#distance();
  }

  /** How many instructions to run at most before {@link look}. */
  get ahead(): number {
    return Math.max(1, this.#next - this.#vcpu.retired);
  }

  /** To be called between two slices: takes a sample if one is due. */
  look(): void {
    if (this.#vcpu.retired < this.#next) return;
    this.#next = this.#vcpu.retired + this.#distance();
    this.#sample();
    if (this.#samples >= MAX_SAMPLES) this.stop();
  }

  /** What there is so far. */
  get heat(): Heat {
    return (
      this.#final ?? {
        samples: this.#samples,
        elsewhere: this.#elsewhere,
        instructions: this.#vcpu.retired - this.#startRetired,
        inUnits: inUnits(this.#vcpu) - this.#startInUnits,
        places: [...this.#places.values()],
      }
    );
  }

  /** No more samples. */
  stop(): void {
    this.#final ??= this.heat;
    this.#next = Number.POSITIVE_INFINITY;
  }

  #distance(): number {
    return Math.ceil(this.#period * (0.5 + this.#jitter.next32() / 2 ** 32));
  }

  #sample(): void {
    const { cpu } = this.#vcpu;
    this.#samples++;
    const address = this.#view.codeAddress;
    const lo = Number(BigInt.asIntN(32, address));
    const offset = cpu.mem.peek(lo, Number(BigInt.asIntN(32, address >> 32n)));
    const block = offset < 0 ? 0 : blockAround(cpu, offset);
    const start = block === 0 ? offset : cpu.code[block + BLOCK_OFFSET]! >>> 0;
    const key = start < 0 ? address : start;
    let place = this.#places.get(key);
    if (place === undefined) {
      if (this.#places.size >= MAX_PLACES) {
        this.#elsewhere++;
        return;
      }
      place = {
        address: address - BigInt(offset - start),
        isUser: cpu.s[CPL] === 3,
        offset: start,
        codeKey: cpu.codeKey,
        instructions: block === 0 ? 0 : cpu.code[block + BLOCK_COUNT]!,
        samples: 0,
        translated: 0,
      };
      this.#places.set(key, place);
    }
    place.samples++;
    if (block !== 0 && blockState(cpu.code, block).unit !== undefined) place.translated++;
  }
}

function inUnits({ translation }: Vcpu): number {
  return translation?.counters.retired ?? 0;
}

/**
 * The block that a place in memory lies in; 0 if there is none. Of several it is the warmest, and then the one that
 * begins last: others begin where a slice happened to end.
 */
function blockAround({ cache, code, codeKey }: Cpu, offset: number): number {
  let found = 0;
  let warmth = -1;
  let foundAt = -1;
  for (const block of cache.blocksBeside(offset)) {
    const start = code[block + BLOCK_OFFSET]! >>> 0;
    const isInside = start <= offset && offset < start + code[block + BLOCK_BYTES]!;
    if (!isInside || code[block + BLOCK_KEY] !== codeKey) continue;
    const own = warmthOf(blockState(code, block));
    if (own < warmth || (own === warmth && start < foundAt)) continue;
    found = block;
    warmth = own;
    foundAt = start;
  }
  return found;
}

function warmthOf({ unit, entered }: BlockState): number {
  return unit === undefined ? entered : Number.POSITIVE_INFINITY;
}
