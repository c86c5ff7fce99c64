// SPDX-License-Identifier: BSD-2-Clause
// One counter of an 8254 interval timer (Intel 8254 data sheet, 231164), all six modes, computed from the number of the
// present CLK pulse instead of counted. Between two accesses nothing happens here.
//
// Time is a CLK number, `tick`. What is written during one pulse takes effect with the next, as on the chip:
// a count written at tick t is in the counting element at t + 1. Left out: a count of 1 in modes 2 and 3, which the data
// sheet forbids, stops OUT (mode 2 low, mode 3 high).

const RW_LSB = 1;
const RW_MSB = 2;
const BINARY_MODULUS = 0x10000;
const BCD_MODULUS = 10000;

export class PitCounter {
  /** 0 … 5, as programmed. */
  mode = 0;
  isBcd = false;
  /** 1: least significant byte, 2: most significant byte, 3: both in this order. */
  access = 3;
  gate = true;
  /** The count register (CR): 1 … modulus. Valid once `hasCount`. */
  private countRegister = BINARY_MODULUS;
  private hasCount = false;
  /** CR was written and is not in the counting element yet. */
  private isCountPending = false;
  /** The counting element counts; otherwise it shows `frozenCount` and OUT is `restOut`. */
  private isCounting = false;
  private frozenCount = 0;
  private restOut = true;
  /** What the counting element was loaded with, and at which tick. */
  private loaded = BINARY_MODULUS;
  private loadTick = 0;
  /** Pulses counted when gate paused modes 0 and 4, -1 while they run. */
  private pausedAfter = -1;
  /** Where modes 2 and 3 take up a pending count, and whether a low half begins there. */
  private reloadTick = 0;
  private reloadBeginsLow = false;
  /** The bytes of a 16-bit access that were transferred; the first byte written. */
  private isHalfWritten = false;
  private isHalfRead = false;
  private writtenLow = 0;
  /** Latched count and status, -1 when not latched. */
  private latchedCount = -1;
  private latchedStatus = -1;

  /** A control word that is no latch command: OUT goes to its initial level at once, and counting stops. */
  program(access: number, mode: number, isBcd: boolean, tick: number): void {
    this.frozenCount = this.count(tick);
    this.isCounting = false;
    this.access = access;
    // Modes 6 and 7 are 2 and 3: bit 2 does not matter there.
    this.mode = mode > 5 ? mode - 4 : mode;
    this.isBcd = isBcd;
    this.restOut = this.mode !== 0;
    this.hasCount = false;
    this.isCountPending = true;
    this.isHalfWritten = false;
    this.isHalfRead = false;
    this.latchedCount = -1;
    this.latchedStatus = -1;
  }

  writeByte(value: number, tick: number): void {
    if (this.access === RW_LSB) this.writeCount(value, tick);
    else if (this.access === RW_MSB) this.writeCount(value << 8, tick);
    else if (this.isHalfWritten) {
      this.isHalfWritten = false;
      this.writeCount((value << 8) | this.writtenLow, tick);
    } else {
      this.isHalfWritten = true;
      this.writtenLow = value;
      if (this.mode === 0) this.stop(tick, false);
    }
  }

  readByte(tick: number): number {
    if (this.latchedStatus >= 0) {
      const status = this.latchedStatus;
      this.latchedStatus = -1;
      return status;
    }
    const value = this.latchedCount >= 0 ? this.latchedCount : this.encodedCount(tick);
    const readsHigh = this.access === RW_MSB || this.isHalfRead;
    this.isHalfRead = this.access === 3 && !this.isHalfRead;
    if (!this.isHalfRead) this.latchedCount = -1;
    return readsHigh ? value >>> 8 : value & 0xff;
  }

  /** Holds the count until it is read; ignored while another one is held. */
  latchCount(tick: number): void {
    if (this.latchedCount < 0) this.latchedCount = this.encodedCount(tick);
  }

  /** Holds OUT, null count and the mode for the next read; ignored while another status is held. */
  latchStatus(tick: number): void {
    if (this.latchedStatus >= 0) return;
    this.latchedStatus =
      (this.out(tick) ? 0x80 : 0) |
      (this.isNull(tick) ? 0x40 : 0) |
      (this.access << 4) |
      (this.mode << 1) |
      (this.isBcd ? 1 : 0);
  }

  setGate(isHigh: boolean, tick: number): void {
    if (isHigh === this.gate) return;
    this.gate = isHigh;
    switch (this.mode) {
      case 0:
      case 4:
        this.pauseOrResume(isHigh, tick);
        break;
      case 2:
      case 3:
        if (!isHigh) this.stop(tick, true);
        else if (this.hasCount) this.load(tick);
        break;
      default:
        if (isHigh && this.hasCount) this.trigger(tick);
    }
  }

  /** The OUT pin at a tick no earlier than the last access. */
  out(tick: number): boolean {
    this.takeUpPending(tick);
    const elapsed = this.elapsed(tick);
    if (!this.isCounting || elapsed < 0) return this.restOut;
    const { loaded } = this;
    switch (this.mode) {
      case 0:
      case 1:
        return elapsed >= loaded;
      case 2:
        return elapsed % loaded !== loaded - 1;
      case 3:
        return elapsed % loaded < highHalf(loaded);
      default:
        return elapsed !== loaded;
    }
  }

  /** The next tick after `tick` at which OUT rises, if nothing is written until then; `Infinity` if it does not. */
  nextRise(tick: number): number {
    this.takeUpPending(tick);
    if (!this.isCounting || this.pausedAfter >= 0) return Number.POSITIVE_INFINITY;
    if (this.mode === 2 || this.mode === 3) return this.nextPeriodicRise(tick);
    const rise = this.loadTick + this.loaded + (this.mode >= 4 ? 1 : 0);
    return rise > tick ? rise : Number.POSITIVE_INFINITY;
  }

  private nextPeriodicRise(tick: number): number {
    if (this.isCountPending) {
      if (!this.reloadBeginsLow) return this.reloadTick;
      const low = this.countRegister - highHalf(this.countRegister);
      return low === 0 ? Number.POSITIVE_INFINITY : this.reloadTick + low;
    }
    if (this.loaded === 1) return Number.POSITIVE_INFINITY;
    const periods = Math.max(0, Math.floor((tick - this.loadTick) / this.loaded));
    return this.loadTick + (periods + 1) * this.loaded;
  }

  /** A whole count has arrived; 0 is the largest. */
  private writeCount(value: number, tick: number): void {
    this.takeUpPending(tick);
    const digits = this.isBcd ? fromBcd(value) % BCD_MODULUS : value;
    this.countRegister = digits === 0 ? this.modulus : digits;
    const wasPending = this.isCountPending;
    this.hasCount = true;
    this.isCountPending = true;
    switch (this.mode) {
      case 0:
        this.restOut = false;
        this.load(tick);
        break;
      case 4:
        this.load(tick);
        break;
      case 2:
      case 3:
        if (!this.gate) this.loadWithoutCounting();
        else if (!this.isCounting || this.elapsed(tick) < 0) this.load(tick);
        else if (!wasPending) this.scheduleReload(tick);
        break;
    }
  }

  /** CR goes into the counting element with the next pulse. */
  private load(tick: number): void {
    this.frozenCount = this.count(tick);
    this.loaded = this.countRegister;
    this.loadTick = tick + 1;
    this.isCounting = true;
    this.isCountPending = false;
    const pauses = (this.mode === 0 || this.mode === 4) && !this.gate;
    this.pausedAfter = pauses ? 0 : -1;
  }

  /** Modes 2 and 3 with gate low: the count is there, and counts from the top when gate rises. */
  private loadWithoutCounting(): void {
    this.frozenCount = this.countRegister % this.modulus;
    this.isCountPending = false;
  }

  /** Modes 1 and 5: gate rose. */
  private trigger(tick: number): void {
    const outBefore = this.out(tick);
    this.load(tick);
    this.restOut = outBefore;
  }

  private pauseOrResume(isHigh: boolean, tick: number): void {
    if (!this.isCounting) return;
    if (!isHigh) {
      this.pausedAfter = Math.max(0, this.elapsed(tick));
    } else if (this.pausedAfter >= 0) {
      this.loadTick = tick - this.pausedAfter;
      this.pausedAfter = -1;
    }
  }

  private stop(tick: number, out: boolean): void {
    this.frozenCount = this.count(tick);
    this.isCounting = false;
    this.restOut = out;
  }

  /** Modes 2 and 3 go over to a new count at the end of the present cycle, mode 3 of the present half. */
  private scheduleReload(tick: number): void {
    const inCycle = this.elapsed(tick) % this.loaded;
    const cycleStart = tick - inCycle;
    const high = highHalf(this.loaded);
    this.reloadBeginsLow = this.mode === 3 && inCycle < high;
    this.reloadTick = cycleStart + (this.reloadBeginsLow ? high : this.loaded);
  }

  private takeUpPending(tick: number): void {
    const isPeriodic = this.mode === 2 || this.mode === 3;
    if (!isPeriodic || !this.isCounting || !this.isCountPending || tick < this.reloadTick) return;
    this.loaded = this.countRegister;
    this.loadTick = this.reloadTick - (this.reloadBeginsLow ? highHalf(this.loaded) : 0);
    this.isCountPending = false;
  }

  private isNull(tick: number): boolean {
    this.takeUpPending(tick);
    return this.isCountPending || (this.isCounting && this.pausedAfter < 0 && tick < this.loadTick);
  }

  private elapsed(tick: number): number {
    return this.pausedAfter >= 0 ? this.pausedAfter : tick - this.loadTick;
  }

  /** The counting element, 0 … modulus - 1. */
  private count(tick: number): number {
    this.takeUpPending(tick);
    const elapsed = this.elapsed(tick);
    if (!this.isCounting || elapsed < 0) return this.frozenCount;
    const { loaded, modulus } = this;
    if (this.mode === 2) return (loaded - (elapsed % loaded)) % modulus;
    if (this.mode === 3) {
      const inCycle = elapsed % loaded;
      const high = highHalf(loaded);
      const inHalf = inCycle < high ? inCycle : inCycle - high;
      return (loaded - (loaded % 2) - 2 * inHalf) % modulus;
    }
    const rest = (loaded - elapsed) % modulus;
    return rest < 0 ? rest + modulus : rest;
  }

  private encodedCount(tick: number): number {
    const count = this.count(tick);
    return this.isBcd ? toBcd(count % BCD_MODULUS) : count;
  }

  private get modulus(): number {
    return this.isBcd ? BCD_MODULUS : BINARY_MODULUS;
  }
}

/** Pulses for which mode 3 keeps OUT high: the longer half of an odd count. */
function highHalf(count: number): number {
  return Math.ceil(count / 2);
}

/** Digits above 9 count for what they are. */
function fromBcd(value: number): number {
  return (
    (value & 0xf) +
    10 * ((value >>> 4) & 0xf) +
    100 * ((value >>> 8) & 0xf) +
    1000 * ((value >>> 12) & 0xf)
  );
}

function toBcd(value: number): number {
  const digit = (weight: number) => Math.floor(value / weight) % 10;
  return digit(1) | (digit(10) << 4) | (digit(100) << 8) | (digit(1000) << 12);
}
