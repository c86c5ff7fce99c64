// SPDX-License-Identifier: BSD-2-Clause
// Tables that each announce one device: HPET (IA-PC HPET specification 1.0a §3.2.4), MCFG (PCI Firmware
// specification 3.3 §4.1.2), SPCR (Microsoft's Serial Port Console Redirection Table, revision 1). Unlike
// bhyve's, the SPCR names its interrupt for both controllers, and says "not a PCI device" with all ones.
import { ByteWriter } from "../../../base/byte-writer.ts";
import type { IsaUart } from "../description.ts";
import { HPET_BASE, PCI_BUSES } from "../platform-addresses.ts";
import {
  ACCESS_UNDEFINED,
  appendAddress,
  SPACE_SYSTEM_IO,
  SPACE_SYSTEM_MEMORY,
  table,
} from "./header.ts";

const HPET_PAGE_PROTECTION_4K = 1;

/** `capabilities` is the low half of the HPET's capability register: the block's ID, in HPET's terms. */
export function hpet(capabilities: number): Uint8Array {
  const sequenceNumber = 0;
  const minimumPeriodicTick = 0;
  const body = new ByteWriter().u32(capabilities);
  const address = { bits: 0, access: ACCESS_UNDEFINED, address: HPET_BASE };
  appendAddress(body, { space: SPACE_SYSTEM_MEMORY, ...address });
  body.u8(sequenceNumber).u16(minimumPeriodicTick).u8(HPET_PAGE_PROTECTION_4K);
  return table({ signature: "HPET", oemTableId: "BVHPET  ", revision: 1 }, body.toBytes());
}

/** One segment with all its buses behind one window of configuration space. */
export function mcfg(ecamBase: number): Uint8Array {
  const segment = 0;
  const firstBus = 0;
  const body = new ByteWriter()
    .zeros(8)
    .u64(ecamBase)
    .u16(segment)
    .u8(firstBus)
    .u8(PCI_BUSES - 1)
    .zeros(4);
  return table({ signature: "MCFG", oemTableId: "BVMCFG  ", revision: 1 }, body.toBytes());
}

// Values of the SPCR's fields.
const SPCR_16550 = 0;
const SPCR_INTERRUPT_8259 = 1 << 0;
const SPCR_INTERRUPT_IO_APIC = 1 << 1;
const SPCR_115200_BAUD = 7;
const SPCR_NO_PARITY = 0;
const SPCR_ONE_STOP_BIT = 1;
const SPCR_DCD_AND_RTS_CTS = 3;
const SPCR_VT_UTF8 = 2;
const SPCR_NOT_PCI = 0xffff;

/** The console, on an ISA UART. Its interrupt reaches the 8259s and the I/O APIC under one number. */
export function spcr(uart: IsaUart): Uint8Array {
  const body = new ByteWriter().u8(SPCR_16550).zeros(3);
  const address = { bits: 8, access: ACCESS_UNDEFINED, address: uart.port };
  appendAddress(body, { space: SPACE_SYSTEM_IO, ...address });
  body
    .u8(SPCR_INTERRUPT_8259 | SPCR_INTERRUPT_IO_APIC)
    .u8(uart.irq)
    .u32(uart.irq)
    .u8(SPCR_115200_BAUD)
    .u8(SPCR_NO_PARITY)
    .u8(SPCR_ONE_STOP_BIT)
    .u8(SPCR_DCD_AND_RTS_CTS)
    .u8(SPCR_VT_UTF8)
    .zeros(1)
    .u16(SPCR_NOT_PCI)
    .u16(SPCR_NOT_PCI)
    .zeros(12);
  return table({ signature: "SPCR", oemTableId: "BVSPCR  ", revision: 1 }, body.toBytes());
}
