// SPDX-License-Identifier: BSD-2-Clause
// The local APIC's 4 KiB of memory in xAPIC mode. Intel SDM 3A 11.4.1: 32-bit registers at multiples of 16
// bytes, to be accessed as such. Where the SDM leaves the result open, this is what happens: reads give the
// bytes they touch, writes at a register's first byte are 32-bit writes, all others do nothing. In the other
// modes nothing answers here.
import { allOnes } from "../../../base/bits.ts";
import type { AccessSize, BusHandler } from "../../bus.ts";
import type { LocalApic } from "../local-apic.ts";
import { APIC_XAPIC } from "./apic-base.ts";

export class XapicWindow implements BusHandler {
  private readonly apic: LocalApic;

  constructor(apic: LocalApic) {
    this.apic = apic;
  }

  read(offset: number, size: AccessSize): number {
    if (this.apic.mode !== APIC_XAPIC) return allOnes(size);
    const byte = offset & 0xf;
    if (byte >= 4) return 0;
    const value = this.apic.readRegister(offset >>> 4);
    return size === 4 && byte === 0 ? value : ((value >>> (8 * byte)) & allOnes(size)) >>> 0;
  }

  write(offset: number, _size: AccessSize, value: number): void {
    if (this.apic.mode !== APIC_XAPIC || (offset & 0xf) !== 0) return;
    this.apic.writeRegister(offset >>> 4, value);
  }
}
