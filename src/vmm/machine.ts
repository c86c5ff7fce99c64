// SPDX-License-Identifier: BSD-2-Clause
// The whole computer, and the only place that knows every concrete class: memory, processor, clock, platform
// chips, PCI and the devices on it, wired as on bhyve. See run-loop.ts for what makes it go.
import { hex } from "../base/bits.ts";
import { VmmError } from "../base/errors.ts";
import { nsAtTick, ticksAt } from "../base/frequency.ts";
import { pairToNumber, type U64 } from "../base/u64.ts";
import { type Warn, warnOnce } from "../base/warn.ts";
import type { UnitCompiler } from "../cpu/jit/compiler.ts";
import { processorModel, TSC_HZ } from "../cpu/model.ts";
import { TSC_OFFSET } from "../cpu/state-layout.ts";
import { Vcpu } from "../cpu/vcpu.ts";
import type { BlockBackend } from "../devices/backend/block-backend.ts";
import type { CharBackend } from "../devices/backend/char-backend.ts";
import { Bus } from "../devices/bus.ts";
import { createPciDevice, type DeviceEnvironment } from "../devices/catalog.ts";
import { PciRoot } from "../devices/pci/root.ts";
import { LEGACY_UARTS } from "../devices/uart/pci-uart.ts";
import type { BlockFileOptions } from "../devices/virtio/block/options.ts";
import type { GuestMemory } from "../mmu/guest-memory.ts";
import { HostClock, type HostTime, VirtualClock, type VmClock } from "./clock.ts";
import type { Capability } from "./control-protocol.ts";
import { type Entropy, SeededEntropy } from "./entropy.ts";
import { type FirmwareTables, writeFirmwareTables } from "./firmware/firmware-tables.ts";
import { describeFirmware } from "./firmware-description.ts";
import type { HeatSampler } from "./heat.ts";
import type { MachineConfig, PciSlot } from "./machine-config.ts";
import { Platform } from "./platform.ts";
import { isPlatformMsr, readPlatformMsr } from "./platform-msrs.ts";
import { RunLoop } from "./run-loop.ts";
import { Statistics } from "./statistics.ts";
import type { SuspendHow } from "./suspend.ts";
import type { Trace } from "./trace.ts";

/** What the world outside gives a machine. Called on the machine's thread. */
export interface MachineHost {
  readonly time: HostTime;
  /** Real randomness; the virtual clock uses a seed instead. */
  readonly entropy: Entropy;
  /** Seconds since 1970, and the zone's offset from UTC, for the RTC on the host clock. */
  readonly epochSeconds: number;
  readonly zoneOffsetSeconds: number;
  readonly name: string;
  readonly openBlock: (options: BlockFileOptions) => BlockBackend;
  readonly openChar: (path: string) => CharBackend;
  /** Carries what came from outside (console input, a stop request) to the devices. */
  readonly poll: () => void;
  readonly warn: Warn;
  /** Translates guest code on another thread, if the host has one for that. */
  readonly compiler?: (UnitCompiler & { close(): void }) | undefined;
}

export class Machine {
  readonly config: MachineConfig;
  readonly memory: GuestMemory;
  readonly vcpu: Vcpu;
  readonly clock: VmClock;
  readonly ports = new Bus();
  readonly memoryBus = new Bus();
  readonly platform: Platform;
  readonly pci: PciRoot;
  readonly statistics = new Statistics();
  readonly loop: RunLoop;
  /** vmm.ko's switches, for bhyvectl; what is not there has no entry. */
  readonly capabilities: Partial<Record<Capability, boolean>>;
  /** Where the firmware tables are, once {@link start} has written them. */
  firmware: FirmwareTables | undefined;
  trace: Trace | undefined;
  /** Counts where the guest is, from when this is set on. */
  heatSampler: HeatSampler | undefined;

  readonly #host: MachineHost;
  readonly #entropy: Entropy;
  readonly #warn: Warn;
  #suspended: SuspendHow | undefined;
  #exitStatus: number | undefined;

  /** Builds everything; throws a VmmError for what cannot be built, with nothing left open. */
  constructor(config: MachineConfig, memory: GuestMemory, host: MachineHost) {
    this.config = config;
    this.memory = memory;
    this.capabilities = {
      hlt_exit: config.exitsOnHlt,
      pause_exit: config.exitsOnPause,
      unrestricted_guest: true,
      enable_invpcid: true,
    };
    this.#host = host;
    this.#warn = warnOnce(host.warn);
    const isVirtual = config.clock === "virtual";
    this.#entropy = isVirtual ? new SeededEntropy(config.seed) : host.entropy;
    this.vcpu = this.#makeVcpu();
    const Clock = isVirtual ? VirtualClock : HostClock;
    this.clock = new Clock(
      () => this.vcpu.retired,
      host.time,
      () => this.vcpu.stop(),
    );
    this.platform = this.#makePlatform();
    this.pci = new PciRoot({
      ports: this.ports,
      memory: this.memoryBus,
      highmemBytes: memory.highmem,
      interrupts: this.platform.pciWiring,
      resetControl: this.platform.resetControl,
      warn: this.#warn,
    });
    this.#addDevices();
    this.loop = new RunLoop(this, host);
  }

  #makeVcpu(): Vcpu {
    return new Vcpu(
      this.memory,
      {
        mmio: {
          read: (gpa, size) => this.#mmioRead(gpa, size),
          write: (gpa, size, value) => this.#mmioWrite(gpa, size, value),
        },
        interrupts: {
          pendingVector: () => this.platform.lapic.pendingVector(),
          acknowledge: () => this.platform.lapic.acknowledge(),
          readTaskPriority: () => this.platform.lapic.cr8,
          writeTaskPriority: (priority) => {
            this.platform.lapic.cr8 = priority;
          },
        },
        msrs: {
          read: (msr) => this.#readMsr(msr),
          write: (msr, value) => this.#writeMsr(msr, value),
        },
        environment: {
          readTsc: () => ticksAt(this.clock.now(), TSC_HZ),
          virtualNs: this.config.clock === "virtual" ? () => this.clock.now() : undefined,
          random32: () => this.#entropy.next32(),
          tscWritten: () => this.platform.lapic.timer.tscChanged(),
        },
      },
      processorModel(this.config.cpuLevel),
      {
        engine: this.config.engine,
        threshold: this.config.translationThreshold,
        now: () => this.#host.time.now() / 1e6,
        compiler: this.#host.compiler,
      },
    );
  }

  #makePlatform(): Platform {
    const { config, memory, vcpu } = this;
    const isVirtual = config.clock === "virtual";
    return new Platform({
      clock: this.clock,
      tsc: { nsAtTsc: (lo, hi) => this.#nsAtTsc(lo, hi) },
      ports: this.ports,
      memoryBus: this.memoryBus,
      lowmem: memory.lowmem,
      highmem: memory.highmem,
      epochSeconds: isVirtual ? config.epochSeconds : this.#host.epochSeconds,
      zoneOffsetSeconds: isVirtual || !config.usesLocalTime ? 0 : this.#host.zoneOffsetSeconds,
      startsInX2apic: config.startsInX2apic,
      cpu: {
        nmi: () => {
          vcpu.requestNmi();
          vcpu.stop();
        },
        // An INIT of the only processor, by itself, is a reset of the machine.
        init: () => this.suspend("reset"),
        startUp: () => {},
      },
      interruptsChanged: () => vcpu.requestInterrupt(),
      suspend: (how) => this.suspend(how),
    });
  }

  /** When the guest's TSC reaches a value: its offset is the processor's. */
  #nsAtTsc(lo: number, hi: number): number {
    const { s } = this.vcpu.cpu;
    const offset = pairToNumber(s[TSC_OFFSET]!, s[TSC_OFFSET + 1]!);
    const signed = s[TSC_OFFSET + 1]! < 0 ? offset - 2 ** 64 : offset;
    return nsAtTick(Math.max(0, pairToNumber(lo, hi) - signed), TSC_HZ);
  }

  #addDevices(): void {
    try {
      for (const slot of this.config.slots) {
        this.pci.add(slot.option.bdf, createPciDevice(slot.option, this.#environment(slot)));
      }
      this.pci.start();
      this.#warnOfMissingBridge();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** As in bhyve the machine runs all the same; nobody would guess why its console says nothing. */
  #warnOfMissingBridge(): void {
    const { lpc, slots } = this.config;
    const [first] = lpc;
    if (first === undefined || slots.some(({ option }) => option.device === "lpc")) return;
    this.#warn(`${first.device} is not there without an LPC bridge: add -s 31,lpc`);
  }

  #environment(slot: PciSlot): DeviceEnvironment {
    const { config, memory, platform, clock, ports, memoryBus, pci } = this;
    const legacyUart = slot.isLegacy ? this.#legacyUart(slot) : undefined;
    return {
      memory,
      clock,
      ports,
      memoryBus,
      interrupts: platform.pciWiring,
      msi: platform.apicBus,
      pirq: pci.pirq,
      hasMsix: config.hasMsix,
      openBlock: this.#host.openBlock,
      openChar: this.#host.openChar,
      entropy: (target) => this.#entropy.fill(target),
      diskLatencyNs: config.diskLatencyNs,
      lpc: config.lpc,
      ...(legacyUart === undefined ? {} : { legacyUart }),
      exit: (status) => this.exitWith(status),
      warn: this.#warn,
    };
  }

  /** The first legacy UART is COM1, the second COM2; there are no more places. */
  #legacyUart(slot: PciSlot) {
    const index = this.config.slots.filter(({ isLegacy }) => isLegacy).indexOf(slot);
    const place = slot.option.device === "uart" ? LEGACY_UARTS[index] : undefined;
    if (place !== undefined) return place;
    throw new VmmError(
      "ERR_BAD_OPTION",
      `legacy PCI slot ${slot.option.bdf.slot}: only two devices, both uart, can be at ISA addresses`,
    );
  }

  /** Starts to write down what happens, or stops with undefined. */
  setTrace(trace: Trace | undefined): void {
    this.trace = trace;
    this.vcpu.cpu.trace = trace;
  }

  /** Writes the firmware tables into memory; to be called once, when the kernel is loaded. */
  start(): void {
    const description = describeFirmware(this.config, this.pci, this.#host.name);
    this.firmware = writeFirmwareTables(this.memory, description, {
      acpi: this.config.hasAcpi,
      mptable: this.config.hasMpTable,
    });
  }

  /** Ends the run at the next instruction boundary; the first reason counts. */
  suspend(how: SuspendHow): void {
    this.#suspended ??= how;
    this.vcpu.stop();
  }

  get suspended(): SuspendHow | undefined {
    return this.#suspended;
  }

  /** The guest's own exit code, from its test device. */
  exitWith(status: number): void {
    this.#exitStatus ??= status;
    this.vcpu.stop();
  }

  get exitStatus(): number | undefined {
    return this.#exitStatus;
  }

  /** Lets go of disks and consoles. */
  close(): void {
    this.pci.close();
    this.#host.compiler?.close();
  }

  // An 8-byte access has been split by then; addresses that nobody has read as ones.

  #mmioRead(gpa: number, size: 1 | 2 | 4): number {
    const value = this.memoryBus.read(gpa, size);
    this.statistics.mmio++;
    this.trace?.mmio("read", gpa, size, value);
    return value;
  }

  #mmioWrite(gpa: number, size: 1 | 2 | 4, value: number): void {
    this.statistics.mmio++;
    this.trace?.mmio("write", gpa, size, value);
    this.memoryBus.write(gpa, size, value);
  }

  #readMsr(msr: number): U64 | undefined {
    const { msrs } = this.platform.lapic;
    if (msrs.owns(msr)) return msrs.read(msr);
    const value = readPlatformMsr(msr);
    if (value !== undefined) return value;
    this.#warn(`rdmsr to register ${hex(msr)} on vcpu 0`);
    return this.config.isStrictMsr ? undefined : readPlatformMsr(0);
  }

  #writeMsr(msr: number, value: U64): boolean {
    const { msrs } = this.platform.lapic;
    if (msrs.owns(msr)) return msrs.write(msr, value.low, value.high);
    if (isPlatformMsr(msr)) return true;
    this.#warn(`wrmsr to register ${hex(msr)}(0x${value.toString(16)}) on vcpu 0`);
    return !this.config.isStrictMsr;
  }
}
