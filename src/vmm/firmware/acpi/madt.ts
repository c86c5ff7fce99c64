// SPDX-License-Identifier: BSD-2-Clause
// Multiple APIC Description Table: ACPI 6.5 §5.2.12. One local APIC a vCPU, one I/O APIC, the two ISA
// interrupts that are not wired straight through, NMI on LINT1 everywhere. No x2APIC entries: APIC IDs
// are below 255.
import { ByteWriter } from "../../../base/byte-writer.ts";
import { cpuCount, type FirmwareDescription } from "../description.ts";
import { IOAPIC_BASE, LAPIC_BASE, PIT_IOAPIC_PIN, SCI_IRQ } from "../platform-addresses.ts";
import { table } from "./header.ts";

const PCAT_COMPAT = 1;

// §5.2.12.2 and following: structure types, with their lengths.
const LOCAL_APIC = 0;
const IO_APIC = 1;
const INTERRUPT_SOURCE_OVERRIDE = 2;
const LOCAL_APIC_NMI = 4;

const LOCAL_APIC_ENABLED = 1;

// §5.2.12.5 MPS INTI flags.
const ACTIVE_HIGH = 1 << 0;
const ACTIVE_LOW = 3 << 0;
const EDGE_TRIGGERED = 1 << 2;
const LEVEL_TRIGGERED = 3 << 2;

const ALL_PROCESSORS = 0xff;
const NMI_LINT = 1;

/** For 255 vCPUs at most. */
export function madt(description: FirmwareDescription): Uint8Array {
  const body = new ByteWriter().u32(LAPIC_BASE).u32(PCAT_COMPAT);
  const cpus = cpuCount(description.topology);
  for (let id = 0; id < cpus; id++) {
    body.u8(LOCAL_APIC).u8(8).u8(id).u8(id).u32(LOCAL_APIC_ENABLED);
  }
  const firstGsi = 0;
  body.u8(IO_APIC).u8(12).u8(description.ioApicId).u8(0).u32(IOAPIC_BASE).u32(firstGsi);
  appendOverride(body, 0, PIT_IOAPIC_PIN, ACTIVE_HIGH | EDGE_TRIGGERED);
  appendOverride(body, SCI_IRQ, SCI_IRQ, ACTIVE_LOW | LEVEL_TRIGGERED);
  body
    .u8(LOCAL_APIC_NMI)
    .u8(6)
    .u8(ALL_PROCESSORS)
    .u16(ACTIVE_HIGH | EDGE_TRIGGERED)
    .u8(NMI_LINT);
  return table({ signature: "APIC", oemTableId: "BVMADT  ", revision: 1 }, body.toBytes());
}

/** §5.2.12.5: ISA interrupt `irq` arrives at global system interrupt `gsi`. */
function appendOverride(body: ByteWriter, irq: number, gsi: number, flags: number): void {
  const isaBus = 0;
  body.u8(INTERRUPT_SOURCE_OVERRIDE).u8(10).u8(isaBus).u8(irq).u32(gsi).u16(flags);
}
