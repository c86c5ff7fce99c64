// SPDX-License-Identifier: BSD-2-Clause
// Intel MultiProcessor Specification 1.4: the floating pointer structure (§4.1) and the configuration
// table (§4.2, §4.3) right behind it. This is what wires interrupts for a guest that has no ACPI. bhyve:
// mptbl.c, whose identification of the processor is not that of the CPU the guest runs on. One PCI bus
// hierarchy only, no extended entries (§4.4).
import { ByteWriter, concatBytes, zeroSumByte } from "../../base/byte-writer.ts";
import { VmmError } from "../../base/errors.ts";
import { cpuCount, type FirmwareDescription, type PciInterrupt } from "./description.ts";
import { IOAPIC_BASE, LAPIC_BASE, PIT_IOAPIC_PIN, SCI_IRQ } from "./platform-addresses.ts";

const MP_FLOATING_POINTER_BYTES = 16;

const SPEC_REVISION_1_4 = 4;
const POINTER_CHECKSUM_OFFSET = 10;
const HEADER_BYTES = 44;
const HEADER_CHECKSUM_OFFSET = 7;

// §4.3 entry types.
const PROCESSOR = 0;
const BUS = 1;
const IO_APIC = 2;
const IO_INTERRUPT = 3;
const LOCAL_INTERRUPT = 4;

const LAPIC_VERSION = 0x10;
const CPU_ENABLED = 1;
const CPU_IS_BOOTSTRAP = 2;
/** Family 6, model 26, stepping 5 (the model's high bit lands in the family), and its CPUID.1:EDX. */
const CPU_SIGNATURE = (6 << 8) | (26 << 4) | 5;
const CPU_FEATURES = 0xbfebfbff;

const PCI_BUS = 0;
const ISA_BUS = 1;
const IOAPIC_VERSION = 0x11;
const IOAPIC_ENABLED = 1;
const ISA_PINS = 16;

// §4.3.4 interrupt types and flags; flags 0: as the source bus has it.
const INT = 0;
const NMI = 1;
const EXT_INT = 3;
const CONFORMS = 0;
const ACTIVE_LOW = 3 << 0;
const LEVEL_TRIGGERED = 3 << 2;

const ALL_LOCAL_APICS = 0xff;

/**
 * Pointer and table, for `gpa`. Throws ERR_UNSUPPORTED when there are devices on a PCI bus other than 0:
 * the table cannot express a second hierarchy.
 */
export function mpTable(description: FirmwareDescription, gpa: number): Uint8Array {
  const { buses } = description.pci;
  if (buses.some((bus) => bus.number !== PCI_BUS)) {
    throw new VmmError(
      "ERR_UNSUPPORTED",
      "the MP table describes PCI bus 0 only: move the devices there or leave the table out (-Y)",
    );
  }
  const table = configurationTable([
    ...processors(cpuCount(description.topology)),
    bus(PCI_BUS, "PCI   "),
    bus(ISA_BUS, "ISA   "),
    ioApic(description.ioApicId),
    ...isaInterrupts(description.ioApicId),
    ...buses.flatMap(({ interrupts }) =>
      interrupts.map((interrupt) => pciInterrupt(interrupt, description.ioApicId)),
    ),
    localInterrupt(EXT_INT, 0),
    localInterrupt(NMI, 1),
  ]);
  return concatBytes([floatingPointer(gpa + MP_FLOATING_POINTER_BYTES), table]);
}

/** §4.1; its place must be a multiple of 16. All features zero: a table, no IMCR. */
function floatingPointer(tableGpa: number): Uint8Array {
  const paragraphs = MP_FLOATING_POINTER_BYTES / 16;
  const bytes = new ByteWriter()
    .text("_MP_")
    .u32(tableGpa)
    .u8(paragraphs)
    .u8(SPEC_REVISION_1_4)
    .u8(0)
    .zeros(5)
    .toBytes();
  bytes[POINTER_CHECKSUM_OFFSET] = zeroSumByte(bytes);
  return bytes;
}

/** §4.2 header and its entries. */
function configurationTable(entries: readonly Uint8Array[]): Uint8Array {
  const body = concatBytes(entries);
  const oemTable = 0;
  const header = new ByteWriter()
    .text("PCMP")
    .u16(HEADER_BYTES + body.length)
    .u8(SPEC_REVISION_1_4)
    .u8(0)
    .text("BHyVe   ")
    .text("Hypervisor  ")
    .u32(oemTable)
    .u16(0)
    .u16(entries.length)
    .u32(LAPIC_BASE)
    .zeros(4);
  const bytes = concatBytes([header.toBytes(), body]);
  bytes[HEADER_CHECKSUM_OFFSET] = zeroSumByte(bytes);
  return bytes;
}

/** §4.3.1: vCPU 0 is the bootstrap processor. */
function processors(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, id) =>
    new ByteWriter()
      .u8(PROCESSOR)
      .u8(id)
      .u8(LAPIC_VERSION)
      .u8(id === 0 ? CPU_ENABLED | CPU_IS_BOOTSTRAP : CPU_ENABLED)
      .u32(CPU_SIGNATURE)
      .u32(CPU_FEATURES)
      .zeros(8)
      .toBytes(),
  );
}

/** §4.3.2; `type` has six characters. */
function bus(id: number, type: string): Uint8Array {
  return new ByteWriter().u8(BUS).u8(id).text(type).toBytes();
}

/** §4.3.3. */
function ioApic(id: number): Uint8Array {
  return new ByteWriter()
    .u8(IO_APIC)
    .u8(id)
    .u8(IOAPIC_VERSION)
    .u8(IOAPIC_ENABLED)
    .u32(IOAPIC_BASE)
    .toBytes();
}

interface InterruptEntry {
  readonly entryType: number;
  readonly interruptType: number;
  readonly flags: number;
  readonly sourceBus: number;
  readonly sourceIrq: number;
  readonly apicId: number;
  readonly apicPin: number;
}

/** §4.3.4 and §4.3.5, which share one layout. */
function interruptEntry(entry: InterruptEntry): Uint8Array {
  return new ByteWriter()
    .u8(entry.entryType)
    .u8(entry.interruptType)
    .u16(entry.flags)
    .u8(entry.sourceBus)
    .u8(entry.sourceIrq)
    .u8(entry.apicId)
    .u8(entry.apicPin)
    .toBytes();
}

/** The I/O APIC's first 16 pins: each its own ISA interrupt, but 0 the 8259s and 2 the timer. */
function isaInterrupts(apicId: number): Uint8Array[] {
  return Array.from({ length: ISA_PINS }, (_, pin) =>
    interruptEntry({
      entryType: IO_INTERRUPT,
      interruptType: pin === 0 ? EXT_INT : INT,
      flags: pin === SCI_IRQ ? ACTIVE_LOW | LEVEL_TRIGGERED : CONFORMS,
      sourceBus: ISA_BUS,
      sourceIrq: pin === PIT_IOAPIC_PIN ? 0 : pin,
      apicId,
      apicPin: pin,
    }),
  );
}

/** Appendix D.3: the source of a PCI interrupt is its slot and pin; PCI's convention is level, active low. */
function pciInterrupt({ slot, pin, ioApicPin }: PciInterrupt, apicId: number): Uint8Array {
  return interruptEntry({
    entryType: IO_INTERRUPT,
    interruptType: INT,
    flags: CONFORMS,
    sourceBus: PCI_BUS,
    sourceIrq: (slot << 2) | (pin - 1),
    apicId,
    apicPin: ioApicPin,
  });
}

/** The same LINT pin of every local APIC. */
function localInterrupt(interruptType: number, lint: number): Uint8Array {
  return interruptEntry({
    entryType: LOCAL_INTERRUPT,
    interruptType,
    flags: CONFORMS,
    sourceBus: PCI_BUS,
    sourceIrq: 0,
    apicId: ALL_LOCAL_APICS,
    apicPin: lint,
  });
}
