// SPDX-License-Identifier: BSD-2-Clause
// The port and memory buses: windows of addresses, each answered by one handler.
import { allOnes } from "../base/bits.ts";
import { RangeMap } from "../base/range-map.ts";

/** Bytes of one access. Wider ones (8-byte MMIO) reach a device as two of 4, low half first. */
export type AccessSize = 1 | 2 | 4;

/** A device's window on a bus. It never learns where the window is: `offset` counts from its start. */
export interface BusHandler {
  /** Unsigned, of the width asked for. */
  read(offset: number, size: AccessSize): number;
  /** `value` is unsigned and fits the width. */
  write(offset: number, size: AccessSize, value: number): void;
}

/** Reads plain bytes as a register of `size` bytes, little-endian. All of them must be there. */
export function loadBytes(bytes: Uint8Array, offset: number, size: AccessSize): number {
  let value = 0;
  for (let i = 0; i < size; i++) value += bytes[offset + i]! * 2 ** (8 * i);
  return value;
}

/** Writes plain bytes as a register, little-endian. */
export function storeBytes(
  bytes: Uint8Array,
  offset: number,
  size: AccessSize,
  value: number,
): void {
  for (let i = 0; i < size; i++) bytes[offset + i] = value >>> (8 * i);
}

/** A window that is on the bus. */
export interface Attachment {
  detach(): void;
}

/** Hears of accesses that no window answers; reads of them give all ones. */
export type UnclaimedListener = (
  direction: "read" | "write",
  address: number,
  size: AccessSize,
) => void;

export class Bus {
  readonly #windows = new RangeMap<BusHandler>();
  unclaimed: UnclaimedListener = () => {};

  /** Throws ERR_BUS_OVERLAP if any of the window's addresses is taken. */
  attach(start: number, length: number, name: string, handler: BusHandler): Attachment {
    this.#windows.add({ start, length, name, value: handler });
    return { detach: () => void this.#windows.remove(start) };
  }

  /** Who holds any of the window's addresses: its name, undefined if the window is free. */
  occupant(start: number, length: number): string | undefined {
    return this.#windows.overlapping(start, length)?.name;
  }

  read(address: number, size: AccessSize): number {
    const window = this.#windows.find(address);
    if (window === undefined) {
      this.unclaimed("read", address, size);
      return allOnes(size);
    }
    const offset = address - window.start;
    if (offset + size <= window.length) return window.value.read(offset, size);
    let value = 0;
    for (let i = 0; i < size; i++) value += this.read(address + i, 1) * 2 ** (8 * i);
    return value;
  }

  write(address: number, size: AccessSize, value: number): void {
    const window = this.#windows.find(address);
    if (window === undefined) {
      this.unclaimed("write", address, size);
      return;
    }
    const offset = address - window.start;
    if (offset + size <= window.length) {
      window.value.write(offset, size, value);
      return;
    }
    for (let i = 0; i < size; i++) this.write(address + i, 1, (value >>> (8 * i)) & 0xff);
  }

  /** Every window, by address: what a memory map is printed from. */
  *windows(): IterableIterator<{ start: number; length: number; name: string }> {
    for (const { start, length, name } of this.#windows) yield { start, length, name };
  }
}
