// SPDX-License-Identifier: BSD-2-Clause
// Every option of bhyvectl, in the order in which it acts on them: what it was given for, whether `--get-all`
// includes it, what it does. FreeBSD: usr.sbin/bhyvectl/bhyvectl.c and bhyvectl.8, on an Intel processor, with
// 2012's names of memory. There is no VMCS behind this machine, so options that show one say so.
import { hex } from "../base/bits.ts";
import { VmmError } from "../base/errors.ts";
import { CAPABILITIES, type Capability, type ControlRequest } from "../vmm/control-protocol.ts";
import type { DescriptorRegister, RegisterName, SegmentRegister } from "../vmm/vcpu-registers.ts";
import * as format from "./bhyvectl-format.ts";
import type { BhyvectlSession } from "./bhyvectl-session.ts";
import type { LongOption } from "./getopt-long.ts";

export interface BhyvectlOption extends LongOption {
  /** What the usage text calls its argument. */
  readonly argument?: string;
  /** Undefined for options that others read. */
  readonly act?: (session: BhyvectlSession, value: string) => Promise<void> | void;
  /** It is part of `--get-all`. */
  readonly isInAll?: boolean;
  /** It changes the VM. */
  readonly isChange?: boolean;
}

/** strtoul(3) with base 0, but for the whole word. Throws ERR_BAD_OPTION. */
export function parseNumber(option: string, text: string): bigint {
  const match = /^\s*(-?)(0x[0-9a-f]+|\d+)\s*$/i.exec(text);
  if (match === null) {
    throw new VmmError("ERR_BAD_OPTION", `--${option} takes a number, not '${text}'`);
  }
  const isOctal = /^0[0-7]+$/.test(match[2]!);
  const value = BigInt(isOctal ? `0o${match[2]}` : match[2]!);
  if (value >= 1n << 64n) {
    throw new VmmError("ERR_BAD_OPTION", `--${option} takes 64 bits, not '${text}'`);
  }
  return BigInt.asUintN(64, match[1] === "-" ? -value : value);
}

const modifier = (name: string, argument: string): BhyvectlOption => ({
  name,
  hasArgument: true,
  argument,
});

function show(name: string, line: format.Format, isInAll = true): BhyvectlOption {
  return {
    name,
    hasArgument: false,
    isInAll,
    act: async (session) => session.print(line(await session.report(), session.cpu)),
  };
}

/** `requestOf` gets the argument as a number; without `argument` there is none. */
function change(
  name: string,
  argument: string | undefined,
  requestOf: (value: bigint, session: BhyvectlSession) => ControlRequest,
): BhyvectlOption {
  return {
    name,
    hasArgument: argument !== undefined,
    ...(argument === undefined ? {} : { argument }),
    isChange: true,
    act: (session, text) =>
      session.change(requestOf(argument === undefined ? 0n : parseNumber(name, text), session)),
  };
}

function lacking(name: string, why: string, argument?: string): BhyvectlOption {
  return {
    name,
    hasArgument: argument !== undefined,
    ...(argument === undefined ? {} : { argument }),
    act: () => {
      throw new VmmError("ERR_UNSUPPORTED", `--${name}: ${why}`);
    },
  };
}

const setRegister = (register: RegisterName) =>
  change(`set-${register}`, register.toUpperCase(), (value) => ({
    kind: "set-register",
    register,
    value: hex(value),
  }));

const setDescriptor = (register: DescriptorRegister) =>
  change(`set-desc-${register}`, undefined, (_value, session) => ({
    kind: "set-descriptor",
    register,
    base: hex(session.number("desc-base")),
    limit: Number(BigInt.asUintN(32, session.number("desc-limit"))),
    access: Number(BigInt.asUintN(32, session.number("desc-access"))),
  }));

const SET_REGISTERS: readonly RegisterName[] = [
  ...(["efer", "cr0", "cr2", "cr3", "cr4", "dr0", "dr1", "dr2", "dr3", "dr6", "dr7"] as const),
  ...(["rsp", "rip", "rax", "rflags"] as const),
];
const GET_REGISTERS: readonly RegisterName[] = [
  ...(["efer", "cr0", "cr2", "cr3", "cr4", "dr0", "dr1", "dr2", "dr3", "dr6", "dr7"] as const),
  ...(["rsp", "rip", "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp"] as const),
  ...(["r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rflags"] as const),
];
const SET_DESCRIPTORS = ["ds", "es", "ss", "cs", "fs", "gs", "tr", "ldtr", "gdtr", "idtr"] as const;
const GET_DESCRIPTORS = ["ds", "es", "fs", "gs", "ss", "cs", "tr", "ldtr", "gdtr", "idtr"] as const;
const SELECTORS: readonly SegmentRegister[] = ["cs", "ds", "es", "fs", "gs", "ss", "tr", "ldtr"];

const NO_VMCS = "this machine runs without hardware virtualization and has no VMCS";
const VMCS_OPTIONS: readonly string[] = [
  ...["cr0-mask", "cr0-shadow", "cr4-mask", "cr4-shadow", "cr3-targets", "pinbased-ctls"],
  ...["procbased-ctls", "procbased-ctls2", "guest-linear-address", "guest-physical-address"],
  ...["entry-interruption-info", "tpr-threshold", "instruction-error", "exit-ctls", "entry-ctls"],
  ...["host-pat", "host-cr0", "host-cr3", "host-cr4", "host-rip", "host-rsp", "link", "vpid"],
  ...["exit-interruption-info", "exit-interruption-error", "interruptibility"],
  ...["exit-inst-length", "exit-qualification"],
].map((field) => `get-vmcs-${field}`);
const VMX_OPTIONS: readonly string[] = [
  ...["get-apic-access-address", "get-virtual-apic-address", "get-eptp"],
  ...["get-exception-bitmap", "get-io-bitmap-address", "get-msr-bitmap-address", "get-msr-bitmap"],
];

function capability(session: BhyvectlSession): Capability {
  const name = session.text("capname");
  const found = CAPABILITIES.find((each) => each === name);
  if (found !== undefined) return found;
  throw new VmmError(
    "ERR_BAD_OPTION",
    name === undefined
      ? "--setcap needs --capname"
      : `'${name}' is no capability: expected ${CAPABILITIES.join(", ")}`,
  );
}

/** A size in MiB to make a VM's memory of, rounded up to 2 MiB as bhyvectl does. */
function setMemory(name: string, argument: string): BhyvectlOption {
  return {
    name,
    hasArgument: true,
    argument,
    act: (session) => session.setMemory(),
  };
}

export const BHYVECTL_OPTIONS: readonly BhyvectlOption[] = [
  modifier("vm", "vmname"),
  modifier("cpu", "vcpu_number"),
  { name: "create", hasArgument: false, act: (session) => session.create() },
  setMemory("set-mem", "memory in units of MB"),
  setMemory("set-lowmem", "memory below 4GB in units of MB"),
  setMemory("set-highmem", "memory above 4GB in units of MB"),
  ...SET_REGISTERS.map(setRegister),
  modifier("desc-base", "BASE"),
  modifier("desc-limit", "LIMIT"),
  modifier("desc-access", "ACCESS"),
  ...SET_DESCRIPTORS.map(setDescriptor),
  ...SELECTORS.map(setRegister),
  change("set-x2apic-state", "state", (value) => ({
    kind: "set-x2apic",
    isEnabled: value !== 0n,
  })),
  lacking("unassign-pptdev", "no device of the host is passed through", "bus/slot/func"),
  change("inject-nmi", undefined, () => ({ kind: "nmi" })),
  change("assert-lapic-lvt", "pin", (pin) => ({
    kind: "lapic-local-irq",
    pin: Number(BigInt.asUintN(32, pin)),
  })),
  show("get-memseg", format.memsegLines),
  show("get-memmap", format.memmapLines),
  show("get-lowmem", format.lowmemLine, false),
  show("get-highmem", format.highmemLine, false),
  ...GET_REGISTERS.map((name) => show(`get-${name}`, format.registerLine(name))),
  ...GET_DESCRIPTORS.map((name) => show(`get-desc-${name}`, format.descriptorLine(name))),
  ...SELECTORS.map((name) => show(`get-${name}`, format.selectorLine(name))),
  ...[...VMCS_OPTIONS, ...VMX_OPTIONS].map((name) => lacking(name, NO_VMCS)),
  show("get-x2apic-state", format.x2apicLine),
  show("get-tsc-offset", format.tscOffsetLine),
  show("get-guest-pat", format.patLine),
  show("get-guest-sysenter", format.sysenterLines),
  show("get-exit-reason", format.exitReasonLine),
  modifier("capname", "capname"),
  change("setcap", "0|1", (value, session) => ({
    kind: "set-capability",
    capability: capability(session),
    isSet: value !== 0n,
  })),
  {
    name: "get-gpa-pmap",
    hasArgument: true,
    argument: "gpa",
    // Nothing is nested: there are no entries behind the address.
    act: (session, text) => session.print(`gpa ${hex(parseNumber("get-gpa-pmap", text))}:`),
  },
  modifier("rtc-nvram-offset", "offset"),
  change("set-rtc-nvram", "val", (value, session) => ({
    kind: "set-rtc-nvram",
    offset: session.nvramOffset,
    value: Number(value & 0xffn),
  })),
  {
    name: "get-rtc-nvram",
    hasArgument: false,
    isInAll: true,
    act: async (session) =>
      session.print(format.nvramLine(await session.report(), session.nvramOffset)),
  },
  change("set-rtc-time", "secs", (seconds) => ({ kind: "set-rtc-time", seconds: Number(seconds) })),
  show("get-rtc-time", format.rtcTimeLine),
  {
    name: "getcap",
    hasArgument: false,
    isInAll: true,
    act: async (session) => {
      const isNamed = session.has("getcap") && session.has("capname");
      const wanted = isNamed ? capability(session) : undefined;
      session.print(format.capabilityLines(await session.report(), session.cpu, wanted));
    },
  },
  show("get-active-cpus", format.activeCpusLine),
  show("get-suspended-cpus", format.suspendedCpusLine),
  show("get-intinfo", format.intinfoLines),
  show("get-stats", format.statsLines),
  show("get-cpu-topology", format.topologyLine),
  { name: "get-all", hasArgument: false },
  lacking("run", "a VM is run by bhyve"),
  change("force-reset", undefined, () => ({ kind: "suspend", how: "reset" })),
  change("force-poweroff", undefined, () => ({ kind: "suspend", how: "poweroff" })),
  lacking("checkpoint", "snapshots are not supported yet", "filename"),
  lacking("suspend", "snapshots are not supported yet", "filename"),
  { name: "destroy", hasArgument: false, act: (session) => session.destroy() },
];

export const BHYVECTL_USAGE = `Usage: bhyvectl --vm=<vmname>
${BHYVECTL_OPTIONS.slice(1)
  .map(({ name, argument }) => {
    return `       [--${name}${argument === undefined ? "" : `=<${argument}>`}]\n`;
  })
  .join("")}`;
