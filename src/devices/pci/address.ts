// SPDX-License-Identifier: BSD-2-Clause
// Where a function sits on PCI, and how a user writes it after `-s`.
// bhyve: usr.sbin/bhyve/pci_emul.c (pci_parse_slot), bhyve.8.
import { VmmError } from "../../base/errors.ts";

const PCI_BUSMAX = 255;
const PCI_SLOTMAX = 31;
const PCI_FUNCMAX = 7;

/** Bus 0–255, slot 0–31 (the specification's device number), function 0–7. */
export interface Bdf {
  readonly bus: number;
  readonly slot: number;
  readonly func: number;
}

/** What stands behind `-s`: `3:0,virtio-blk,disk.img,ro`. */
export interface SlotOption {
  readonly bdf: Bdf;
  readonly device: string;
  /** Everything after the second comma. */
  readonly options: string | undefined;
}

const ADDRESS = /^(?:(?:(\d+)[:/])?(\d+)[:/])?(\d+)$/;

/** `slot`, `slot:function` or `bus:slot:function`, separated by `:` or `/`. Throws ERR_BAD_OPTION. */
export function parseBdf(text: string): Bdf {
  const match = ADDRESS.exec(text);
  if (match === null) throw badAddress(text);
  const [first, second, third] = match.slice(1) as (string | undefined)[];
  const numbers = [first, second, third].filter((part) => part !== undefined).map(Number);
  const bdf =
    numbers.length === 3
      ? { bus: numbers[0]!, slot: numbers[1]!, func: numbers[2]! }
      : { bus: 0, slot: numbers[0]!, func: numbers[1] ?? 0 };
  if (bdf.bus > PCI_BUSMAX || bdf.slot > PCI_SLOTMAX || bdf.func > PCI_FUNCMAX) {
    throw badAddress(text);
  }
  return bdf;
}

/** The whole argument of `-s`. Throws ERR_BAD_OPTION. */
export function parseSlotOption(text: string): SlotOption {
  const comma = text.indexOf(",");
  if (comma < 0) {
    throw new VmmError(
      "ERR_BAD_OPTION",
      `Invalid PCI slot info field "${text}": expected slot,device[,options]`,
    );
  }
  const rest = text.slice(comma + 1);
  const next = rest.indexOf(",");
  return {
    bdf: parseBdf(text.slice(0, comma)),
    device: next < 0 ? rest : rest.slice(0, next),
    options: next < 0 ? undefined : rest.slice(next + 1),
  };
}

/** `bus:slot:function`, as bhyve's messages have it. */
export function formatBdf({ bus, slot, func }: Bdf): string {
  return `${bus}:${slot}:${func}`;
}

/** The order in which bhyve makes its devices: by bus, slot, function. */
export function compareBdf(a: Bdf, b: Bdf): number {
  return a.bus - b.bus || a.slot - b.slot || a.func - b.func;
}

function badAddress(text: string): VmmError {
  return new VmmError(
    "ERR_BAD_OPTION",
    `Invalid PCI slot info field "${text}": expected slot (0-31), slot:function (0-7) or bus:slot:function`,
  );
}
