// SPDX-License-Identifier: BSD-2-Clause
// The DSDT's ISA part: the LPC bridge with its eight PCI interrupt links, and the devices at fixed
// addresses. Without a bridge the devices hang off the PCI root bus itself and there are no links.
// bhyve: pci_lpc.c, pci_irq.c, atkbdc.c, rtc.c. ACPI 6.5 §6.1, §6.2, and §6.2.13 for link devices.
import {
  type Aml,
  and,
  arg,
  call,
  createWordField,
  decrement,
  device,
  eisaId,
  equal,
  field,
  findSetRightBit,
  integer,
  less,
  local,
  method,
  name,
  namePath,
  operationRegion,
  otherwise,
  REGION_SPACE_PCI_CONFIG,
  returnValue,
  shiftLeft,
  store,
  when,
} from "../aml.ts";
import {
  ioPorts,
  irqLevelLowShared,
  irqNoFlags,
  memory32Fixed,
  type Resource,
  resourceTemplate,
} from "../aml-resource.ts";
import type { FirmwareDescription, IsaUart, LpcBridge } from "../description.ts";
import { PCI_ECAM_BYTES, PM1A_EVENT_PORT, SMI_COMMAND_PORT } from "../platform-addresses.ts";

const LINK_LETTERS = ["A", "B", "C", "D", "E", "F", "G", "H"] as const;

/** Names of the link devices, by index of the PIRQ. */
export const PIRQ_LINK_NAMES = LINK_LETTERS.map((letter) => `LNK${letter}`);

// The bridge's PIRQ registers: PIRQA–D, then PIRQE–H, one byte each.
const PIRQ_A_OFFSET = 0x60;
const PIRQ_E_OFFSET = 0x68;
const PIRQ_DISABLED = 0x80;
const PIRQ_IRQ_MASK = 0x0f;

// §6.3.7 _STA bits: present, decoding, functioning.
const STA_PRESENT = 1 << 0;
const STA_ENABLED = 1 << 1;
const STA_FUNCTIONING = 1 << 3;

/** Byte offset of the interrupt mask in the descriptor that _CRS gives and _SRS takes. */
const IRQ_MASK_OFFSET = 1;

/** The bridge, with the link devices and with `children` below it. */
export function lpcBridge(lpc: LpcBridge, children: readonly Aml[]): Aml {
  const registers = LINK_LETTERS.map((letter) => ({ name: `PIR${letter}`, bits: 8 }));
  return device(
    "ISA",
    name("_ADR", integer(lpc.slot * 0x10000 + lpc.function)),
    operationRegion("LPCR", REGION_SPACE_PCI_CONFIG, 0, 0x100),
    field(
      "LPCR",
      { bits: 8 * PIRQ_A_OFFSET },
      ...registers.slice(0, 4),
      { bits: 8 * (PIRQ_E_OFFSET - PIRQ_A_OFFSET - 4) },
      ...registers.slice(4),
    ),
    pirqIsValid(),
    ...LINK_LETTERS.map((letter, index) => linkDevice(letter, index, lpc.linkIrqs)),
    ...children,
  );
}

/** PIRV(register): whether a PIRQ register's value routes somewhere. Interrupts 0–2, 8 and 13 cannot be. */
function pirqIsValid(): Aml {
  const no = returnValue(integer(0));
  return method(
    "PIRV",
    1,
    when(and(arg(0), integer(PIRQ_DISABLED)), no),
    and(arg(0), integer(PIRQ_IRQ_MASK), local(0)),
    when(less(local(0), integer(3)), no),
    when(equal(local(0), integer(8)), no),
    when(equal(local(0), integer(13)), no),
    returnValue(integer(1)),
  );
}

function linkDevice(letter: string, index: number, irqs: readonly number[]): Aml {
  const register = namePath(`PIR${letter}`);
  const mask = `CIR${letter}`;
  const current = `CB${(index + 1).toString(16).toUpperCase().padStart(2, "0")}`;
  return device(
    `LNK${letter}`,
    name("_HID", eisaId("PNP0C0F")),
    name("_UID", integer(index + 1)),
    method(
      "_STA",
      0,
      when(
        call("PIRV", register),
        returnValue(integer(STA_PRESENT | STA_ENABLED | STA_FUNCTIONING)),
      ),
      otherwise(returnValue(integer(STA_PRESENT | STA_FUNCTIONING))),
    ),
    name("_PRS", resourceTemplate(irqLevelLowShared(...irqs))),
    name(current, resourceTemplate(irqLevelLowShared())),
    createWordField(namePath(current), IRQ_MASK_OFFSET, mask),
    currentIrq(register, mask, current),
    method("_DIS", 0, store(integer(PIRQ_DISABLED), register)),
    setIrq(register, `SIR${letter}`),
  );
}

/** _CRS: the register's interrupt as a mask in the link's descriptor, or none. */
function currentIrq(register: Aml, mask: string, current: string): Aml {
  return method(
    "_CRS",
    0,
    and(register, integer(PIRQ_DISABLED | PIRQ_IRQ_MASK), local(0)),
    when(call("PIRV", local(0)), shiftLeft(integer(1), local(0), namePath(mask))),
    otherwise(store(integer(0), namePath(mask))),
    returnValue(namePath(current)),
  );
}

/** _SRS: the lowest interrupt of the mask into the register. */
function setIrq(register: Aml, mask: string): Aml {
  return method(
    "_SRS",
    1,
    createWordField(arg(0), IRQ_MASK_OFFSET, mask),
    findSetRightBit(namePath(mask), local(0)),
    store(decrement(local(0)), register),
  );
}

/** Everything at a fixed ISA address that the machine has, in bhyve's order. */
export function isaDevices(description: FirmwareDescription): Aml[] {
  return [
    ...(description.hasKeyboardController ? [keyboard(), mouse()] : []),
    motherboardResources(description.pci.ecamBase),
    ...description.uarts.map((uart) => serialPort(uart)),
    isaDevice("RTC", "PNP0B00", ioPorts(0x70, 2), irqNoFlags(8)),
    isaDevice("PIC", "PNP0000", ioPorts(0x20, 2), ioPorts(0xa0, 2), irqNoFlags(2)),
    isaDevice("TIMR", "PNP0100", ioPorts(0x40, 4), irqNoFlags(0)),
  ];
}

function isaDevice(path: string, hardwareId: string, ...resources: readonly Resource[]): Aml {
  return device(
    path,
    name("_HID", eisaId(hardwareId)),
    name("_CRS", resourceTemplate(...resources)),
  );
}

function keyboard(): Aml {
  return isaDevice("KBD", "PNP0303", ioPorts(0x60, 1), ioPorts(0x64, 1), irqNoFlags(1));
}

function mouse(): Aml {
  return isaDevice("MOU", "PNP0F13", ioPorts(0x60, 1), ioPorts(0x64, 1), irqNoFlags(12));
}

function serialPort({ unit, port, irq }: IsaUart): Aml {
  return device(
    `COM${unit}`,
    name("_HID", eisaId("PNP0501")),
    name("_UID", integer(unit)),
    name("_CRS", resourceTemplate(ioPorts(port, 8), irqNoFlags(irq))),
  );
}

/** What nothing else may be put over: the memory-mapped configuration space, and ports of the chipset. */
function motherboardResources(ecamBase: number): Aml {
  return isaDevice(
    "SIO",
    "PNP0C02",
    memory32Fixed(ecamBase, PCI_ECAM_BYTES),
    ioPorts(0x4d0, 2), // ELCR
    ioPorts(0x61, 1), // NMI status and control
    ioPorts(PM1A_EVENT_PORT, 8), // PM1a event and control blocks
    ioPorts(SMI_COMMAND_PORT, 1),
    ioPorts(0x84, 1), // POST
    ioPorts(0x72, 6), // extended RTC memory
  );
}
