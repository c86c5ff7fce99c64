// SPDX-License-Identifier: BSD-2-Clause
// LZMA: a range coder whose bits have adaptive probabilities, and a dictionary of what was decoded before. Igor Pavlov's
// LZMA specification (lzma-specification.txt of the LZMA SDK) has the model; the names are its.
//
// One call decodes one chunk of LZMA2, whose sizes are known, so that nothing has to be remembered in the middle of a
// symbol. Whatever the input says, all that is read lies in the chunk and all that is written in the window.

const NUM_BIT_MODEL_TOTAL_BITS = 11;
const PROB_INIT = 1 << (NUM_BIT_MODEL_TOTAL_BITS - 1);
const NUM_MOVE_BITS = 5;

const NUM_STATES = 12;
const NUM_POS_BITS_MAX = 4;
const FIRST_STATE_AFTER_LITERALS = 7;
const NUM_LEN_TO_POS_STATES = 4;
const NUM_FULL_DISTANCES = 128;
const END_POS_MODEL_INDEX = 14;
const NUM_ALIGN_BITS = 4;
const MATCH_MIN_LEN = 2;
const LITERAL_CODER_SIZE = 0x300;

/** Places of the probabilities in one array. */
const LEN_CODER_SIZE = 2 + (16 << 3) + (16 << 3) + 256;
const IS_MATCH = 0;
const IS_REP = IS_MATCH + (NUM_STATES << NUM_POS_BITS_MAX);
const IS_REP_G0 = IS_REP + NUM_STATES;
const IS_REP_G1 = IS_REP_G0 + NUM_STATES;
const IS_REP_G2 = IS_REP_G1 + NUM_STATES;
const IS_REP0_LONG = IS_REP_G2 + NUM_STATES;
const POS_SLOT = IS_REP0_LONG + (NUM_STATES << NUM_POS_BITS_MAX);
const POS_DECODERS = POS_SLOT + (NUM_LEN_TO_POS_STATES << 6);
const ALIGN_DECODER = POS_DECODERS + NUM_FULL_DISTANCES;
const LEN_CODER = ALIGN_DECODER + (1 << NUM_ALIGN_BITS);
const REP_LEN_CODER = LEN_CODER + LEN_CODER_SIZE;
const LITERAL = REP_LEN_CODER + LEN_CODER_SIZE;

/** Offsets in a length coder. */
const CHOICE = 0;
const CHOICE_2 = 1;
const LOW_CODER = 2;
const MID_CODER = LOW_CODER + (16 << 3);
const HIGH_CODER = MID_CODER + (16 << 3);

/** From here on a call is faster than a loop. */
const LONG_COPY = 48;

/** LZMA2 allows no more than lc + lp = 4. */
const MAX_LITERAL_BITS = 4;

/** Where a chunk's data goes. */
export interface LzmaTarget {
  readonly window: Uint8Array;
  readonly start: number;
  readonly end: number;
  /** Matches reach back to here at most. */
  readonly dictionaryStart: number;
  /** Bytes since the dictionary was reset. */
  readonly position: number;
}

export class LzmaDecoder {
  readonly #probs = new Uint16Array(LITERAL + (LITERAL_CODER_SIZE << MAX_LITERAL_BITS));
  #lc = 0;
  #literalPosMask = 0;
  #posMask = 0;
  #state = 0;
  #rep0 = 0;
  #rep1 = 0;
  #rep2 = 0;
  #rep3 = 0;
  #input: Uint8Array = new Uint8Array(0);
  #at = 0;
  /** Both unsigned; kept as int32, which V8 does not box. */
  #range = 0;
  #code = 0;
  #window: Uint8Array = new Uint8Array(0);
  #dictionaryStart = 0;
  /** What makes a place in the window a number of bytes since the dictionary's reset. */
  #offset = 0;

  /** From the properties byte; false for one that LZMA2 does not allow. */
  setProperties(byte: number): boolean {
    const lc = byte % 9;
    const lp = Math.floor(byte / 9) % 5;
    const pb = Math.floor(byte / 45);
    if (pb > NUM_POS_BITS_MAX || lc + lp > MAX_LITERAL_BITS) return false;
    this.#lc = lc;
    this.#literalPosMask = (1 << lp) - 1;
    this.#posMask = (1 << pb) - 1;
    return true;
  }

  resetState(): void {
    this.#probs.fill(PROB_INIT);
    this.#state = 0;
    this.#rep0 = 0;
    this.#rep1 = 0;
    this.#rep2 = 0;
    this.#rep3 = 0;
  }

  /** Decodes `input` to what `target` says. False if the chunk is damaged. */
  decode(input: Uint8Array, target: LzmaTarget): boolean {
    if (input.length < 5 || input[0] !== 0) return false;
    this.#input = input;
    this.#at = 5;
    this.#range = -1;
    this.#code = (input[1]! << 24) | (input[2]! << 16) | (input[3]! << 8) | input[4]!;
    // As large as the range: what no encoder makes. Smaller than the range it stays for ever.
    if (this.#code === -1) return false;
    this.#window = target.window;
    this.#dictionaryStart = target.dictionaryStart;
    this.#offset = (target.position - target.start) | 0;
    const isDone = this.#decodeSymbols(target.start, target.end);
    this.#normalize();
    return isDone && this.#code === 0 && this.#at === input.length;
  }

  #decodeSymbols(start: number, end: number): boolean {
    let at = start;
    while (at < end) {
      if (this.#at > this.#input.length) return false;
      const posState = (at + this.#offset) & this.#posMask;
      if (this.#bit(IS_MATCH + (this.#state << NUM_POS_BITS_MAX) + posState) === 0) {
        if (!this.#decodeLiteral(at)) return false;
        at++;
        continue;
      }
      const length = this.#decodeMatch(posState);
      const distance = this.#rep0 + 1;
      const reach = at - this.#dictionaryStart;
      if (length === 0 || distance > reach || length > end - at) return false;
      this.#copy(at, distance, length);
      at += length;
    }
    return true;
  }

  /** A match may reach into what it makes itself. */
  #copy(at: number, distance: number, length: number): void {
    const window = this.#window;
    if (length >= LONG_COPY && distance >= length) {
      window.copyWithin(at, at - distance, at - distance + length);
      return;
    }
    for (let to = at; to < at + length; to++) window[to] = window[to - distance]!;
  }

  #decodeLiteral(at: number): boolean {
    const window = this.#window;
    const reach = at - this.#dictionaryStart;
    const previous = reach > 0 ? window[at - 1]! : 0;
    const low = ((at + this.#offset) & this.#literalPosMask) << this.#lc;
    const probs = LITERAL + LITERAL_CODER_SIZE * (low + (previous >> (8 - this.#lc)));
    let symbol = 1;
    if (this.#state >= FIRST_STATE_AFTER_LITERALS) {
      if (this.#rep0 >= reach) return false;
      let matchByte = window[at - this.#rep0 - 1]!;
      while (symbol < 0x100) {
        const matchBit = (matchByte >> 7) & 1;
        matchByte <<= 1;
        const bit = this.#bit(probs + ((1 + matchBit) << 8) + symbol);
        symbol = (symbol << 1) | bit;
        if (matchBit !== bit) break;
      }
    }
    while (symbol < 0x100) symbol = (symbol << 1) | this.#bit(probs + symbol);
    window[at] = symbol;
    const state = this.#state;
    this.#state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
    return true;
  }

  /** Sets rep0, its distance less one, and returns the length; 0 for the end marker, which LZMA2 does not have. */
  #decodeMatch(posState: number): number {
    const state = this.#state;
    if (this.#bit(IS_REP + state) === 0) {
      this.#rep3 = this.#rep2;
      this.#rep2 = this.#rep1;
      this.#rep1 = this.#rep0;
      this.#state = state < FIRST_STATE_AFTER_LITERALS ? 7 : 10;
      const length = this.#decodeLength(LEN_CODER, posState);
      this.#rep0 = this.#decodeDistance(length);
      return this.#rep0 === 0xffff_ffff ? 0 : length + MATCH_MIN_LEN;
    }
    if (this.#bit(IS_REP_G0 + state) === 0) {
      if (this.#bit(IS_REP0_LONG + (state << NUM_POS_BITS_MAX) + posState) === 0) {
        this.#state = state < FIRST_STATE_AFTER_LITERALS ? 9 : 11;
        return 1;
      }
    } else this.#rotateRep(state);
    this.#state = state < FIRST_STATE_AFTER_LITERALS ? 8 : 11;
    return this.#decodeLength(REP_LEN_CODER, posState) + MATCH_MIN_LEN;
  }

  #rotateRep(state: number): void {
    let distance = this.#rep1;
    if (this.#bit(IS_REP_G1 + state) === 1) {
      distance = this.#rep2;
      if (this.#bit(IS_REP_G2 + state) === 1) {
        distance = this.#rep3;
        this.#rep3 = this.#rep2;
      }
      this.#rep2 = this.#rep1;
    }
    this.#rep1 = this.#rep0;
    this.#rep0 = distance;
  }

  #decodeLength(coder: number, posState: number): number {
    if (this.#bit(coder + CHOICE) === 0) {
      return this.#tree(coder + LOW_CODER + (posState << 3), 3);
    }
    if (this.#bit(coder + CHOICE_2) === 0) {
      return 8 + this.#tree(coder + MID_CODER + (posState << 3), 3);
    }
    return 16 + this.#tree(coder + HIGH_CODER, 8);
  }

  #decodeDistance(length: number): number {
    const lenState = Math.min(length, NUM_LEN_TO_POS_STATES - 1);
    const posSlot = this.#tree(POS_SLOT + (lenState << 6), 6);
    if (posSlot < 4) return posSlot;
    const directBits = (posSlot >> 1) - 1;
    const high = (2 | (posSlot & 1)) * 2 ** directBits;
    if (posSlot < END_POS_MODEL_INDEX) {
      return high + this.#reverseTree(POS_DECODERS + high - posSlot, directBits);
    }
    const middle = this.#directBits(directBits - NUM_ALIGN_BITS) * 2 ** NUM_ALIGN_BITS;
    return high + middle + this.#reverseTree(ALIGN_DECODER, NUM_ALIGN_BITS);
  }

  #tree(probs: number, bits: number): number {
    let symbol = 1;
    for (let i = 0; i < bits; i++) symbol = (symbol << 1) | this.#bit(probs + symbol);
    return symbol - (1 << bits);
  }

  #reverseTree(probs: number, bits: number): number {
    let node = 1;
    let symbol = 0;
    for (let i = 0; i < bits; i++) {
      const bit = this.#bit(probs + node);
      node = (node << 1) | bit;
      symbol |= bit << i;
    }
    return symbol;
  }

  #directBits(count: number): number {
    let result = 0;
    for (let i = 0; i < count; i++) {
      this.#normalize();
      this.#range >>>= 1;
      const bit = this.#code >>> 0 >= this.#range ? 1 : 0;
      if (bit === 1) this.#code = (this.#code - this.#range) | 0;
      result = result * 2 + bit;
    }
    return result;
  }

  #bit(index: number): number {
    if (this.#range >>> 24 === 0) this.#shift();
    const prob = this.#probs[index]!;
    const bound = Math.imul(this.#range >>> NUM_BIT_MODEL_TOTAL_BITS, prob);
    if (this.#code >>> 0 < bound >>> 0) {
      this.#range = bound;
      this.#probs[index] = prob + (((1 << NUM_BIT_MODEL_TOTAL_BITS) - prob) >> NUM_MOVE_BITS);
      return 0;
    }
    this.#range = (this.#range - bound) | 0;
    this.#code = (this.#code - bound) | 0;
    this.#probs[index] = prob - (prob >> NUM_MOVE_BITS);
    return 1;
  }

  #normalize(): void {
    if (this.#range >>> 24 === 0) this.#shift();
  }

  /** Behind the chunk there are zeroes; that it was read there is noticed at the next symbol. */
  #shift(): void {
    this.#range <<= 8;
    const next = this.#at < this.#input.length ? this.#input[this.#at]! : 0;
    this.#code = (this.#code << 8) | next;
    this.#at++;
  }
}
