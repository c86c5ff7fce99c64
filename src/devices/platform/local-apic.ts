// SPDX-License-Identifier: BSD-2-Clause
// One processor's local APIC. Intel SDM 3A chapter 11; what the guest can tell apart is bhyve's
// (vmm/io/vlapic.c): version 0x00060014, seven LVT entries, a 134217728 Hz timer.
//
// Around it: `apic/priority.ts` (IRR, ISR, TMR, TPR, PPR), `apic/local-vector-table.ts`, `apic/apic-timer.ts`,
// `apic/error-status.ts`, `apic/interrupt-command.ts`; its registers are reached through
// `apic/xapic-window.ts` (memory) and `apic/apic-msrs.ts` (MSRs), and read by `apic/register-values.ts`.
//
// There is no firmware that would program virtual-wire mode, so until the guest software-enables the APIC,
// LINT0 is INTR (the 8259 pair) and LINT1 is NMI, as bhyve has it. Left out: SMI, a writable
// APIC ID, AMD's extensions. The file is long because acceptance, the local pins and the writes change the
// same few fields; what stands on its own is in `apic/`.
import type { Clock } from "../../base/clock.ts";
import type { BusHandler } from "../bus.ts";
import type { IrqPin } from "../irq.ts";
import { APIC_DISABLED, APIC_X2APIC, APIC_XAPIC, type ApicMode } from "./apic/apic-base.ts";
import { ApicMsrs } from "./apic/apic-msrs.ts";
import { ApicTimer, type TscTime } from "./apic/apic-timer.ts";
import { matchesX2apic, matchesXapic, x2apicLogicalId } from "./apic/destination.ts";
import {
  ErrorStatus,
  ESR_ILLEGAL_REGISTER,
  ESR_RECEIVE_ILLEGAL_VECTOR,
  ESR_SEND_ILLEGAL_VECTOR,
} from "./apic/error-status.ts";
import {
  DELIVERY_EXTINT,
  DELIVERY_FIXED,
  DELIVERY_INIT,
  DELIVERY_MODE_MASK,
  DELIVERY_NMI,
  DELIVERY_STARTUP,
  DESTINATION_BROADCAST,
  ICR_WRITABLE,
  isValidIpi,
  TRIGGER_LEVEL,
  VECTOR_MASK,
  wideDestination,
} from "./apic/interrupt-command.ts";
import { LocalInterruptPin } from "./apic/local-interrupt-pin.ts";
import {
  LocalVectorTable,
  LVT_ENTRIES,
  LVT_ERROR,
  LVT_LINT0,
  LVT_LINT1,
  LVT_REMOTE_IRR,
  LVT_TIMER,
  lvtEntryOf,
} from "./apic/local-vector-table.ts";
import { InterruptPriority } from "./apic/priority.ts";
import { isReadOnly, registerValue } from "./apic/register-values.ts";
import * as reg from "./apic/registers.ts";
import { XapicWindow } from "./apic/xapic-window.ts";
import type { ApicBus, ApicBusAgent } from "./apic-bus.ts";

/** What an APIC does to its processor besides offering interrupts. Called on the devices' thread. */
export interface CpuSignals {
  /** An edge of NMI: to be taken once, when the processor next can. */
  nmi(): void;
  /** INIT: the processor resets and, if it is not the BSP, waits for a start-up. The APIC has reset itself already. */
  init(): void;
  /** Start-up at `vector` × 4096; to be ignored unless the processor waits for it. */
  startUp(vector: number): void;
}

/** The 8259 pair behind INTR. */
export interface ExternalInterruptController {
  /** The vector an acknowledge would return now. Changes nothing. */
  pendingVector(): number;
  interruptAcknowledge(): number;
}

export interface LocalApicOptions {
  /** The initial APIC ID, which is the vCPU's number; xAPIC mode shows its low eight bits. */
  readonly apicId: number;
  readonly isBsp: boolean;
  readonly bus: ApicBus;
  readonly clock: Clock;
  readonly cpu: CpuSignals;
  readonly externalInterrupts: ExternalInterruptController;
  /** Hears whenever the answer of {@link LocalApic.pendingVector} may have changed. */
  readonly onChange: () => void;
  /** Gives the timer its TSC-deadline mode. The CPU's CPUID must agree. */
  readonly tsc?: TscTime;
  /** Whether x2APIC mode can be entered; true when not given. The CPU's CPUID must agree. */
  readonly hasX2apic?: boolean;
  /** Come out of reset in x2APIC mode (bhyve -x) instead of xAPIC mode. */
  readonly startsInX2apic?: boolean;
}

/** What has happened since the APIC was made; the machine turns it into bhyve's statistics. */
export interface LocalApicCounters {
  extInts: number;
  errors: number;
  timers: number;
  /** EOIs with nothing in service. */
  spuriousEois: number;
  ipis: number;
  /** Interrupts out of the local vector table, by its entries. */
  readonly lvts: Uint32Array;
}

/** Answers {@link LocalApic.pendingVector} compares with: ExtINT has no vector before its acknowledge. */
const OFFER_EXTINT = 256;

export class LocalApic implements ApicBusAgent {
  readonly apicId: number;
  readonly isBsp: boolean;
  readonly hasX2apic: boolean;
  readonly timer: ApicTimer;
  readonly hasTscDeadline: boolean;
  readonly lvt: LocalVectorTable;
  readonly priority = new InterruptPriority();
  readonly errors = new ErrorStatus();
  readonly counters: LocalApicCounters = {
    extInts: 0,
    errors: 0,
    timers: 0,
    spuriousEois: 0,
    ipis: 0,
    lvts: new Uint32Array(LVT_ENTRIES),
  };
  /** The 4 KiB at 0xFEE00000, as this processor sees them. */
  readonly mmio: BusHandler;
  readonly msrs: ApicMsrs;
  /** LINT0, where INTR of the 8259 pair belongs on the BSP; LINT1, where NMI does. */
  readonly lint0: IrqPin;
  readonly lint1: IrqPin;
  mode: ApicMode;
  spuriousVector = reg.SVR_RESET;
  destinationFormat = reg.DFR_RESET;
  /** The whole logical destination register, unsigned; meaningful in xAPIC mode only. */
  logicalDestination = 0;
  icrLow = 0;
  icrHigh = 0;
  /** An ExtINT message from the I/O APIC waits for its acknowledge. */
  private hasExtIntMessage = false;
  private offersExtInt = false;
  private offered = -1;
  private readonly resetMode: ApicMode;
  private readonly bus: ApicBus;
  private readonly cpu: CpuSignals;
  private readonly externalInterrupts: ExternalInterruptController;
  private readonly onChange: () => void;
  private readonly lintPins: readonly [LocalInterruptPin, LocalInterruptPin];

  constructor(options: LocalApicOptions) {
    this.apicId = options.apicId;
    this.isBsp = options.isBsp;
    this.hasX2apic = options.hasX2apic ?? true;
    this.resetMode = options.startsInX2apic === true ? APIC_X2APIC : APIC_XAPIC;
    this.mode = this.resetMode;
    this.bus = options.bus;
    this.cpu = options.cpu;
    this.externalInterrupts = options.externalInterrupts;
    this.onChange = options.onChange;
    this.hasTscDeadline = options.tsc !== undefined;
    this.lvt = new LocalVectorTable(this.hasTscDeadline);
    this.timer = new ApicTimer({
      clock: options.clock,
      tsc: options.tsc,
      fire: () => this.fireLocal(LVT_TIMER),
    });
    this.mmio = new XapicWindow(this);
    this.msrs = new ApicMsrs(this);
    const pin0 = new LocalInterruptPin((isHigh) => this.pinChanged(LVT_LINT0, isHigh));
    const pin1 = new LocalInterruptPin((isHigh) => this.pinChanged(LVT_LINT1, isHigh));
    this.lintPins = [pin0, pin1];
    this.lint0 = pin0;
    this.lint1 = pin1;
    this.bus.attachApic(this);
  }

  /** Power-on state. The levels of LINT0 and LINT1 are their drivers'. */
  reset(): void {
    this.mode = this.resetMode;
    this.resetRegisters();
  }

  // What the processor asks.

  /**
   * The vector to interrupt the processor with if its IF flag allows, -1 if there is none. The 8259 pair goes
   * before the APIC's own; its vector is what an acknowledge would give now.
   */
  pendingVector(): number {
    if (this.offersExtInt) return this.externalInterrupts.pendingVector();
    return this.priority.deliverable;
  }

  /** Takes the pending interrupt and returns its vector: the spurious vector if there is none any more. */
  acknowledge(): number {
    if (this.offersExtInt) {
      this.hasExtIntMessage = false;
      const vector = this.externalInterrupts.interruptAcknowledge();
      this.counters.extInts++;
      this.update();
      return vector;
    }
    const vector = this.priority.acknowledge();
    this.update();
    return vector < 0 ? this.spuriousVector & VECTOR_MASK : vector;
  }

  /** CR8, 0 … 15: the task priority's class. SDM 3A 11.8.6. */
  get cr8(): number {
    return this.priority.taskPriority >>> 4;
  }

  set cr8(value: number) {
    this.setTaskPriority((value & 0xf) << 4);
  }

  // What the bus asks.

  get processorPriority(): number {
    return this.priority.processorPriority;
  }

  get isSoftwareEnabled(): boolean {
    return this.mode !== APIC_DISABLED && (this.spuriousVector & reg.SVR_ENABLE) !== 0;
  }

  isAddressedBy(destination: number, isLogical: boolean): boolean {
    if (this.mode === APIC_DISABLED) return false;
    if (destination === DESTINATION_BROADCAST) return true;
    if (!isLogical) return destination === this.readableId();
    if (this.mode === APIC_X2APIC) return matchesX2apic(destination, x2apicLogicalId(this.apicId));
    return matchesXapic(destination, this.logicalDestination >>> 24, this.destinationFormat);
  }

  accept(command: number): boolean {
    const vector = command & VECTOR_MASK;
    switch (command & DELIVERY_MODE_MASK) {
      case DELIVERY_FIXED:
        return this.acceptFixed(vector, (command & TRIGGER_LEVEL) !== 0);
      case DELIVERY_NMI:
        this.cpu.nmi();
        return true;
      case DELIVERY_INIT:
        this.resetRegisters();
        this.cpu.init();
        return true;
      case DELIVERY_STARTUP:
        this.cpu.startUp(vector);
        return true;
      case DELIVERY_EXTINT:
        this.hasExtIntMessage = true;
        this.update();
        return true;
      default:
        return false;
    }
  }

  /** Something the local vector table has an entry for happened inside the processor: LVT_THERMAL and its like. */
  fireLocal(entry: number): boolean {
    if (this.lvt.isMasked(entry)) return false;
    const bits = this.lvt.entries[entry];
    // The table has no start-up, and ExtINT is a level that update() looks at.
    if ((bits & DELIVERY_MODE_MASK) >= DELIVERY_STARTUP) return false;
    this.counters.lvts[entry]++;
    if (entry === LVT_TIMER) this.counters.timers++;
    else if (entry === LVT_ERROR) this.counters.errors++;
    return this.accept(bits & ~TRIGGER_LEVEL);
  }

  // What the register windows ask.

  /** IA32_APIC_BASE moved the APIC to another mode. Disabling it loses its state (SDM 3A 11.4.3). */
  setMode(mode: ApicMode): void {
    if (mode === this.mode) return;
    this.mode = mode;
    if (mode === APIC_DISABLED) this.resetRegisters();
    this.update();
  }

  /** A register's value, unsigned. One that does not exist reads 0 and is an error. */
  readRegister(register: number): number {
    const value = registerValue(this, register);
    if (value === undefined) this.raiseError(ESR_ILLEGAL_REGISTER);
    return value ?? 0;
  }

  /** Writes a register; `value` is unsigned. One that does not exist, or that is read-only, does not change. */
  writeRegister(register: number, value: number): void {
    switch (register) {
      case reg.APIC_EOI:
        this.endOfInterrupt();
        break;
      case reg.APIC_TPR:
        this.setTaskPriority(value & 0xff);
        break;
      case reg.APIC_ICR_LOW:
        this.sendIpi(value);
        break;
      case reg.APIC_ICR_HIGH:
        this.icrHigh = value;
        break;
      case reg.APIC_SELF_IPI:
        if (this.mode === APIC_X2APIC) this.sendFixedToSelf(value & VECTOR_MASK);
        else this.raiseError(ESR_ILLEGAL_REGISTER);
        break;
      case reg.APIC_TIMER_INITIAL_COUNT:
        this.timer.writeInitialCount(value);
        break;
      default:
        this.writeConfiguration(register, value);
    }
  }

  private writeConfiguration(register: number, value: number): void {
    switch (register) {
      case reg.APIC_SVR:
        this.spuriousVector = value & reg.SVR_WRITABLE;
        if (!this.isSoftwareEnabled) this.lvt.maskAll();
        this.configureTimer();
        this.update();
        break;
      case reg.APIC_LDR:
        this.logicalDestination = (value & 0xff000000) >>> 0;
        break;
      case reg.APIC_DFR:
        this.destinationFormat = (value | 0x0fffffff) >>> 0;
        break;
      case reg.APIC_ESR:
        this.errors.latch();
        break;
      case reg.APIC_TIMER_DIVIDE:
        this.timer.writeDivide(value & reg.TIMER_DIVIDE_WRITABLE);
        break;
      default: {
        const entry = lvtEntryOf(register);
        if (entry >= 0) this.writeLvt(entry, value);
        else if (!isReadOnly(register)) this.raiseError(ESR_ILLEGAL_REGISTER);
      }
    }
  }

  private writeLvt(entry: number, value: number): void {
    this.lvt.write(entry, value, this.isSoftwareEnabled);
    if (entry === LVT_TIMER) this.configureTimer();
    if (entry === LVT_LINT0 || entry === LVT_LINT1) this.retryLevelPin(entry);
    this.update();
  }

  private configureTimer(): void {
    const bits = this.lvt.entries[LVT_TIMER];
    this.timer.configure(Math.min((bits >>> 17) & 3, 2), this.lvt.isMasked(LVT_TIMER));
  }

  private setTaskPriority(value: number): void {
    this.priority.setTaskPriority(value);
    this.update();
  }

  private endOfInterrupt(): void {
    const vector = this.priority.endOfInterrupt();
    if (vector < 0) {
      this.counters.spuriousEois++;
      return;
    }
    if (this.priority.tmr.has(vector)) {
      this.endLevelPins(vector);
      this.bus.broadcastEoi(vector);
    }
    this.update();
  }

  private sendIpi(value: number): void {
    const command = value & ICR_WRITABLE;
    this.icrLow = command;
    if (!isValidIpi(command)) return;
    const isFixed = (command & DELIVERY_MODE_MASK) < DELIVERY_NMI;
    if (isFixed && (command & VECTOR_MASK) < 16) {
      this.raiseError(ESR_SEND_ILLEGAL_VECTOR);
      return;
    }
    const destination =
      this.mode === APIC_X2APIC ? this.icrHigh : wideDestination(this.icrHigh >>> 24);
    this.counters.ipis++;
    this.bus.deliverIpi(this, command, destination);
  }

  private sendFixedToSelf(vector: number): void {
    if (vector < 16) this.raiseError(ESR_SEND_ILLEGAL_VECTOR);
    else this.acceptFixed(vector, false);
  }

  private acceptFixed(vector: number, isLevel: boolean): boolean {
    if (!this.isSoftwareEnabled) return false;
    if (vector < 16) {
      this.raiseError(ESR_RECEIVE_ILLEGAL_VECTOR);
      return false;
    }
    this.priority.request(vector, isLevel);
    this.update();
    return true;
  }

  private raiseError(error: number): void {
    if (this.errors.note(error)) this.fireLocal(LVT_ERROR);
  }

  /** LINT0 (`entry` LVT_LINT0) or LINT1 changed its level. */
  private pinChanged(entry: number, isHigh: boolean): void {
    if (isHigh) {
      if (!this.isSoftwareEnabled) {
        if (entry === LVT_LINT1) this.cpu.nmi();
      } else if ((this.lvt.entries[entry] & TRIGGER_LEVEL) !== 0) {
        this.retryLevelPin(entry);
      } else {
        this.fireLocal(entry);
      }
    }
    this.update();
  }

  /** Sends the fixed interrupt of a level-triggered pin that is high, unless the last one is still open. */
  private retryLevelPin(entry: number): void {
    const bits = this.lvt.entries[entry];
    const isLevelFixed =
      (bits & TRIGGER_LEVEL) !== 0 && (bits & DELIVERY_MODE_MASK) === DELIVERY_FIXED;
    if (!isLevelFixed || this.lvt.isMasked(entry) || (bits & LVT_REMOTE_IRR) !== 0) return;
    if (!this.lintPins[entry - LVT_LINT0]!.isHigh) return;
    if (this.acceptFixed(bits & VECTOR_MASK, true)) this.lvt.entries[entry] |= LVT_REMOTE_IRR;
  }

  private endLevelPins(vector: number): void {
    for (let entry = LVT_LINT0; entry <= LVT_LINT1; entry++) {
      const bits = this.lvt.entries[entry];
      if ((bits & LVT_REMOTE_IRR) === 0 || (bits & VECTOR_MASK) !== vector) continue;
      this.lvt.entries[entry] = bits & ~LVT_REMOTE_IRR;
      this.retryLevelPin(entry);
    }
  }

  private resetRegisters(): void {
    this.spuriousVector = reg.SVR_RESET;
    this.destinationFormat = reg.DFR_RESET;
    this.logicalDestination = 0;
    this.icrLow = 0;
    this.icrHigh = 0;
    this.hasExtIntMessage = false;
    this.lvt.clear();
    this.errors.clear();
    this.timer.reset();
    this.priority.clear();
    this.update();
  }

  /** The ID that physical destinations name: eight bits in xAPIC mode. */
  private readableId(): number {
    return this.mode === APIC_X2APIC ? this.apicId : this.apicId & 0xff;
  }

  /** Whether LINT0 hands INTR through to the processor now. */
  private isVirtualWire(): boolean {
    if (!this.lintPins[0].isHigh) return false;
    if (!this.isSoftwareEnabled) return true;
    const bits = this.lvt.entries[LVT_LINT0];
    return !this.lvt.isMasked(LVT_LINT0) && (bits & DELIVERY_MODE_MASK) === DELIVERY_EXTINT;
  }

  /** Recomputes what is offered to the processor and tells it when that changed. */
  private update(): void {
    this.offersExtInt = this.hasExtIntMessage || this.isVirtualWire();
    const offered = this.offersExtInt ? OFFER_EXTINT : this.priority.deliverable;
    if (offered === this.offered) return;
    this.offered = offered;
    this.onChange();
  }
}
