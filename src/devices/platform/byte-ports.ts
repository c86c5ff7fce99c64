// SPDX-License-Identifier: BSD-2-Clause
import type { AccessSize, BusHandler } from "../bus.ts";

/** A chip on an eight-bit bus: it sees single bytes. `value` is 0 … 255, both ways. */
export interface ByteRegisters {
  readByte(offset: number): number;
  writeByte(offset: number, value: number): void;
}

/**
 * Puts an eight-bit chip on a bus of wider accesses. Those become single bytes, lowest address first,
 * as ISA's data-bus steering does it.
 */
export function bytePorts(chip: ByteRegisters): BusHandler {
  return {
    read(offset: number, size: AccessSize): number {
      let value = 0;
      for (let i = 0; i < size; i++) value += chip.readByte(offset + i) * 2 ** (8 * i);
      return value;
    },
    write(offset: number, size: AccessSize, value: number): void {
      for (let i = 0; i < size; i++) chip.writeByte(offset + i, (value >>> (8 * i)) & 0xff);
    },
  };
}
