// SPDX-License-Identifier: BSD-2-Clause
import { hex } from "../base/bits.ts";
import { VmmError } from "../base/errors.ts";
import type { Cpu } from "../cpu/cpu.ts";
import type { GuestMemory } from "../mmu/guest-memory.ts";
import { GuestView } from "../vmm/guest-view.ts";

/** An address: numbers are exact below 2^53. */
export type Address = number | bigint;

/** A guest's memory, for programs. Bytes are copies, numbers little-endian. */
export class VmMemory {
  readonly #memory: GuestMemory;
  readonly #cpu: Cpu;

  constructor(memory: GuestMemory, cpu: Cpu) {
    this.#memory = memory;
    this.#cpu = cpu;
  }

  get sizeBytes(): number {
    return this.#memory.ramBytes;
  }

  /** RAM at a guest-physical address. Throws ERR_BAD_OPTION unless all of it is RAM. */
  read(gpa: Address, length: number): Uint8Array {
    const bytes = this.#memory.readable(Number(gpa), length);
    if (bytes === undefined) throw noRam(gpa, length);
    return new Uint8Array(bytes);
  }

  /** Writes RAM at a guest-physical address; code there is decoded anew. Throws ERR_BAD_OPTION as above. */
  write(gpa: Address, bytes: Uint8Array): void {
    if (!this.#memory.write(Number(gpa), bytes)) throw noRam(gpa, bytes.length);
  }

  readU32(gpa: Address): number {
    return view(this.read(gpa, 4)).getUint32(0, true);
  }

  readU64(gpa: Address): bigint {
    return view(this.read(gpa, 8)).getBigUint64(0, true);
  }

  /**
   * Memory at a linear address, in the address space that the vCPU is in, whatever its privilege. Throws
   * ERR_BAD_OPTION unless all of it is mapped.
   */
  readVirtual(address: Address, length: number): Uint8Array {
    const bytes = new GuestView(this.#cpu).bytes(BigInt(address), length);
    if (bytes.length === length) return bytes;
    throw new VmmError(
      "ERR_BAD_OPTION",
      `${length} bytes at ${hex(BigInt(address))} are not mapped`,
    );
  }
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function noRam(gpa: Address, length: number): VmmError {
  return new VmmError(
    "ERR_BAD_OPTION",
    `the guest has no RAM of ${length} bytes at ${hex(BigInt(gpa))}`,
  );
}
