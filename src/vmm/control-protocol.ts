// SPDX-License-Identifier: BSD-2-Clause
// What an inspector (bhyvectl, a debugger, a test) may ask of a machine, running or at rest, and what it is
// told. All of it is plain JSON; 64-bit values are hexadecimal text. Requests may come from another process,
// so they are checked, not believed.
import { VmmError, type VmmErrorCode } from "../base/errors.ts";
import type { BlockState } from "../cpu/jit/unit.ts";
import type { CpuTopology } from "./firmware/description.ts";
import { HEAT_GROUPS, type HeatGroup, type HeatReport } from "./heat-report.ts";
import type { Statistic } from "./statistics.ts";
import type { SuspendHow } from "./suspend.ts";
import {
  DESCRIPTOR_REGISTERS,
  type DescriptorRegister,
  REGISTERS,
  type RegisterName,
} from "./vcpu-registers.ts";

/** vmm.ko's capabilities that have a name; see lib/libvmmapi. */
export const CAPABILITIES = [
  "hlt_exit",
  "mtrap_exit",
  "pause_exit",
  "unrestricted_guest",
  "enable_invpcid",
  "bpt_exit",
] as const;
export type Capability = (typeof CAPABILITIES)[number];

/** Everything that `bhyvectl --get-all` shows. */
export interface VmReport {
  readonly lowmem: number;
  readonly highmem: number;
  readonly isMemoryWired: boolean;
  readonly registers: Readonly<Record<RegisterName, string>>;
  readonly descriptors: Readonly<
    Record<
      DescriptorRegister,
      { readonly base: string; readonly limit: number; readonly access: number }
    >
  >;
  readonly isX2apic: boolean;
  readonly tscOffset: string;
  readonly pat: string;
  readonly sysenter: { readonly cs: string; readonly sp: string; readonly ip: string };
  /** VMX's basic exit reason of the last exit; 0 if there was none. */
  readonly exitReason: number;
  /** Undefined for what this machine does not have. */
  readonly capabilities: Readonly<Partial<Record<Capability, boolean>>>;
  readonly nvram: readonly number[];
  /** Seconds since 1970, UTC. */
  readonly rtcSeconds: number;
  readonly activeCpus: readonly number[];
  readonly suspendedCpus: readonly number[];
  /** What the vCPU will be interrupted by next, as far as is known; undefined for nothing. */
  readonly nextEvent: { readonly kind: "nmi" | "extint"; readonly vector: number } | undefined;
  readonly topology: CpuTopology;
  readonly stats: readonly Statistic[];
}

/** A guest block of a unit: what runs it, and its samples if some were taken. */
export interface UnitBlockReport {
  readonly address: string;
  readonly instructions: number;
  readonly state: BlockState;
  readonly samples: number | undefined;
}

/** What the translator makes of a place in guest code. */
export interface UnitReport {
  readonly address: string;
  readonly blocks: readonly UnitBlockReport[];
  readonly instructions: number;
  /** Lines: the guest's instructions, and the WebAssembly as text. */
  readonly guest: readonly string[];
  readonly wasm: readonly string[];
  /** The WebAssembly module's bytes, two hexadecimal digits each. */
  readonly module: string;
  /** How many samples of heat were taken, of which {@link UnitBlockReport.samples} are a part. */
  readonly samples: number;
  /** How often a block is interpreted before it is translated; undefined if there is no translator. */
  readonly threshold: number | undefined;
}

export type ControlRequest =
  | { readonly kind: "report" | "nmi" | "power-button" | "stop" }
  | { readonly kind: "suspend"; readonly how: SuspendHow }
  | { readonly kind: "set-register"; readonly register: RegisterName; readonly value: string }
  | {
      readonly kind: "set-descriptor";
      readonly register: DescriptorRegister;
      readonly base: string;
      readonly limit: number;
      readonly access: number;
    }
  | { readonly kind: "set-x2apic"; readonly isEnabled: boolean }
  | { readonly kind: "set-capability"; readonly capability: Capability; readonly isSet: boolean }
  | { readonly kind: "set-rtc-time"; readonly seconds: number }
  | { readonly kind: "set-rtc-nvram"; readonly offset: number; readonly value: number }
  /** `pin`: an index of FreeBSD's local vector table: 0 LINT0, 1 LINT1, 2 timer … 6 CMCI. */
  | { readonly kind: "lapic-local-irq"; readonly pin: number }
  /** `symbols`: path of a System.map or of a kernel with symbols, instead of what the guest's memory has. */
  | { readonly kind: "backtrace"; readonly symbols?: string }
  /** `address`: linear, in the address space that the vCPU is in; without it, that of the next instruction. */
  | { readonly kind: "unit"; readonly address?: string; readonly symbols?: string }
  /** Begins to sample where the guest is, once in `period` instructions, and forgets earlier samples. */
  | { readonly kind: "heat-start"; readonly period: number }
  /** Ends that, and tells. */
  | {
      readonly kind: "heat";
      readonly by: HeatGroup;
      readonly count: number;
      readonly symbols?: string;
    };

export type ControlReply =
  | { readonly kind: "done" }
  | { readonly kind: "report"; readonly report: VmReport }
  | { readonly kind: "backtrace"; readonly lines: readonly string[] }
  | { readonly kind: "unit"; readonly unit: UnitReport }
  | { readonly kind: "heat"; readonly heat: HeatReport }
  /** False: the guest does not listen for the button, so nothing will come of it. */
  | { readonly kind: "power-button"; readonly isHeard: boolean }
  | { readonly kind: "error"; readonly code: VmmErrorCode; readonly message: string };

type Fields = Readonly<Record<string, unknown>>;
type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === "string";
const isOptional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const isFlag: Check = (value) => typeof value === "boolean";
const is64: Check = (value) => typeof value === "string" && /^0x[0-9a-f]{1,16}$/.test(value);
const isWhole: Check = (value) =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
const is32: Check = (value) => isWhole(value) && (value as number) < 2 ** 32;
const isOneOf =
  (choices: readonly string[]): Check =>
  (value) =>
    choices.includes(value as string);

/** Each kind's fields and what may be in them. */
const SHAPES: Readonly<Record<ControlRequest["kind"], Readonly<Record<string, Check>>>> = {
  report: {},
  nmi: {},
  "power-button": {},
  stop: {},
  suspend: { how: isOneOf(["reset", "poweroff", "halt"]) },
  "set-register": { register: isOneOf(REGISTERS), value: is64 },
  "set-descriptor": {
    register: isOneOf(DESCRIPTOR_REGISTERS),
    base: is64,
    limit: is32,
    access: is32,
  },
  "set-x2apic": { isEnabled: isFlag },
  "set-capability": { capability: isOneOf(CAPABILITIES), isSet: isFlag },
  "set-rtc-time": { seconds: isWhole },
  "set-rtc-nvram": { offset: is32, value: is32 },
  "lapic-local-irq": { pin: is32 },
  backtrace: { symbols: isOptional(isText) },
  unit: { address: isOptional(is64), symbols: isOptional(isText) },
  "heat-start": { period: (value) => is32(value) && value !== 0 },
  heat: { by: isOneOf(HEAT_GROUPS), count: is32, symbols: isOptional(isText) },
};

/** Throws ERR_BAD_OPTION for anything that is not a request. */
export function checkControlRequest(value: unknown): ControlRequest {
  const fields: Fields = typeof value === "object" && value !== null ? (value as Fields) : {};
  const kind = fields["kind"];
  if (typeof kind !== "string" || !Object.hasOwn(SHAPES, kind)) {
    throw new VmmError("ERR_BAD_OPTION", `a machine does not know the request '${String(kind)}'`);
  }
  for (const [name, check] of Object.entries(SHAPES[kind as ControlRequest["kind"]])) {
    if (check(fields[name])) continue;
    throw new VmmError(
      "ERR_BAD_OPTION",
      `the request '${kind}' cannot have the ${name} '${String(fields[name])}'`,
    );
  }
  return value as ControlRequest;
}
