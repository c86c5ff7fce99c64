// SPDX-License-Identifier: BSD-2-Clause
// Differentiated System Description Table: ACPI 6.5 §5.2.11.1, the machine as a tree of devices. Here the
// root, the PCI root buses with their windows and interrupt routing; what hangs off the ISA bus is in
// dsdt-isa.ts. bhyve: acpi.c, pci_emul.c, vmgenc.c. S5 is the only sleeping state.
import { concatBytes } from "../../../base/byte-writer.ts";
import {
  type Aml,
  arg,
  device,
  eisaId,
  integer,
  method,
  name,
  namePath,
  notify,
  otherwise,
  packageOf,
  returnValue,
  scope,
  store,
  text,
  when,
} from "../aml.ts";
import {
  BUS_NUMBERS,
  dwordAddressSpace,
  IO_RANGE,
  ioPorts,
  MEMORY_RANGE,
  memory32Fixed,
  qwordAddressSpace,
  type Resource,
  resourceTemplate,
  wordAddressSpace,
} from "../aml-resource.ts";
import type { FirmwareDescription, PciInterrupt, PciRootBus } from "../description.ts";
import {
  GPE_VM_GENERATION,
  HPET_BASE,
  HPET_BYTES,
  PCI_CONFIG_PORT,
  PCI_CONFIG_PORTS,
  PCI_IO_BASE,
} from "../platform-addresses.ts";
import { isaDevices, lpcBridge, PIRQ_LINK_NAMES } from "./dsdt-isa.ts";
import { CREATOR_INTL, table } from "./header.ts";

/** PM1_CNT.SLP_TYP that turns the machine off. */
const SLP_TYP_S5 = 5;

const PCI_ROOT_BUS_0: PciRootBus = { number: 0, interrupts: [] };

export function dsdt(description: FirmwareDescription): Uint8Array {
  const { buses } = description.pci;
  const rootBuses = buses.some((bus) => bus.number === 0) ? buses : [PCI_ROOT_BUS_0, ...buses];
  const terms = [
    name("_S5", packageOf(integer(SLP_TYP_S5), integer(0))),
    name("PICM", integer(0)),
    method("_PIC", 1, store(arg(0), namePath("PICM"))),
    scope("_SB", ...rootBuses.map((bus) => pciRootBus(bus, description))),
  ];
  if (description.vmGenerationIdGpa !== undefined) {
    terms.push(...vmGenerationCounter(description.vmGenerationIdGpa));
  }
  return table(
    { signature: "DSDT", oemTableId: "BVDSDT  ", revision: 2, creator: CREATOR_INTL },
    concatBytes(terms),
  );
}

function pciRootBus(bus: PciRootBus, description: FirmwareDescription): Aml {
  const { lpc } = description.pci;
  const terms = [
    name("_HID", eisaId("PNP0A03")),
    name("_BBN", integer(bus.number)),
    name("_CRS", resourceTemplate(...busResources(bus))),
  ];
  if (bus.interrupts.length > 0) terms.push(...interruptRouting(bus, lpc !== undefined));
  if (bus.number === 0) {
    const isa = isaDevices(description);
    terms.push(...(lpc === undefined ? isa : [lpcBridge(lpc, isa)]), hpetDevice());
  }
  return device(`PC${bus.number.toString(16).toUpperCase().padStart(2, "0")}`, ...terms);
}

/** What the bridge decodes: its bus number, for bus 0 the ports below the BARs, and the BARs' windows. */
function busResources(bus: PciRootBus): Resource[] {
  const resources = [wordAddressSpace(BUS_NUMBERS, bus.number, 1)];
  if (bus.number === 0) {
    const afterConfig = PCI_CONFIG_PORT + PCI_CONFIG_PORTS;
    resources.push(
      ioPorts(PCI_CONFIG_PORT, PCI_CONFIG_PORTS),
      wordAddressSpace(IO_RANGE, 0, PCI_CONFIG_PORT),
      wordAddressSpace(IO_RANGE, afterConfig, PCI_IO_BASE - afterConfig),
    );
  }
  const { io, mem32, mem64 } = bus;
  if (io !== undefined) resources.push(wordAddressSpace(IO_RANGE, io.base, io.length));
  if (mem32 !== undefined) {
    resources.push(dwordAddressSpace(MEMORY_RANGE, mem32.base, mem32.length));
  }
  if (mem64 !== undefined) {
    resources.push(qwordAddressSpace(MEMORY_RANGE, mem64.base, mem64.length));
  }
  return resources;
}

/** _PRT, §6.2.13: by link device while the guest uses the 8259s, by I/O APIC pin once it said otherwise. */
function interruptRouting(bus: PciRootBus, hasLinks: boolean): Aml[] {
  const linked = hasLinks ? bus.interrupts : [];
  return [
    name("PPRT", packageOf(...linked.map((interrupt) => routeToLink(interrupt)))),
    name("APRT", packageOf(...bus.interrupts.map((interrupt) => routeToPin(interrupt)))),
    method(
      "_PRT",
      0,
      when(namePath("PICM"), returnValue(namePath("APRT"))),
      otherwise(returnValue(namePath("PPRT"))),
    ),
  ];
}

function routeToLink(interrupt: PciInterrupt): Aml {
  const link = namePath(`\\_SB.PC00.ISA.${PIRQ_LINK_NAMES[interrupt.link]}`);
  return routing(interrupt, link, 0);
}

function routeToPin(interrupt: PciInterrupt): Aml {
  return routing(interrupt, integer(0), interrupt.ioApicPin);
}

/** One entry of a routing table: address of any function of the slot, pin from 0, source, source index. */
function routing({ slot, pin }: PciInterrupt, source: Aml, sourceIndex: number): Aml {
  const anyFunction = slot * 0x10000 + 0xffff;
  return packageOf(integer(anyFunction), integer(pin - 1), source, integer(sourceIndex));
}

function hpetDevice(): Aml {
  return device(
    "HPET",
    name("_HID", eisaId("PNP0103")),
    name("_UID", integer(0)),
    name("_CRS", resourceTemplate(memory32Fixed(HPET_BASE, HPET_BYTES))),
  );
}

/**
 * Microsoft's Virtual Machine Generation ID: where the identifier lies, and the event when it changed.
 * The hardware ID is what a method returns because compilers refuse a name with underscores in it.
 */
function vmGenerationCounter(gpa: number): Aml[] {
  const low = gpa % 2 ** 32;
  const address = packageOf(integer(low), integer((gpa - low) / 2 ** 32));
  const event = `_E${GPE_VM_GENERATION.toString(16).toUpperCase().padStart(2, "0")}`;
  return [
    scope(
      "_SB",
      device(
        "GENC",
        name("_CID", text("VM_Gen_Counter")),
        method("_HID", 0, returnValue(text("Bhyve_V_Gen_Counter_V1"))),
        name("_UID", integer(0)),
        name("_DDN", text("VM_Gen_Counter")),
        name("ADDR", address),
      ),
    ),
    scope("_GPE", method(event, 0, notify("\\_SB.GENC", 0x80))),
  ];
}
