// SPDX-License-Identifier: BSD-2-Clause
// What connects local APICs, I/O APIC and message-signalled interrupts. Intel SDM 3A 11.6.2 (which APICs
// a destination names), 11.11 (MSI). bhyve: vlapic_calcdest, lapic_intr_msi.
//
// bhyve takes an MSI's destination as logical only when redirection hint and destination mode are both set, and
// delivers lowest priority to everybody. Here the destination mode alone decides, as chipsets have it,
// and lowest priority picks one APIC. Left out: MSI-X-style extended destination IDs, system management interrupts.
import type { MsiSink } from "../irq.ts";
import {
  DELIVERY_EXTINT,
  DELIVERY_FIXED,
  DELIVERY_INIT,
  DELIVERY_LOWEST_PRIORITY,
  DELIVERY_MODE_MASK,
  DELIVERY_NMI,
  DESTINATION_BROADCAST,
  DESTINATION_LOGICAL,
  LEVEL_ASSERT,
  SHORTHAND_ALL,
  SHORTHAND_MASK,
  SHORTHAND_NONE,
  SHORTHAND_OTHERS,
  SHORTHAND_SELF,
  TRIGGER_LEVEL,
  VECTOR_MASK,
  wideDestination,
} from "./apic/interrupt-command.ts";

/** A local APIC as the bus sees it. Commands are in the layout of `apic/interrupt-command.ts`. */
export interface ApicBusAgent {
  /** The priority that lowest-priority delivery compares; 0 … 255. */
  readonly processorPriority: number;
  /** Whether it takes fixed interrupts at all. */
  readonly isSoftwareEnabled: boolean;
  /** Whether a 32-bit destination, all ones for everybody, names it. */
  isAddressedBy(destination: number, isLogical: boolean): boolean;
  /** Takes one interrupt; false when it was dropped. */
  accept(command: number): boolean;
}

/** Hears which vectors of level-triggered interrupts are done. */
export type EoiListener = (vector: number) => void;

const MSI_WINDOW = 0xfee;
const MSI_DESTINATION_LOGICAL = 0x4;
const MSI_REDIRECTION_HINT = 0x8;
const MSI_DATA_COMMAND = VECTOR_MASK | DELIVERY_MODE_MASK;

export class ApicBus implements MsiSink {
  private readonly agents: ApicBusAgent[] = [];
  private readonly eoiListeners: EoiListener[] = [];
  /** Where the search for the lowest priority starts, so that equals take turns. */
  private turn = 0;

  attachApic(agent: ApicBusAgent): void {
    this.agents.push(agent);
  }

  /** An I/O APIC wants to hear of every EOI broadcast. */
  onEoi(listener: EoiListener): void {
    this.eoiListeners.push(listener);
  }

  /** An MSI. One outside 0xFEE00000–0xFEEFFFFF is lost; the trigger mode is always edge (PCI 3.0 §6.8.3). */
  send(address: number, data: number): void {
    if (Math.floor(address / 0x100000) !== MSI_WINDOW) return;
    let command = data & MSI_DATA_COMMAND;
    if ((address & MSI_DESTINATION_LOGICAL) !== 0) command |= DESTINATION_LOGICAL;
    const isRedirectable = (address & MSI_REDIRECTION_HINT) !== 0;
    if (isRedirectable && (command & DELIVERY_MODE_MASK) === DELIVERY_FIXED) {
      command |= DELIVERY_LOWEST_PRIORITY;
    }
    this.deliver(command, (address >>> 12) & 0xff);
  }

  /** An interrupt from an I/O APIC or a device, with an 8-bit destination; true when some APIC took it. */
  deliver(command: number, destination8: number): boolean {
    switch (command & DELIVERY_MODE_MASK) {
      case DELIVERY_FIXED:
      case DELIVERY_LOWEST_PRIORITY:
        return this.route(command, wideDestination(destination8));
      case DELIVERY_NMI:
      case DELIVERY_INIT:
      case DELIVERY_EXTINT:
        return this.route(command & ~TRIGGER_LEVEL, wideDestination(destination8));
      default:
        return false;
    }
  }

  /** An interprocessor interrupt: a valid interrupt command, and the 32-bit destination for no shorthand. */
  deliverIpi(sender: ApicBusAgent, command: number, destination: number): void {
    // SDM 3A table 11-3, note 1: whatever it says, an IPI is sent as an edge.
    const edge = (command & ~(TRIGGER_LEVEL | SHORTHAND_MASK)) | LEVEL_ASSERT;
    switch (command & SHORTHAND_MASK) {
      case SHORTHAND_NONE:
        this.route(edge, destination);
        break;
      case SHORTHAND_SELF:
        sender.accept(edge);
        break;
      case SHORTHAND_ALL:
        this.route(edge & ~DESTINATION_LOGICAL, DESTINATION_BROADCAST);
        break;
      case SHORTHAND_OTHERS:
        this.route(edge & ~DESTINATION_LOGICAL, DESTINATION_BROADCAST, sender);
        break;
    }
  }

  broadcastEoi(vector: number): void {
    for (const listener of this.eoiListeners) listener(vector);
  }

  private route(command: number, destination: number, except?: ApicBusAgent): boolean {
    const isLogical = (command & DESTINATION_LOGICAL) !== 0;
    if ((command & DELIVERY_MODE_MASK) === DELIVERY_LOWEST_PRIORITY) {
      const chosen = this.lowestPriority(destination, isLogical, except);
      return chosen?.accept(command & ~DELIVERY_MODE_MASK) ?? false;
    }
    let isAccepted = false;
    for (const agent of this.agents) {
      if (agent === except || !agent.isAddressedBy(destination, isLogical)) continue;
      if (agent.accept(command)) isAccepted = true;
    }
    return isAccepted;
  }

  private lowestPriority(
    destination: number,
    isLogical: boolean,
    except: ApicBusAgent | undefined,
  ): ApicBusAgent | undefined {
    const { agents } = this;
    let best = -1;
    for (let i = 0; i < agents.length; i++) {
      const index = (this.turn + i) % agents.length;
      const agent = agents[index]!;
      if (agent === except || !agent.isSoftwareEnabled) continue;
      if (!agent.isAddressedBy(destination, isLogical)) continue;
      if (best < 0 || agent.processorPriority < agents[best]!.processorPriority) best = index;
    }
    if (best < 0) return undefined;
    this.turn = best + 1;
    return agents[best];
  }
}
