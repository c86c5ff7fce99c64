// SPDX-License-Identifier: BSD-2-Clause
// From the devices of a machine to what the firmware tables say of it.
import { md5 } from "../base/md5.ts";
import type { BusWindows, Window } from "../devices/pci/bar-allocator.ts";
import { PIRQ_PERMITTED_IRQS } from "../devices/pci/pirq.ts";
import type { PciRoot } from "../devices/pci/root.ts";
import { LPC_UARTS } from "../devices/uart/lpc-uart.ts";
import { LEGACY_UARTS } from "../devices/uart/pci-uart.ts";
import type {
  AddressRange,
  FirmwareDescription,
  IsaUart,
  PciRootBus,
} from "./firmware/description.ts";
import { uuidFromDigest } from "./firmware/smbios-uuid.ts";
import type { MachineConfig } from "./machine-config.ts";

const ECAM_BASE = 0xe0000000;
const HPET_CAPABILITIES = 0x80860701;
const ISA_IRQS = 16;

export function describeFirmware(
  config: MachineConfig,
  root: PciRoot,
  hostName: string,
): FirmwareDescription {
  const lpc = config.slots.find(({ option }) => option.device === "lpc");
  const uuid = config.uuid ?? uuidFromDigest(md5(new TextEncoder().encode(config.name + hostName)));
  return {
    topology: config.topology,
    ioApicId: 0,
    hpetCapabilities: HPET_CAPABILITIES,
    uarts: isaUarts(config),
    hasKeyboardController: false,
    pci: {
      ecamBase: ECAM_BASE,
      buses: root.busWindows.map((windows) => describeBus(windows, root)),
      ...(lpc === undefined
        ? {}
        : {
            lpc: {
              slot: lpc.option.bdf.slot,
              function: lpc.option.bdf.func,
              linkIrqs: permittedIrqs(),
            },
          }),
    },
    smbios: { uuid, strings: config.smbiosStrings },
  };
}

function permittedIrqs(): number[] {
  return Array.from({ length: ISA_IRQS }, (_, irq) => irq).filter(
    (irq) => (PIRQ_PERMITTED_IRQS & (1 << irq)) !== 0,
  );
}

/** COM ports that are connected to something, and 2012's UARTs in the order of their slots. */
function isaUarts(config: MachineConfig): IsaUart[] {
  const legacy = config.slots.filter(({ isLegacy }) => isLegacy);
  const fromSlots = legacy.map((_, index) => ({ unit: index + 1, ...LEGACY_UARTS[index]! }));
  const hasLpc = config.slots.some(({ option }) => option.device === "lpc");
  const fromLpc = hasLpc
    ? config.lpc.flatMap(({ device }) =>
        device === "pc-testdev" ? [] : [{ unit: Number(device.slice(3)), ...LPC_UARTS[device] }],
      )
    : [];
  return [...fromSlots, ...fromLpc];
}

function rangeOf({ base, limit }: Window): AddressRange | undefined {
  return limit > base ? { base, length: limit - base } : undefined;
}

function describeBus({ bus, io, mem32, mem64 }: BusWindows, root: PciRoot): PciRootBus {
  const ranges = { io: rangeOf(io), mem32: rangeOf(mem32), mem64: rangeOf(mem64) };
  return {
    number: bus,
    ...Object.fromEntries(Object.entries(ranges).filter(([, range]) => range !== undefined)),
    interrupts: root.interruptRoutes
      .filter((route) => route.bus === bus)
      .map(({ slot, pin, ioapicPin, pirqLink }) => ({
        slot,
        pin: pin + 1,
        ioApicPin: ioapicPin,
        link: pirqLink,
      })),
  };
}
