// SPDX-License-Identifier: BSD-2-Clause
// Answers an inspector's requests on a machine: between two slices of its run, or while it rests. FreeBSD:
// the ioctls of sys/amd64/vmm/vmm_dev.c.
import { hex } from "../base/bits.ts";
import { VmmError } from "../base/errors.ts";
import { pairToBigInt } from "../base/u64.ts";
import { listUnit } from "../cpu/jit/unit-listing.ts";
import {
  ACTIVITY_NMI_PENDING,
  MSR_PAT,
  MSR_SYSENTER_CS,
  MSR_SYSENTER_EIP,
  MSR_SYSENTER_ESP,
  TSC_OFFSET,
} from "../cpu/state-layout.ts";
import { NMI } from "../cpu/vectors.ts";
import { APIC_X2APIC, APIC_XAPIC } from "../devices/platform/apic/apic-base.ts";
import { LVT_LINT0, LVT_LINT1 } from "../devices/platform/apic/local-vector-table.ts";
import { RTC_NVRAM_BYTES } from "../devices/platform/rtc.ts";
import { backtraceLines } from "./backtrace.ts";
import type {
  Capability,
  ControlReply,
  ControlRequest,
  UnitReport,
  VmReport,
} from "./control-protocol.ts";
import { guestSymbols, type SymbolSources } from "./guest-symbols.ts";
import { GuestView } from "./guest-view.ts";
import { HeatSampler } from "./heat.ts";
import { type HeatQuestion, type HeatReport, heatReport } from "./heat-report.ts";
import type { Machine } from "./machine.ts";
import { LVT_ORDER, type Statistic } from "./statistics.ts";
import type { SuspendHow } from "./suspend.ts";
import {
  DESCRIPTOR_REGISTERS,
  REGISTERS,
  readDescriptor,
  readRegister,
  writeDescriptor,
  writeRegister,
} from "./vcpu-registers.ts";

type Question = "report" | "power-button" | "backtrace" | "unit" | "heat";
type Change = Exclude<ControlRequest["kind"], Question>;
type Handlers<Kind extends ControlRequest["kind"], Result> = {
  readonly [K in Kind]: (request: Extract<ControlRequest, { kind: K }>) => Result;
};

export class MachineControl {
  readonly #machine: Machine;
  readonly #symbols: SymbolSources;
  readonly #questions: Handlers<Question, ControlReply> = {
    report: () => ({ kind: "report", report: this.#report() }),
    "power-button": () => ({
      kind: "power-button",
      isHeard: this.#machine.platform.pm.pressPowerButton(),
    }),
    backtrace: ({ symbols }) => ({ kind: "backtrace", lines: this.#backtrace(symbols) }),
    unit: ({ address, symbols }) => ({ kind: "unit", unit: this.#unit(address, symbols) }),
    heat: ({ by, count, symbols }) => ({ kind: "heat", heat: this.#heat({ by, count }, symbols) }),
  };
  readonly #changes: Handlers<Change, void> = {
    nmi: () => this.#machine.vcpu.requestNmi(),
    stop: () => this.#machine.loop.stop(),
    "heat-start": ({ period }) => {
      this.#machine.heatSampler = new HeatSampler(this.#machine.vcpu, period);
    },
    suspend: ({ how }) => this.#suspend(how),
    "set-register": ({ register, value }) =>
      writeRegister(this.#machine.vcpu, register, BigInt(value)),
    "set-descriptor": ({ register, base, limit, access }) =>
      writeDescriptor(this.#machine.vcpu, register, { base: BigInt(base), limit, access }),
    "set-x2apic": ({ isEnabled }) =>
      this.#machine.platform.lapic.setMode(isEnabled ? APIC_X2APIC : APIC_XAPIC),
    "set-capability": ({ capability, isSet }) => this.#setCapability(capability, isSet),
    "set-rtc-time": ({ seconds }) => this.#setTime(seconds),
    "set-rtc-nvram": ({ offset, value }) => this.#setNvram(offset, value),
    "lapic-local-irq": ({ pin }) => this.#localInterrupt(pin),
  };

  /** To be asked while the machine's vCPU is not running. */
  constructor(machine: Machine, symbols: SymbolSources) {
    this.#machine = machine;
    this.#symbols = symbols;
  }

  /** Never throws a VmmError: what goes wrong is the reply. */
  answer(request: ControlRequest): ControlReply {
    try {
      if (Object.hasOwn(this.#questions, request.kind)) {
        const ask = this.#questions[request.kind as Question] as (
          r: ControlRequest,
        ) => ControlReply;
        return ask(request);
      }
      (this.#changes[request.kind as Change] as (r: ControlRequest) => void)(request);
      return { kind: "done" };
    } catch (error) {
      if (!(error instanceof VmmError)) throw error;
      return { kind: "error", code: error.code, message: error.message };
    }
  }

  #backtrace(path: string | undefined): string[] {
    const { cpu } = this.#machine.vcpu;
    return backtraceLines(cpu, guestSymbols(cpu, this.#symbols, path));
  }

  #unit(address: string | undefined, path: string | undefined): UnitReport {
    const { cpu } = this.#machine.vcpu;
    const heat = this.#machine.heatSampler?.heat;
    const at = address === undefined ? new GuestView(cpu).codeAddress : BigInt(address);
    const symbols = guestSymbols(cpu, this.#symbols, path);
    const { blocks, instructions, guest, wasm, module } = listUnit(cpu, at, (place) => {
      const hit = symbols?.lookup(place);
      if (hit === undefined) return undefined;
      return hit.offset === 0n ? hit.name : `${hit.name}+${hex(hit.offset)}`;
    });
    const counted = new Map(heat?.places.map(({ offset, samples }) => [offset, samples]));
    return {
      address: hex(at),
      blocks: blocks.map(({ address: start, offset, ...rest }) => ({
        address: hex(start),
        ...rest,
        samples: heat === undefined ? undefined : (counted.get(offset) ?? 0),
      })),
      instructions,
      guest,
      wasm,
      module: Array.from(module, (byte) => byte.toString(16).padStart(2, "0")).join(""),
      samples: heat?.samples ?? 0,
      threshold: this.#threshold,
    };
  }

  #heat(question: HeatQuestion, path: string | undefined): HeatReport {
    const { heatSampler, vcpu } = this.#machine;
    if (heatSampler === undefined) {
      throw new VmmError("ERR_VM_STATE", `heat of VM ${this.#machine.config.name} is not sampled`);
    }
    heatSampler.stop();
    // Names may have to be looked for in all of memory.
    const symbols = question.count === 0 ? undefined : guestSymbols(vcpu.cpu, this.#symbols, path);
    const report = heatReport(vcpu.cpu, heatSampler.heat, question, (at) => symbols?.lookup(at));
    return { ...report, threshold: this.#threshold };
  }

  get #threshold(): number | undefined {
    const { translation } = this.#machine.vcpu;
    return translation && translation.countMask + 1;
  }

  #suspend(how: SuspendHow): void {
    const { name } = this.#machine.config;
    const { suspended } = this.#machine;
    if (suspended !== undefined) {
      throw new VmmError("ERR_VM_STATE", `VM ${name} has been stopped already: ${suspended}`);
    }
    this.#machine.suspend(how);
  }

  #setCapability(capability: Capability, isSet: boolean): void {
    const { capabilities } = this.#machine;
    if (capability === "hlt_exit" || capability === "pause_exit") capabilities[capability] = isSet;
    else if (capabilities[capability] === undefined) {
      throw new VmmError("ERR_NOT_FOUND", `Capability "${capability}" is not available`);
    } else if (capabilities[capability] !== isSet) {
      throw new VmmError("ERR_UNSUPPORTED", `Capability "${capability}" cannot be switched off`);
    }
  }

  #setTime(seconds: number): void {
    if (this.#machine.platform.rtc.setTime(seconds)) return;
    throw new VmmError("ERR_VM_BUSY", "the guest is setting its clock: try again");
  }

  #setNvram(offset: number, value: number): void {
    if (this.#machine.platform.rtc.writeNvram(offset, value & 0xff)) return;
    throw new VmmError(
      "ERR_BAD_OPTION",
      `rtc nvram[${offset}] cannot be written: it is the clock's own, or outside of it`,
    );
  }

  #localInterrupt(pin: number): void {
    const entry = LVT_ORDER[pin];
    if (entry === undefined) {
      throw new VmmError("ERR_BAD_OPTION", `the local APIC has no LVT ${pin}: expected 0 to 6`);
    }
    const { lapic } = this.#machine.platform;
    if (entry === LVT_LINT0) lapic.lint0.pulse();
    else if (entry === LVT_LINT1) lapic.lint1.pulse();
    else lapic.fireLocal(entry);
  }

  #report(): VmReport {
    const machine = this.#machine;
    const { cpu } = machine.vcpu;
    const { memory, config, platform } = machine;
    const msr = (word: number) => hex(pairToBigInt(cpu.s[word]!, cpu.s[word + 1]!));
    return {
      lowmem: memory.lowmem,
      highmem: memory.highmem,
      isMemoryWired: config.isMemoryWired,
      registers: namedValues(REGISTERS, (name) => hex(readRegister(cpu, name))),
      descriptors: namedValues(DESCRIPTOR_REGISTERS, (name) => {
        const { base, limit, access } = readDescriptor(cpu, name);
        return { base: hex(base), limit, access };
      }),
      isX2apic: platform.lapic.mode === APIC_X2APIC,
      tscOffset: msr(TSC_OFFSET),
      pat: msr(MSR_PAT),
      sysenter: {
        cs: msr(MSR_SYSENTER_CS),
        sp: msr(MSR_SYSENTER_ESP),
        ip: msr(MSR_SYSENTER_EIP),
      },
      exitReason: machine.statistics.exitReason,
      capabilities: machine.capabilities,
      nvram: Array.from({ length: RTC_NVRAM_BYTES }, (_, i) => platform.rtc.readNvram(i)),
      rtcSeconds: platform.rtc.time,
      activeCpus: [0],
      suspendedCpus: machine.suspended === undefined ? [] : [0],
      nextEvent: this.#nextEvent(),
      topology: config.topology,
      stats: this.statistics(),
    };
  }

  #nextEvent(): VmReport["nextEvent"] {
    const { vcpu, platform } = this.#machine;
    if (vcpu.cpu.hasActivity(ACTIVITY_NMI_PENDING)) return { kind: "nmi", vector: NMI };
    const vector = platform.lapic.pendingVector();
    return vector < 0 ? undefined : { kind: "extint", vector };
  }

  /** As {@link VmReport.stats}. */
  statistics(): Statistic[] {
    const { statistics, vcpu, platform, config } = this.#machine;
    const { isMemoryWired } = config;
    return statistics.list({ vcpu, lapic: platform.lapic.counters, isMemoryWired });
  }
}

function namedValues<K extends string, V>(names: readonly K[], value: (name: K) => V) {
  return Object.fromEntries(names.map((name) => [name, value(name)])) as Record<K, V>;
}
