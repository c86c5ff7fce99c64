// SPDX-License-Identifier: BSD-2-Clause
// The PC's two 8259A interrupt controllers, the slave on the master's input 2, with the edge/level control
// registers (ELCR) of the chipset. bhyve: vmm/io/vatpic.c. The chip is in `pic8259-chip.ts`.
//
// Lines are counted as on the I/O APIC. They are followed before the guest has programmed the chips, too
// (bhyve drops them then, and miscounts), but INT stays low until it has. ICW1 makes the chips forget edges.
import type { Bus, BusHandler } from "../bus.ts";
import type { IrqPin } from "../irq.ts";
import { bytePorts } from "./byte-ports.ts";
import type { ExternalInterruptController } from "./local-apic.ts";
import { CASCADE_INPUT, Pic8259Chip } from "./pic8259-chip.ts";

/** IRQs that are edges whatever ELCR says: timer, keyboard, cascade; RTC, coprocessor error. */
const ELCR_WRITABLE = [0xf8, 0xde] as const;
const SPURIOUS_INPUT = 7;

export interface Pic8259Options {
  /** The master's INT output. It falls and rises again when a further interrupt follows an acknowledge. */
  readonly onOutput: (isHigh: boolean) => void;
}

export class Pic8259 implements ExternalInterruptController {
  readonly master = new Pic8259Chip();
  readonly slave = new Pic8259Chip();
  /** Ports 0x20, 0x21; 0xA0, 0xA1; 0x4D0, 0x4D1. */
  readonly masterPorts: BusHandler = this.portsOf(this.master);
  readonly slavePorts: BusHandler = this.portsOf(this.slave);
  readonly elcrPorts: BusHandler = bytePorts({
    readByte: (offset) => this.chip(offset).levelTriggered,
    writeByte: (offset, value) => {
      this.chip(offset).levelTriggered = value & ELCR_WRITABLE[offset & 1]!;
      this.update();
    },
  });
  /** Asserts not taken back, by IRQ. */
  readonly asserts = new Int32Array(16);
  private isOutputHigh = false;
  private readonly pins: readonly IrqPin[];
  private readonly onOutput: (isHigh: boolean) => void;

  constructor(options: Pic8259Options) {
    this.onOutput = options.onOutput;
    this.pins = Array.from({ length: 16 }, (_, irq) => this.makePin(irq));
    this.reset();
  }

  attachTo(io: Bus): void {
    io.attach(0x20, 2, "pic-master", this.masterPorts);
    io.attach(0xa0, 2, "pic-slave", this.slavePorts);
    io.attach(0x4d0, 2, "elcr", this.elcrPorts);
  }

  /** Power-on state: not initialised, all edge-triggered. What the devices assert stays asserted. */
  reset(): void {
    this.master.reset();
    this.slave.reset();
    this.update();
  }

  /** The line of an ISA IRQ, 0 … 15. IRQ 2 is the cascade: its pin does nothing. */
  pin(irq: number): IrqPin {
    return this.pins[irq]!;
  }

  /** What firmware does for a level-triggered source such as the SCI; ignored for IRQs that cannot be. */
  setLevelTriggered(irq: number): void {
    const chip = this.chip(irq >> 3);
    chip.levelTriggered |= (1 << (irq & 7)) & ELCR_WRITABLE[irq >> 3]!;
    this.update();
  }

  pendingVector(): number {
    const { master, slave } = this;
    const input = master.pending();
    if (input !== CASCADE_INPUT || master.isSingle) return vectorOf(master, input);
    return vectorOf(slave, slave.pending());
  }

  interruptAcknowledge(): number {
    const { master, slave } = this;
    const input = master.acknowledge();
    let vector: number;
    if (input !== CASCADE_INPUT || master.isSingle) vector = vectorOf(master, input);
    else vector = vectorOf(slave, slave.acknowledge());
    // INT falls during the cycle, so that what is still pending makes a new edge.
    this.setOutput(false);
    this.update();
    return vector;
  }

  private chip(index: number): Pic8259Chip {
    return (index & 1) === 0 ? this.master : this.slave;
  }

  private portsOf(chip: Pic8259Chip): BusHandler {
    return bytePorts({
      readByte: (offset) => {
        const value = chip.readByte(offset);
        this.update();
        return value;
      },
      writeByte: (offset, value) => {
        chip.writeByte(offset, value);
        this.update();
      },
    });
  }

  private makePin(irq: number): IrqPin {
    const pin: IrqPin = {
      assert: () => {
        if (this.asserts[irq]++ === 0) this.setLine(irq, true);
      },
      deassert: () => {
        if (this.asserts[irq] > 0 && --this.asserts[irq] === 0) this.setLine(irq, false);
      },
      pulse: () => {
        pin.assert();
        pin.deassert();
      },
    };
    return pin;
  }

  private setLine(irq: number, isHigh: boolean): void {
    if (irq === CASCADE_INPUT) return;
    this.chip(irq >> 3).setLine(irq & 7, isHigh);
    this.update();
  }

  private update(): void {
    this.master.setCascade(this.slave.output);
    this.setOutput(this.master.output);
  }

  private setOutput(isHigh: boolean): void {
    if (isHigh === this.isOutputHigh) return;
    this.isOutputHigh = isHigh;
    this.onOutput(isHigh);
  }
}

function vectorOf(chip: Pic8259Chip, input: number): number {
  return chip.vectorBase + (input < 0 ? SPURIOUS_INPUT : input);
}
