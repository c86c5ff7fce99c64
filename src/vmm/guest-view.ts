// SPDX-License-Identifier: BSD-2-Clause
// Guest memory by linear address, for onlookers: in the address space the vCPU is in, whatever its privilege,
// without any effect that the guest or the machine could notice.
import { pairToBigInt } from "../base/u64.ts";
import type { Cpu } from "../cpu/cpu.ts";
import { CS, RIP, SEG_BASE, SEG_WORDS, SEGMENTS } from "../cpu/state-layout.ts";

const PAGE = 4096n;

export class GuestView {
  readonly #cpu: Cpu;

  /** To be used while the vCPU is not running. */
  constructor(cpu: Cpu) {
    this.#cpu = cpu;
  }

  /** Copies of the bytes from `address` on: `length` of them, or as many as are mapped. */
  bytes(address: bigint, length: number): Uint8Array {
    const { memory } = this.#cpu;
    const result = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const at = this.#wrap(address + BigInt(done));
      const offset = this.#cpu.mem.peek(
        Number(BigInt.asIntN(32, at)),
        Number(BigInt.asIntN(32, at >> 32n)),
      );
      if (offset < 0) break;
      const run = Math.min(length - done, Number(PAGE - (at % PAGE)));
      result.set(memory.bytes.subarray(offset, offset + run), done);
      done += run;
    }
    return result.subarray(0, done);
  }

  /** A little-endian value of 4 or 8 bytes; undefined unless all of it is mapped. */
  word(address: bigint, size: 4 | 8): bigint | undefined {
    const bytes = this.bytes(address, size);
    if (bytes.length < size) return undefined;
    const view = new DataView(bytes.buffer, bytes.byteOffset, size);
    return size === 8 ? view.getBigUint64(0, true) : BigInt(view.getUint32(0, true));
  }

  /** Linear address of the next instruction: in 64-bit mode RIP itself. */
  get codeAddress(): bigint {
    const { s, is64 } = this.#cpu;
    const rip = pairToBigInt(s[RIP]!, s[RIP + 1]!);
    if (is64) return rip;
    const at = SEGMENTS + CS * SEG_WORDS + SEG_BASE;
    return this.#wrap(rip + pairToBigInt(s[at]!, s[at + 1]!));
  }

  /** Outside 64-bit mode addresses end at 4 GiB. */
  #wrap(address: bigint): bigint {
    return BigInt.asUintN(this.#cpu.mem.isLongAddressing ? 64 : 32, address);
  }
}
