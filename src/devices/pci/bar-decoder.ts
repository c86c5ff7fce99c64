// SPDX-License-Identifier: BSD-2-Clause
// Which BARs answer where: puts the windows of decoding functions on the buses and moves them as the
// guest moves them.
//
// A guest can move a window onto addresses that are taken. On a real machine both would answer; here
// the one that was there first does, and the newcomer gets the addresses as soon as they fall free.
// bhyve ends with an assertion instead.
import { hex } from "../../base/bits.ts";
import { type Warn, warnOnce } from "../../base/warn.ts";
import type { Attachment, Bus } from "../bus.ts";
import type { Bar } from "./bar.ts";

interface Placement {
  readonly address: number;
  /** Undefined while somebody else holds the addresses. */
  attachment: Attachment | undefined;
}

export interface BarDecoderOptions {
  readonly ports: Bus;
  readonly memory: Bus;
  readonly warn: Warn;
}

export class BarDecoder {
  readonly #ports: Bus;
  readonly #memory: Bus;
  readonly #warn: Warn;
  readonly #placements = new Map<Bar, Placement>();

  constructor({ ports, memory, warn }: BarDecoderOptions) {
    this.#ports = ports;
    this.#memory = memory;
    this.#warn = warnOnce(warn);
  }

  /** Brings a window on its bus to where its register says, or takes it off. Cheap if nothing changed. */
  update(bar: Bar, isDecoding: boolean): void {
    // A window at an ISA address stays there whatever the register says, as bhyve of 2012 had it: the guest's
    // console must survive the guest's own sizing and moving of BARs.
    const address = bar.fixedAddress ?? (isDecoding ? bar.address : -1);
    const current = this.#placements.get(bar);
    if ((current?.address ?? -1) === address) return;
    this.#placements.delete(bar);
    current?.attachment?.detach();
    if (address >= 0) this.#placements.set(bar, { address, attachment: undefined });
    this.#attachWaiting();
  }

  /** Whose window keeps this BAR off the bus; undefined if nobody's. */
  blocker(bar: Bar): string | undefined {
    const placement = this.#placements.get(bar);
    if (placement === undefined || placement.attachment !== undefined) return undefined;
    return this.#busOf(bar).occupant(placement.address, bar.sizeBytes);
  }

  #attachWaiting(): void {
    for (const [bar, placement] of this.#placements) {
      if (placement.attachment !== undefined) continue;
      const bus = this.#busOf(bar);
      const occupant = bus.occupant(placement.address, bar.sizeBytes);
      if (occupant === undefined) {
        const { address } = placement;
        placement.attachment = bus.attach(address, bar.sizeBytes, bar.name, bar.handler);
      } else {
        this.#warn(`${bar.name} at ${hex(placement.address)} is hidden by ${occupant}`);
      }
    }
  }

  #busOf(bar: Bar): Bus {
    return bar.isIo ? this.#ports : this.#memory;
  }
}
