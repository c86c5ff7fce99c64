// SPDX-License-Identifier: BSD-2-Clause
// What a machine is made of, worked out from configuration variables. Everything a user may get wrong is
// found here, before anything is built.
import { VmmError } from "../base/errors.ts";
import { CPU_LEVELS, type CpuLevel } from "../cpu/model.ts";
import { type LpcOption, parseLpcOption } from "../devices/catalog.ts";
import { parseBdf, parseSlotOption, type SlotOption } from "../devices/pci/address.ts";
import type { Config } from "./config.ts";
import type { CpuTopology, SmbiosStringName } from "./firmware/description.ts";
import { uuidFromText } from "./firmware/smbios-uuid.ts";
import { parseMemorySize } from "./memory-size.ts";

const ENGINES = ["interpreter", "translator", "auto"] as const;
export type Engine = (typeof ENGINES)[number];
const CLOCKS = ["host", "virtual"] as const;
export type ClockKind = (typeof CLOCKS)[number];

/** One PCI function, as given with `-s`, or in 2012's way with `-S`. */
export interface PciSlot {
  readonly option: SlotOption;
  /** A UART at an ISA address: `-S 31,uart,stdio`. */
  readonly isLegacy: boolean;
}

export interface MachineConfig {
  readonly name: string;
  readonly memoryBytes: number;
  readonly topology: CpuTopology;
  readonly slots: readonly PciSlot[];
  readonly lpc: readonly LpcOption[];
  readonly hasAcpi: boolean;
  readonly hasMpTable: boolean;
  readonly startsInX2apic: boolean;
  /** Accesses to ports that nobody has end the VM. */
  readonly isStrictIo: boolean;
  /** Accesses to MSRs that nobody has raise #GP; otherwise they read 0. */
  readonly isStrictMsr: boolean;
  /** bhyve's -H and -P. HLT always leaves the vCPU here and PAUSE never; bhyvectl shows what was asked for. */
  readonly exitsOnHlt: boolean;
  readonly exitsOnPause: boolean;
  readonly isMemoryWired: boolean;
  readonly hasMsix: boolean;
  readonly usesLocalTime: boolean;
  readonly uuid: Uint8Array | undefined;
  readonly smbiosStrings: Readonly<Partial<Record<SmbiosStringName, string>>>;
  readonly clock: ClockKind;
  /** For everything random on the virtual clock. */
  readonly seed: number;
  /** What the RTC says on the virtual clock when the machine starts: seconds since 1970. */
  readonly epochSeconds: number;
  readonly diskLatencyNs: number;
  readonly cpuLevel: CpuLevel;
  readonly engine: Engine;
  /** How often a block is interpreted before it is translated; undefined: as suits the engine. */
  readonly translationThreshold: number | undefined;
}

/** 2012-12-01 00:00:00 UTC: the month bhyve's tools first looked as they do. */
const DEFAULT_EPOCH = 1_354_320_000;
const DEFAULT_MEMORY = "256M";

export function machineConfig(config: Config): MachineConfig {
  return {
    name: config.get("name") ?? "vm",
    memoryBytes: parseMemorySize(config.get("memory.size") ?? DEFAULT_MEMORY),
    topology: topology(config),
    slots: slots(config),
    lpc: lpcOptions(config),
    hasAcpi: config.getBoolean("acpi_tables", false),
    hasMpTable: config.getBoolean("x86.mptable", true),
    startsInX2apic: config.getBoolean("x86.x2apic", false),
    isStrictIo: config.getBoolean("x86.strictio", false),
    isStrictMsr: config.getBoolean("x86.strictmsr", true),
    exitsOnHlt: config.getBoolean("x86.vmexit_on_hlt", false),
    exitsOnPause: config.getBoolean("x86.vmexit_on_pause", false),
    isMemoryWired: config.getBoolean("memory.wired", false),
    hasMsix: config.getBoolean("virtio_msix", true),
    usesLocalTime: config.getBoolean("rtc.use_localtime", true),
    uuid: config.has("uuid") ? uuidFromText(config.get("uuid")!) : undefined,
    smbiosStrings: smbiosStrings(config),
    clock: oneOf(config, "clock", CLOCKS, "host"),
    seed: config.getInteger("seed", 0),
    epochSeconds: config.getInteger("rtc.epoch", DEFAULT_EPOCH),
    diskLatencyNs: config.getInteger("disk.latency", 0),
    cpuLevel: oneOf(config, "cpu", CPU_LEVELS, "x86-64-v3"),
    engine: oneOf(config, "engine", ENGINES, "auto"),
    translationThreshold: config.has("engine.threshold")
      ? config.getInteger("engine.threshold", 0, 0)
      : undefined,
  };
}

function oneOf<T extends string>(
  config: Config,
  name: string,
  choices: readonly T[],
  fallback: T,
): T {
  const value = config.get(name);
  if (value === undefined) return fallback;
  const choice = choices.find((each) => each === value);
  if (choice !== undefined) return choice;
  throw new VmmError(
    "ERR_BAD_OPTION",
    `Invalid value '${value}' for variable '${name}': expected ${choices.join(", ")}`,
  );
}

function topology(config: Config): CpuTopology {
  const cpus = config.getInteger("cpus", 1, 1);
  const sockets = config.getInteger("sockets", config.has("cores") ? 1 : cpus, 1);
  const cores = config.getInteger("cores", 1, 1);
  const threads = config.getInteger("threads", 1, 1);
  if (sockets * cores * threads !== cpus) {
    throw new VmmError(
      "ERR_BAD_OPTION",
      `Topology (${sockets} sockets, ${cores} cores, ${threads} threads) does not match ${cpus} vCPUs`,
    );
  }
  if (cpus > 1) {
    throw new VmmError("ERR_UNSUPPORTED", `${cpus} vCPUs requested but only 1 available`);
  }
  return { sockets, cores, threads };
}

const SLOT_VARIABLE = /^pci\.(\d+)\.(\d+)\.(\d+)\.device$/;

function slots(config: Config): PciSlot[] {
  const found = config.names("pci.").flatMap((name): PciSlot[] => {
    const match = SLOT_VARIABLE.exec(name);
    if (match === null) return [];
    const prefix = name.slice(0, -"device".length);
    const bdf = parseBdf(match.slice(1).join(":"));
    const device = config.get(name) ?? "";
    const isLegacy = config.getBoolean(`${prefix}legacy`, false);
    return [{ option: { bdf, device, options: deviceOptions(config, prefix) }, isLegacy }];
  });
  if (found.filter(({ option }) => option.device === "lpc").length > 1) {
    throw new VmmError("ERR_BAD_OPTION", "Only one LPC bridge is allowed.");
  }
  return found;
}

/** A device's variables as what stands behind its name in `-s`: the path first, then flags and `key=value`. */
function deviceOptions(config: Config, prefix: string): string | undefined {
  const parts: string[] = [];
  for (const name of config.names(prefix)) {
    const key = name.slice(prefix.length);
    const value = config.get(name) ?? "";
    if (key === "device" || key === "legacy") continue;
    if (key === "path") parts.unshift(value);
    else parts.push(value === "true" ? key : `${key}=${value}`);
  }
  return parts.length === 0 ? undefined : parts.join(",");
}

/** The argument of `-s` (or, with `isLegacy`, 2012's `-S`) as variables. Throws ERR_BAD_OPTION. */
export function setPciSlot(config: Config, text: string, isLegacy = false): void {
  const { bdf, device, options } = parseSlotOption(text);
  const prefix = `pci.${bdf.bus}.${bdf.slot}.${bdf.func}.`;
  if (config.has(`${prefix}device`)) {
    throw new VmmError(
      "ERR_BAD_OPTION",
      `pci slot ${bdf.bus}:${bdf.slot}:${bdf.func} already occupied!`,
    );
  }
  config.set(`${prefix}device`, device);
  if (isLegacy) config.set(`${prefix}legacy`, "true");
  (options?.split(",") ?? []).forEach((part, index) => {
    const equals = part.indexOf("=");
    // A path may hold an equals sign; nothing else stands first without being a flag or an assignment.
    if (index === 0 && (part.includes("/") || equals < 0) && hasPath(device)) {
      config.set(`${prefix}path`, part);
    } else if (equals < 0) config.set(`${prefix}${part}`, "true");
    else config.set(`${prefix}${part.slice(0, equals)}`, part.slice(equals + 1));
  });
}

/** Devices without a backend have flags alone. */
function hasPath(device: string): boolean {
  return device === "virtio-blk" || device === "uart";
}

/** The argument of `-l` as a variable. Throws ERR_BAD_OPTION. */
export function setLpcDevice(config: Config, text: string): void {
  const { device, options } = parseLpcOption(text);
  if (device === "pc-testdev" && options !== undefined) {
    throw new VmmError("ERR_BAD_OPTION", `pc-testdev has no option "${options}"`);
  }
  if (device === "pc-testdev") config.set("lpc.pc-testdev", "true");
  else config.set(`lpc.${device}.path`, options ?? "");
}

function lpcOptions(config: Config): LpcOption[] {
  return config.names("lpc.").flatMap((name) => {
    const match = /^lpc\.(com[1-4])\.path$/.exec(name);
    // Without a path it is there, as in bhyve, and connected to nothing.
    if (match !== null) return [parseLpcOption(`${match[1]},${config.get(name)}`)];
    if (name === "lpc.pc-testdev" && config.getBoolean(name, false)) {
      return [parseLpcOption("pc-testdev")];
    }
    return [];
  });
}

const SMBIOS_STRING = /^(bios|system|board|chassis)\./;

function smbiosStrings(config: Config): Partial<Record<SmbiosStringName, string>> {
  const strings: Partial<Record<SmbiosStringName, string>> = {};
  for (const name of config.names()) {
    if (SMBIOS_STRING.test(name)) strings[name as SmbiosStringName] = config.get(name) ?? "";
  }
  return strings;
}
