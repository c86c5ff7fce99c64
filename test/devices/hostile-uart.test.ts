// SPDX-License-Identifier: BSD-2-Clause
// A UART between a driver and a far end that both mean harm.
import { describe, expect, it } from "vitest";
import type { CharBackend } from "../../src/devices/backend/char-backend.ts";
import { UART_REGISTERS, Uart16550, uartRegisters } from "../../src/devices/uart/uart16550.ts";
import { attack } from "../support/platform/hostile-guest.ts";
import { SeededRandom } from "../support/random.ts";

const ROUNDS = 50_000;
/** A register's access moves a FIFO's worth each way, and looks at the line once more. */
const MOST_CALLS = 64;

/** A far end without end: it has always something to say, calls back in the middle of things, and refuses at random. */
class Flood implements CharBackend {
  calls = 0;
  readonly #random: SeededRandom;
  #ready: () => void = () => {};

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  write(): boolean {
    this.calls++;
    return this.#random.below(2) === 0;
  }

  read(): number {
    this.calls++;
    return this.#random.below(4) === 0 ? -1 : this.#random.below(256);
  }

  listen(ready: () => void): void {
    this.#ready = ready;
  }

  stir(): void {
    this.#ready();
  }
}

describe("a UART", () => {
  it.each([1, 2, 3, 4])(
    "under attack from both ends does bounded work an access (seed %i)",
    (seed) => {
      const random = new SeededRandom(seed);
      const flood = new Flood(random);
      let interrupts = 0;
      const uart = new Uart16550({ host: flood, interrupt: () => void interrupts++ });
      const wrong: string[] = [];
      let most = { calls: 0, interrupts: 0 };
      let last = { calls: 0, interrupts: 0 };
      attack(
        [{ handler: uartRegisters(uart), length: UART_REGISTERS }],
        ROUNDS,
        random,
        (offset, size, value) => wrong.push(`${offset}/${size}: ${value}`),
        () => {
          if (random.below(4) === 0) flood.stir();
          most = {
            calls: Math.max(most.calls, flood.calls - last.calls),
            interrupts: Math.max(most.interrupts, interrupts - last.interrupts),
          };
          last = { calls: flood.calls, interrupts };
        },
      );
      expect(wrong).toEqual([]);
      expect(most.calls).toBeGreaterThan(0);
      expect(most.calls).toBeLessThan(MOST_CALLS);
      expect(most.interrupts).toBeLessThan(MOST_CALLS);
    },
  );

  it("serves a decent driver after a reset", () => {
    const random = new SeededRandom(7);
    const sent: number[] = [];
    const line: CharBackend = { write: (byte) => sent.push(byte) > 0, read: () => -1, listen() {} };
    const uart = new Uart16550({ host: line, interrupt: () => {} });
    attack([{ handler: uartRegisters(uart), length: UART_REGISTERS }], ROUNDS, random, () => {});
    uart.reset();
    sent.length = 0;
    for (const byte of [0x68, 0x69]) uart.write(0, byte);
    expect(sent).toEqual([0x68, 0x69]);
    // PC16550D table II: LSR after reset has THRE and TEMT.
    expect(uart.read(5)).toBe(0x60);
  });
});
