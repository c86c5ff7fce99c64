// SPDX-License-Identifier: BSD-2-Clause
// How bhyvectl writes what it knows of a VM, a line an item. FreeBSD: usr.sbin/bhyvectl/bhyvectl.c.
import { hex } from "../base/bits.ts";
import { CAPABILITIES, type VmReport } from "../vmm/control-protocol.ts";
import type { DescriptorRegister, RegisterName, SegmentRegister } from "../vmm/vcpu-registers.ts";

/** A line for a report of vCPU `cpu`; several are separated by newlines, "" is none. */
export type Format = (report: VmReport, cpu: number) => string;

const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** `%#lx`: zero has no prefix. */
const sharp = (value: bigint | number) => (BigInt(value) === 0n ? "0" : hex(value));
const hex64 = (text: string) => hex(BigInt(text), 16);

export function registerLine(name: RegisterName): Format {
  const tabs = name === "rflags" ? "\t" : "\t\t";
  return ({ registers }, cpu) => `${name}[${cpu}]${tabs}${hex64(registers[name])}`;
}

export function selectorLine(name: SegmentRegister): Format {
  return ({ registers }, cpu) => `${name}[${cpu}]\t\t${hex(BigInt(registers[name]), 4)}`;
}

export function descriptorLine(name: DescriptorRegister): Format {
  const isTable = name === "gdtr" || name === "idtr";
  return ({ descriptors }, cpu) => {
    const { base, limit, access } = descriptors[name];
    const place = `${hex64(base)}/${hex(limit, 8)}`;
    return isTable
      ? `${name}[${cpu}]\t\t${place}`
      : `${name} desc[${cpu}]\t${place}/${hex(access, 8)}`;
  };
}

export const x2apicLine: Format = ({ isX2apic }, cpu) =>
  `x2apic_state[${cpu}]\t${isX2apic ? 1 : 0}`;
export const tscOffsetLine: Format = ({ tscOffset }, cpu) =>
  `tsc_offset[${cpu}]\t${hex64(tscOffset)}`;
export const patLine: Format = ({ pat }, cpu) => `guest_pat[${cpu}]\t\t${hex64(pat)}`;
export const exitReasonLine: Format = ({ exitReason }, cpu) =>
  `exit_reason[${cpu}]\t${sharp(exitReason)}`;
export const sysenterLines: Format = ({ sysenter }, cpu) =>
  (["cs", "sp", "ip"] as const)
    .map((part) => `guest_sysenter_${part}[${cpu}]\t${sharp(BigInt(sysenter[part]))}`)
    .join("\n");

export function nvramLine({ nvram }: VmReport, offset: number): string {
  const value = nvram[offset] ?? 0xff;
  return `rtc nvram[${String(offset).padStart(3, "0")}]: ${hex(value, 2)}`;
}

/** In UTC. */
export const rtcTimeLine: Format = ({ rtcSeconds }) => {
  const date = new Date(1000 * rtcSeconds);
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${WEEKDAYS[date.getUTCDay()]} ${MONTHS[date.getUTCMonth()]} ${two(date.getUTCDate())}`;
  const time = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()].map(two).join(":");
  return `rtc time ${sharp(rtcSeconds)}: ${day} ${time} ${date.getUTCFullYear()}`;
};

export function capabilityLines(
  { capabilities }: VmReport,
  cpu: number,
  wanted: string | undefined,
): string {
  return CAPABILITIES.filter((name) => wanted === undefined || name === wanted)
    .map((name) => {
      const isSet = capabilities[name];
      if (isSet === undefined) return `Capability "${name}" is not available`;
      return `Capability "${name}" is ${isSet ? "set" : "not set"} on vcpu ${cpu}`;
    })
    .join("\n");
}

const cpuSet = (label: string, cpus: readonly number[]) =>
  `${label}:\t ${cpus.length === 0 ? "(none)" : cpus.join(", ")}`;
export const activeCpusLine: Format = ({ activeCpus }) => cpuSet("active cpus", activeCpus);
export const suspendedCpusLine: Format = ({ suspendedCpus }) =>
  cpuSet("suspended cpus", suspendedCpus);

/** Events are delivered whole here: none is ever found interrupted. */
export const intinfoLines: Format = ({ nextEvent }) => {
  const next = nextEvent === undefined ? "n/a" : `${nextEvent.kind} vector ${nextEvent.vector}`;
  return `pending:\tn/a\ncurrent:\t${next}`;
};

export const statsLines: Format = ({ stats }, cpu) =>
  [`vcpu${cpu} stats:`, ...stats.map(([label, value]) => `${label.padEnd(40)}\t${value}`)].join(
    "\n",
  );

export const topologyLine: Format = ({ topology: { sockets, cores, threads } }) =>
  `cpu_topology:\tsockets=${sockets}, cores=${cores}, threads=${threads}, maxcpus=${sockets * cores * threads}`;

const HIGHMEM = 4 * 2 ** 30;

/** humanize_number(3) with HN_AUTOSCALE and HN_NOSPACE. */
function humanSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < 4; unit++) value /= 1024;
  return `${Math.round(value)}${["B", "KB", "MB", "GB", "TB"][unit]}`;
}

const column = (text: string) => text.padEnd(12);

/** The system memory object spans the hole below 4 GiB if there is memory above. */
export const memsegLines: Format = ({ lowmem, highmem }) => {
  const size = highmem > 0 ? HIGHMEM + highmem : lowmem;
  const line = size > 0 ? [`0   ${column(humanSize(size))}sysmem`] : [];
  return ["ID  Length      Name", ...line].join("\n");
};

export const memmapLines: Format = ({ lowmem, highmem, isMemoryWired }) => {
  const line = (gpa: number, length: number) => {
    const address = column(gpa.toString(16).toUpperCase());
    const flags = isMemoryWired ? "wired" : "";
    return `${address}${column(humanSize(length))}${column("sysmem")}${address}RWX   ${flags}`;
  };
  return [
    "Address     Length      Segment     Offset      Prot  Flags",
    ...(lowmem > 0 ? [line(0, lowmem)] : []),
    ...(highmem > 0 ? [line(HIGHMEM, highmem)] : []),
  ].join("\n");
};

/** 2012's. */
export const lowmemLine: Format = ({ lowmem }) => `lowmem\t\t${hex(0, 16)}/${lowmem}`;
export const highmemLine: Format = ({ highmem }) => `highmem\t\t${hex(HIGHMEM, 16)}/${highmem}`;
