// SPDX-License-Identifier: BSD-2-Clause
// What the firmware tables say about a machine, as plain data. The builder fills it in from the devices
// it made; nothing here, and nothing in the tables, knows a device class.

export interface FirmwareDescription {
  readonly topology: CpuTopology;
  /** The APIC ID the I/O APIC goes by in the tables; bhyve: 0. */
  readonly ioApicId: number;
  /** Low half of the HPET's capability register, unsigned. */
  readonly hpetCapabilities: number;
  /** 16550s at ISA addresses, whoever carries them: the LPC bridge, or a legacy PCI slot. */
  readonly uarts: readonly IsaUart[];
  /** There is an i8042 with a keyboard and a mouse behind it. */
  readonly hasKeyboardController: boolean;
  readonly pci: PciDescription;
  /** Where the 16 bytes of the VM generation identifier lie; without it the tables do not mention one. */
  readonly vmGenerationIdGpa?: number;
  readonly smbios: SmbiosDescription;
}

/** Sockets of cores of threads. The machine has the product of the three in vCPUs; vCPU n has APIC ID n. */
export interface CpuTopology {
  readonly sockets: number;
  readonly cores: number;
  readonly threads: number;
}

export interface IsaUart {
  /** 1 for COM1 … 4 for COM4. */
  readonly unit: number;
  /** First of its 8 ports. */
  readonly port: number;
  /** ISA interrupt. */
  readonly irq: number;
}

export interface PciDescription {
  /** Guest-physical base of the memory-mapped configuration space, 1 MiB a bus. */
  readonly ecamBase: number;
  /** Root buses with devices. Bus 0 is in the tables even when it is not here: it decodes 0xCF8. */
  readonly buses: readonly PciRootBus[];
  /** The ISA bridge on bus 0, which routes INTx to the 8259s. Undefined: nothing does. */
  readonly lpc?: LpcBridge;
}

export interface PciRootBus {
  readonly number: number;
  /** The ranges that the bus's BARs may lie in. */
  readonly io?: AddressRange;
  readonly mem32?: AddressRange;
  readonly mem64?: AddressRange;
  /** Each interrupt pin that a device uses, once, however many functions share it. */
  readonly interrupts: readonly PciInterrupt[];
}

/** `base` … `base + length - 1`, both in bytes (or ports), `length` not 0. */
export interface AddressRange {
  readonly base: number;
  readonly length: number;
}

export interface PciInterrupt {
  readonly slot: number;
  /** 1 for INTA# … 4 for INTD#, as in the interrupt pin register. */
  readonly pin: number;
  readonly ioApicPin: number;
  /** Index of the PIRQ link, 0 for LNKA … 7 for LNKH. Heeded only where there is an LPC bridge. */
  readonly link: number;
}

export interface LpcBridge {
  readonly slot: number;
  readonly function: number;
  /** ISA interrupts that a PIRQ link may be routed to. */
  readonly linkIrqs: readonly number[];
}

export interface SmbiosDescription {
  /** 16 bytes in SMBIOS order: see `smbios-uuid.ts`. */
  readonly uuid: Uint8Array;
  /** Replacements of the default strings, by the configuration variable that sets them. */
  readonly strings?: Readonly<Partial<Record<SmbiosStringName, string>>>;
}

/** bhyve_config(5): the configuration variables that end up in SMBIOS. */
export type SmbiosStringName =
  | `bios.${"vendor" | "version" | "release_date"}`
  | `system.${"manufacturer" | "product_name" | "version" | "serial_number" | "sku" | "family_name"}`
  | `board.${"manufacturer" | "product_name" | "version" | "serial_number" | "asset_tag" | "location"}`
  | `chassis.${"manufacturer" | "version" | "serial_number" | "asset_tag" | "sku"}`;

/** Number of vCPUs of a topology. */
export function cpuCount({ sockets, cores, threads }: CpuTopology): number {
  return sockets * cores * threads;
}
