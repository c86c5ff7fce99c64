// SPDX-License-Identifier: BSD-2-Clause
// A unit's flags and temporary locals. Flags are the interpreter's lazy words in locals (lazy-flags.ts says how they
// are read and set); some bits of RFLAGS are not even worked out before something may see them.
import { CC_KIND, CC_RESULT, CC_SOURCE, FLAGS } from "../state-layout.ts";
import { RegisterEmitter } from "./register-emitter.ts";
import type { Local } from "./wasm/function-builder.ts";
import { TYPE_I32, TYPE_I64, type ValueType } from "./wasm/opcodes.ts";

/** How bits of RFLAGS are worked out, from temporary locals that are kept for it; `under` is worked out before. */
interface LateFlags {
  readonly write: () => void;
  readonly temps: readonly [ValueType, Local][];
  readonly under: LateFlags | undefined;
  /** It is CF and OF, and nothing else: whatever replaces these two takes its place. */
  readonly isCarryOverflow: boolean;
}

export class FlagEmitter extends RegisterEmitter {
  readonly ccKind: Local = this.fn.lasting(TYPE_I32, "cc_kind");
  /** i64; of narrower results the low half counts, zero-extended to 32 bits. */
  readonly ccResult: Local = this.fn.lasting(TYPE_I64, "cc_result");
  /** The left operand, likewise. */
  readonly ccSource: Local = this.fn.lasting(TYPE_I64, "cc_source");
  /** RFLAGS; its arithmetic bits as far as the kind says so. */
  readonly flags: Local = this.fn.lasting(TYPE_I32, "flags");
  protected usesFlags = false;
  /** Kind of the flags as far as this block has set them (see lazy-flags.ts); -1 if they are from before it. */
  get knownKind(): number {
    return this.#knownKind;
  }
  #knownKind = -1;
  /** The known kind is not in ccKind yet: nobody in the block reads it there. */
  #isKindLate = false;
  /** What the flags from before the block probably are; -1 if there is nothing to go by. */
  expectedKind = -1;
  #temps: [ValueType, Local][] = [];
  /** Writes the bits of RFLAGS that instructions so far leave there and nothing has asked for yet. */
  #lateFlags: LateFlags | undefined;

  /** A local for the instruction being written; given back when that is done. */
  temp(type: ValueType): Local {
    const local = this.fn.local(type);
    this.#temps.push([type, local]);
    return local;
  }

  releaseTemps(): void {
    this.#releaseAll(this.#takeTemps());
  }

  // Flags that are mostly replaced before anybody sees them: worked out where they may be seen, which is at the ways
  // out, and not at all if that is nowhere.

  /**
   * `write` puts bits into RFLAGS, from temporary locals of the instruction being written, which are kept for it, and
   * from what does not change before the next instruction with flags. It may be called any number of times.
   */
  deferFlags(write: () => void): void {
    this.dropLateFlags();
    this.#lateFlags = { write, temps: this.#takeTemps(), under: undefined, isCarryOverflow: false };
  }

  /** The same for bits beside those that are late already. `write` uses no temporary locals from before. */
  deferFlagsBeside(write: () => void): void {
    this.#lateFlags = { write, temps: [], under: this.#lateFlags, isCarryOverflow: false };
  }

  /** The same for CF and OF, of which others may be late already. */
  deferCarryOverflow(write: () => void): void {
    const late = this.#lateFlags;
    if (late?.isCarryOverflow === true) this.#releaseAll(late.temps);
    const under = late?.isCarryOverflow === true ? late.under : late;
    this.#lateFlags = { write, temps: this.#takeTemps(), under, isCarryOverflow: true };
  }

  #takeTemps(): [ValueType, Local][] {
    const temps = this.#temps;
    this.#temps = [];
    return temps;
  }

  #releaseAll(temps: readonly [ValueType, Local][]): void {
    for (const [type, local] of temps) this.fn.release(type, local);
  }

  /** Identifies what {@link deferFlags} was last called with, as long as it counts. */
  get lateFlags(): object | undefined {
    return this.#lateFlags;
  }

  /** Works them out here. */
  settleLateFlags(): void {
    this.#write(this.#lateFlags);
    this.dropLateFlags();
  }

  /** All six flags were replaced. */
  dropLateFlags(): void {
    for (let late = this.#lateFlags; late !== undefined; late = late.under) {
      this.#releaseAll(late.temps);
    }
    this.#lateFlags = undefined;
  }

  /** Works them out here, and leaves it to others to do so as well: on a way out that is taken or not. */
  protected writeLateFlags(): void {
    const knownKind = this.#knownKind;
    const isKindLate = this.#isKindLate;
    const { expectedKind } = this;
    this.#write(this.#lateFlags);
    if (isKindLate) this.fn.i32(knownKind).set(this.ccKind);
    this.#knownKind = knownKind;
    this.#isKindLate = isKindLate;
    this.expectedKind = expectedKind;
  }

  /** The flags are of this kind from here on. */
  setKind(kind: number): void {
    this.usesFlags = true;
    this.#knownKind = kind;
    this.#isKindLate = true;
  }

  /** The same where control may come together with such as has not come this way. */
  setKindHere(kind: number): void {
    this.setKind(kind);
    this.settleKind();
  }

  /** The flags are of a kind that ccKind has, and the translator knows as `kind`; -1 if it does not know it. */
  kindIs(kind: number): void {
    this.#knownKind = kind;
    this.#isKindLate = false;
  }

  /** Puts the kind into ccKind. */
  settleKind(): void {
    if (this.#isKindLate) this.fn.i32(this.#knownKind).set(this.ccKind);
    this.#isKindLate = false;
  }

  #write(late: LateFlags | undefined): void {
    if (late === undefined) return;
    this.#write(late.under);
    late.write();
  }

  protected storeFlags(): void {
    const { fn } = this;
    this.stateBase();
    fn.get(this.ccKind);
    this.storeState("i32.store", CC_KIND);
    this.stateBase();
    fn.get(this.ccResult);
    this.storeState("i64.store", CC_RESULT);
    this.stateBase();
    fn.get(this.ccSource);
    this.storeState("i64.store", CC_SOURCE);
    this.stateBase();
    fn.get(this.flags);
    this.storeState("i32.store", FLAGS);
  }

  /** Takes them from there. Of narrow results and operands only the low half means anything, there and in locals. */
  fetchFlags(): void {
    const { fn } = this;
    this.loadState("i32.load", CC_KIND);
    fn.set(this.ccKind);
    this.loadState("i64.load", CC_RESULT);
    fn.set(this.ccResult);
    this.loadState("i64.load", CC_SOURCE);
    fn.set(this.ccSource);
    this.loadState("i32.load", FLAGS);
    fn.set(this.flags);
  }

  /** Puts the flags into the state block, for a helper that reads them there. */
  publishFlags(): void {
    this.usesFlags = true;
    this.storeFlags();
  }

  flagsUsed(): void {
    this.usesFlags = true;
  }
}
