// SPDX-License-Identifier: BSD-2-Clause
// The chips that every machine has, wired as on bhyve: what is in its kernel (APIC, I/O APIC, 8259, 8254,
// HPET, PM timer, RTC) and the fixed ports of its user-space half.
import type { Clock } from "../base/clock.ts";
import type { Bus } from "../devices/bus.ts";
import type { IrqPin } from "../devices/irq.ts";
import type { PciInterruptWiring } from "../devices/pci/intx-router.ts";
import { AcpiPm } from "../devices/platform/acpi-pm.ts";
import type { TscTime } from "../devices/platform/apic/apic-timer.ts";
import { ApicBus } from "../devices/platform/apic-bus.ts";
import { HPET_WINDOW_BYTES, Hpet } from "../devices/platform/hpet.ts";
import { IOAPIC_WINDOW_BYTES, IoApic } from "../devices/platform/io-apic.ts";
import { isaIrq } from "../devices/platform/isa-irq.ts";
import { KeyboardController } from "../devices/platform/keyboard-controller.ts";
import { type CpuSignals, LocalApic } from "../devices/platform/local-apic.ts";
import { Pic8259 } from "../devices/platform/pic8259.ts";
import { Pit8254 } from "../devices/platform/pit8254.ts";
import { PostPort } from "../devices/platform/post-port.ts";
import { ResetControl } from "../devices/platform/reset-control.ts";
import { Rtc } from "../devices/platform/rtc.ts";
import { SystemControlPort } from "../devices/platform/system-control-port.ts";
import { HPET_BASE, IOAPIC_BASE, LAPIC_BASE, SCI_IRQ } from "./firmware/platform-addresses.ts";
import type { SuspendHow } from "./suspend.ts";

export interface PlatformOptions {
  readonly clock: Clock;
  readonly tsc: TscTime;
  readonly ports: Bus;
  readonly memoryBus: Bus;
  readonly lowmem: number;
  readonly highmem: number;
  readonly epochSeconds: number;
  readonly zoneOffsetSeconds: number;
  readonly startsInX2apic: boolean;
  readonly cpu: CpuSignals;
  /** The vCPU may have an interrupt to take. */
  readonly interruptsChanged: () => void;
  readonly suspend: (how: SuspendHow) => void;
}

const LAPIC_BYTES = 0x1000;

export class Platform {
  readonly apicBus = new ApicBus();
  readonly ioApic: IoApic;
  readonly pic: Pic8259;
  readonly lapic: LocalApic;
  readonly pit: Pit8254;
  readonly rtc: Rtc;
  readonly hpet: Hpet;
  readonly pm: AcpiPm;
  readonly keyboard: KeyboardController;
  readonly resetControl: ResetControl;

  constructor(options: PlatformOptions) {
    const { clock, ports, memoryBus, suspend } = options;
    this.ioApic = new IoApic({ bus: this.apicBus });
    this.pic = new Pic8259({ onOutput: (isHigh) => this.#picOutput(isHigh) });
    this.lapic = new LocalApic({
      apicId: 0,
      isBsp: true,
      bus: this.apicBus,
      clock,
      cpu: options.cpu,
      externalInterrupts: this.pic,
      onChange: options.interruptsChanged,
      tsc: options.tsc,
      startsInX2apic: options.startsInX2apic,
    });
    this.pit = new Pit8254({ clock, irq: this.isaPin(0) });
    this.rtc = new Rtc({
      clock,
      irq: this.isaPin(8),
      epochSeconds: options.epochSeconds,
      zoneOffsetSeconds: options.zoneOffsetSeconds,
      lowMemoryBytes: options.lowmem,
      highMemoryBytes: options.highmem,
    });
    this.hpet = new Hpet({ clock, ioApic: this.ioApic, msi: this.apicBus });
    this.pm = new AcpiPm({
      clock,
      sci: this.isaPin(SCI_IRQ),
      onPowerOff: () => suspend("poweroff"),
    });
    this.keyboard = new KeyboardController({
      irq: this.isaPin(1),
      onReset: () => suspend("reset"),
    });
    this.resetControl = new ResetControl({ onReset: () => suspend("reset") });
    this.pic.setLevelTriggered(SCI_IRQ);
    this.#attach(ports, memoryBus);
  }

  #attach(ports: Bus, memoryBus: Bus): void {
    this.pic.attachTo(ports);
    this.pit.attachTo(ports);
    new SystemControlPort({ pit: this.pit }).attachTo(ports);
    this.rtc.attachTo(ports);
    this.pm.attachTo(ports);
    this.keyboard.attachTo(ports);
    new PostPort().attachTo(ports);
    memoryBus.attach(IOAPIC_BASE, IOAPIC_WINDOW_BYTES, "ioapic", this.ioApic);
    memoryBus.attach(HPET_BASE, HPET_WINDOW_BYTES, "hpet", this.hpet);
    memoryBus.attach(LAPIC_BASE, LAPIC_BYTES, "lapic", this.lapic.mmio);
  }

  /** The 8259 pair's output is LINT0 of the boot processor and pin 0 of the I/O APIC. */
  #picOutput(isHigh: boolean): void {
    for (const pin of [this.lapic.lint0, this.ioApic.pin(0)]) {
      if (isHigh) pin.assert();
      else pin.deassert();
    }
  }

  isaPin(irq: number): IrqPin {
    return isaIrq(irq, this.pic, this.ioApic);
  }

  get pciWiring(): PciInterruptWiring {
    return {
      ioapicPin: (pin) => this.ioApic.pin(pin),
      picPin: (irq) => this.pic.pin(irq),
      isaPin: (irq) => this.isaPin(irq),
      setLevelTriggered: (irq) => this.pic.setLevelTriggered(irq),
    };
  }
}
