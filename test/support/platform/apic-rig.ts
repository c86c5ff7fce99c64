// SPDX-License-Identifier: BSD-2-Clause
// Local APICs on one bus with processors that only write down what is done to them.
import type { TscTime } from "../../../src/devices/platform/apic/apic-timer.ts";
import * as reg from "../../../src/devices/platform/apic/registers.ts";
import { ApicBus } from "../../../src/devices/platform/apic-bus.ts";
import {
  type CpuSignals,
  type ExternalInterruptController,
  LocalApic,
} from "../../../src/devices/platform/local-apic.ts";
import { ManualClock } from "./manual-clock.ts";

/** A processor that writes down what its APIC does: "nmi", "init", "start-up 0x9f". */
export class RecordingCpu implements CpuSignals {
  signals: string[] = [];
  /** How often pendingVector() was said to have changed. */
  changes = 0;

  nmi(): void {
    this.signals.push("nmi");
  }
  init(): void {
    this.signals.push("init");
  }
  startUp(vector: number): void {
    this.signals.push(`start-up 0x${vector.toString(16)}`);
  }
}

/** An 8259 pair that always answers the same vector. */
class FixedController implements ExternalInterruptController {
  acknowledges = 0;
  readonly vector: number;

  constructor(vector: number) {
    this.vector = vector;
  }
  pendingVector(): number {
    return this.vector;
  }
  interruptAcknowledge(): number {
    this.acknowledges++;
    return this.vector;
  }
}

export interface ApicRigOptions {
  readonly count?: number;
  readonly tsc?: (clock: ManualClock) => TscTime;
  readonly hasX2apic?: boolean;
  readonly startsInX2apic?: boolean;
}

export class ApicRig {
  readonly clock = new ManualClock();
  readonly bus = new ApicBus();
  readonly pic = new FixedController(0x28);
  readonly cpus: RecordingCpu[] = [];
  readonly apics: LocalApic[] = [];

  constructor(options: ApicRigOptions = {}) {
    for (let apicId = 0; apicId < (options.count ?? 1); apicId++) {
      const cpu = new RecordingCpu();
      this.cpus.push(cpu);
      this.apics.push(
        new LocalApic({
          apicId,
          isBsp: apicId === 0,
          bus: this.bus,
          clock: this.clock,
          cpu,
          externalInterrupts: this.pic,
          onChange: () => void cpu.changes++,
          ...(options.tsc === undefined ? {} : { tsc: options.tsc(this.clock) }),
          hasX2apic: options.hasX2apic ?? true,
          startsInX2apic: options.startsInX2apic ?? false,
        }),
      );
    }
  }

  /** The bootstrap processor's. */
  get apic(): LocalApic {
    return this.apics[0]!;
  }
  get cpu(): RecordingCpu {
    return this.cpus[0]!;
  }

  /** A 32-bit MMIO write to a register of one APIC. */
  write(register: number, value: number, index = 0): void {
    this.apics[index]!.mmio.write(register * 16, 4, value);
  }
  read(register: number, index = 0): number {
    return this.apics[index]!.mmio.read(register * 16, 4);
  }

  /** Software-enables every APIC in xAPIC mode, with spurious vector 0xFF. */
  enableAll(): this {
    for (let i = 0; i < this.apics.length; i++) this.write(reg.APIC_SVR, 0x1ff, i);
    return this;
  }

  /** Takes and ends every interrupt that is deliverable now, in order. */
  drain(index = 0): number[] {
    const apic = this.apics[index]!;
    const vectors: number[] = [];
    while (apic.pendingVector() >= 0) {
      vectors.push(apic.acknowledge());
      apic.writeRegister(reg.APIC_EOI, 0);
    }
    return vectors;
  }
}
