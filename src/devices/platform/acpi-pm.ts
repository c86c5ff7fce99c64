// SPDX-License-Identifier: BSD-2-Clause
// ACPI fixed hardware: PM1 event and control registers, GPE block 0, SMI command port, power-management timer. ACPI 6.4
// 4.8.3 and 4.8.4; bits, and which of them can be set, are bhyve's (bhyve/pm.c, vmm/io/vpmtmr.c).
//
// Registers may be accessed in any width, a byte at a time (ACPI 4.8.3 allows that; bhyve ends the VM). The SCI follows
// SCI_EN as ACPI has it. Left out: the timer's carry event (its enable bit does not stick), sleep states but S5,
// the global lock, sleep button and wake-up.
import type { Clock } from "../../base/clock.ts";
import { ticksAt } from "../../base/frequency.ts";
import type { AccessSize, Bus, BusHandler } from "../bus.ts";
import type { IrqPin } from "../irq.ts";
import { bytePorts } from "./byte-ports.ts";

export const PM_TIMER_HZ = 3579545;
export const PM1_EVENT_PORT = 0x400;
export const PM1_CONTROL_PORT = 0x404;
export const PM_TIMER_PORT = 0x408;
export const GPE0_PORT = 0x40c;
export const SMI_COMMAND_PORT = 0xb2;
/** What the FADT names to switch ACPI mode on and off. */
export const ACPI_ENABLE = 0xa0;
export const ACPI_DISABLE = 0xa1;
/** SLP_TYP of the soft-off state, as the DSDT's \_S5 says. */
export const SLEEP_TYPE_S5 = 5;

const TWO_32 = 0x1_0000_0000;
const PM1_PWRBTN_STS = 0x0100;
/** BM, PWRBTN, SLPBTN, RTC, WAK: cleared by writing 1. */
const PM1_STS_CLEARABLE = 0x8710;
/** GBL (ACPICA insists on it), PWRBTN, RTC. */
const PM1_EN_WRITABLE = 0x0520;
const PM1_SCI_EN = 0x0001;
const PM1_SLP_EN = 0x2000;
const PM1_SLP_TYP_SHIFT = 10;
/** BM_RLD, SLP_TYP. SCI_EN is the SMI command's, GBL_RLS and SLP_EN read 0. */
const PM1_CNT_WRITABLE = 0x1c02;
const GPE0_VALID = 0x01;

export interface AcpiPmOptions {
  readonly clock: Clock;
  /** IRQ 9, level-triggered. */
  readonly sci: IrqPin;
  /** The guest has entered S5. */
  readonly onPowerOff: () => void;
}

export class AcpiPm {
  /** PM1_STS, PM1_EN, PM1_CNT; GPE0_STS, GPE0_EN. */
  pm1Status = 0;
  pm1Enable = 0;
  pm1Control = 0;
  gpe0Status = 0;
  gpe0Enable = 0;
  readonly pm1EventPorts: BusHandler = bytePorts({
    readByte: (offset) => this.pm1EventByte(offset),
    writeByte: (offset, value) => this.writePm1Event(offset, value),
  });
  readonly pm1ControlPorts: BusHandler = {
    read: (offset, size) => bytesOf(this.pm1Control, offset, size),
    write: (offset, size, value) => this.writePm1Control(offset, size, value),
  };
  readonly timerPorts: BusHandler = {
    read: (offset, size) => {
      const value = this.timerValue();
      return size === 4 ? value : bytesOf(value, offset, size);
    },
    write: () => {},
  };
  readonly gpe0Ports: BusHandler = bytePorts({
    readByte: (offset) => (offset === 0 ? this.gpe0Status : this.gpe0Enable),
    writeByte: (offset, value) => this.writeGpe0(offset, value),
  });
  /** Write-only. */
  readonly smiCommandPort: BusHandler = bytePorts({
    readByte: () => 0xff,
    writeByte: (_offset, value) => this.writeSmiCommand(value),
  });
  private isSciAsserted = false;
  private readonly clock: Clock;
  private readonly sci: IrqPin;
  private readonly onPowerOff: () => void;

  constructor(options: AcpiPmOptions) {
    this.clock = options.clock;
    this.sci = options.sci;
    this.onPowerOff = options.onPowerOff;
  }

  attachTo(io: Bus): void {
    io.attach(PM1_EVENT_PORT, 4, "acpi-pm1-event", this.pm1EventPorts);
    io.attach(PM1_CONTROL_PORT, 2, "acpi-pm1-control", this.pm1ControlPorts);
    io.attach(PM_TIMER_PORT, 4, "acpi-pm-timer", this.timerPorts);
    io.attach(GPE0_PORT, 2, "acpi-gpe0", this.gpe0Ports);
    io.attach(SMI_COMMAND_PORT, 1, "smi-command", this.smiCommandPort);
  }

  /** Legacy mode, no events. The timer counts on. */
  reset(): void {
    this.pm1Status = 0;
    this.pm1Enable = 0;
    this.pm1Control = 0;
    this.gpe0Status = 0;
    this.gpe0Enable = 0;
    this.updateSci();
  }

  /** Presses the power button; false when the guest does not listen for it, so that it will not turn itself off. */
  pressPowerButton(): boolean {
    this.pm1Status |= PM1_PWRBTN_STS;
    this.updateSci();
    return this.isSciAsserted && (this.pm1Enable & PM1_PWRBTN_STS) !== 0;
  }

  /** Raises general-purpose event 0, the only one: the VM generation ID has changed. */
  raiseGpe0(): void {
    this.gpe0Status |= GPE0_VALID;
    this.updateSci();
  }

  private timerValue(): number {
    return ticksAt(this.clock.now(), PM_TIMER_HZ) % TWO_32;
  }

  private pm1EventByte(offset: number): number {
    const register = offset < 2 ? this.pm1Status : this.pm1Enable;
    return (register >>> (8 * (offset & 1))) & 0xff;
  }

  private writePm1Event(offset: number, value: number): void {
    const shift = 8 * (offset & 1);
    if (offset < 2) {
      this.pm1Status &= ~((value << shift) & PM1_STS_CLEARABLE);
    } else {
      const others = this.pm1Enable & ~(0xff << shift);
      this.pm1Enable = others | ((value << shift) & PM1_EN_WRITABLE);
    }
    this.updateSci();
  }

  private writePm1Control(offset: number, size: AccessSize, value: number): void {
    const shift = 8 * offset;
    const mask = (size === 1 ? 0xff << shift : 0xffff) & 0xffff;
    const next = (this.pm1Control & ~mask) | ((value << shift) & mask);
    this.pm1Control = (this.pm1Control & PM1_SCI_EN) | (next & PM1_CNT_WRITABLE);
    const isSleepRequested = (next & PM1_SLP_EN) !== 0;
    if (isSleepRequested && ((next >>> PM1_SLP_TYP_SHIFT) & 7) === SLEEP_TYPE_S5) this.onPowerOff();
  }

  private writeGpe0(offset: number, value: number): void {
    if (offset === 0) this.gpe0Status &= ~value;
    else this.gpe0Enable = value & GPE0_VALID;
    this.updateSci();
  }

  private writeSmiCommand(value: number): void {
    if (value === ACPI_ENABLE) this.pm1Control |= PM1_SCI_EN;
    else if (value === ACPI_DISABLE) this.pm1Control &= ~PM1_SCI_EN;
    this.updateSci();
  }

  private updateSci(): void {
    const isPending =
      (this.pm1Status & this.pm1Enable) !== 0 || (this.gpe0Status & this.gpe0Enable) !== 0;
    const isAsserted = isPending && (this.pm1Control & PM1_SCI_EN) !== 0;
    if (isAsserted === this.isSciAsserted) return;
    this.isSciAsserted = isAsserted;
    if (isAsserted) this.sci.assert();
    else this.sci.deassert();
  }
}

/** The bytes of a register that an access touches, unsigned; those beyond 32 bits are 0. */
function bytesOf(register: number, offset: number, size: AccessSize): number {
  return Math.floor(register / 2 ** (8 * offset)) % 2 ** (8 * size);
}
