// SPDX-License-Identifier: BSD-2-Clause
// Stands where the interrupt controllers would: counts what each input is asserted by, and keeps messages.
import type { IrqPin, MsiSink } from "../../src/devices/irq.ts";
import type { PciInterruptWiring } from "../../src/devices/pci/intx-router.ts";

export interface MsiMessage {
  readonly address: number;
  readonly data: number;
}

export class InterruptRecorder implements PciInterruptWiring, MsiSink {
  /** Messages in order of arrival; {@link takeMessages} empties it. */
  readonly messages: MsiMessage[] = [];
  /** Inputs that were made level-triggered in the ELCR, in that order. */
  readonly levelTriggered: number[] = [];
  readonly #levels = new Map<string, number>();
  readonly #pulses = new Map<string, number>();

  readonly ioapicPin = (pin: number): IrqPin => this.pin(`ioapic ${pin}`);
  readonly picPin = (irq: number): IrqPin => this.pin(`pic ${irq}`);
  readonly isaPin = (irq: number): IrqPin => this.pin(`isa ${irq}`);
  readonly setLevelTriggered = (irq: number): void => void this.levelTriggered.push(irq);

  /** An input by name: `ioapic 16`, `pic 5`, `isa 4`. */
  pin(name: string): IrqPin {
    const add = (step: number) => this.#levels.set(name, this.level(name) + step);
    return {
      assert: () => void add(1),
      deassert: () => void add(-1),
      pulse: () => void this.#pulses.set(name, this.pulses(name) + 1),
    };
  }

  send(address: number, data: number): void {
    this.messages.push({ address, data });
  }

  /** How many sources assert an input now. Below 0 means that somebody let go twice. */
  level(name: string): number {
    return this.#levels.get(name) ?? 0;
  }

  /** How many edges an input has seen. */
  pulses(name: string): number {
    return this.#pulses.get(name) ?? 0;
  }

  /** The inputs that are asserted now. */
  get asserted(): string[] {
    return [...this.#levels].filter(([, level]) => level !== 0).map(([name]) => name);
  }

  /** The data words of the messages since the last call. */
  takeMessages(): number[] {
    return this.messages.splice(0).map(({ data }) => data);
  }
}
