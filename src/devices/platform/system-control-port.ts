// SPDX-License-Identifier: BSD-2-Clause
// System control port B, 0x61 (IBM PC AT technical reference; "NMI status and control" in Intel's chipsets): the
// speaker's gate and data bits, the toggling refresh bit and the speaker counter's OUT. bhyve (vatpit_nmisc_handler)
// has bit 5 only and ignores writes, which leaves software that gates counter 2 to luck.
// Left out: parity and channel-check NMIs, which never happen; their enable bits are stored.
import type { Bus, BusHandler } from "../bus.ts";
import type { Pit8254 } from "./pit8254.ts";

const TIMER2_GATE = 0x01;
const WRITABLE = 0x0f;
const REFRESH = 0x10;
const TIMER2_OUT = 0x20;
/** Counter 1's divisor on a PC, 15.1 µs: the bit toggles that often, which old delay loops count. */
const REFRESH_PULSES = 18;

export class SystemControlPort implements BusHandler {
  /** Bits 3:0 as written. */
  control = 0;
  private readonly pit: Pit8254;

  constructor(options: { readonly pit: Pit8254 }) {
    this.pit = options.pit;
  }

  attachTo(io: Bus): void {
    io.attach(0x61, 1, "system-control-b", this);
  }

  reset(): void {
    this.write(0, 1, 0);
  }

  read(): number {
    const refresh = Math.floor(this.pit.tick() / REFRESH_PULSES) % 2 === 1 ? REFRESH : 0;
    return this.control | refresh | (this.pit.speakerOut ? TIMER2_OUT : 0);
  }

  write(_offset: number, _size: number, value: number): void {
    this.control = value & WRITABLE;
    this.pit.setSpeakerGate((value & TIMER2_GATE) !== 0);
  }
}
