// SPDX-License-Identifier: BSD-2-Clause
// A complete machine whose guest does nothing but harm: random accesses to every port and every device's memory, while
// time passes and somebody types. Nothing throws, no access takes long, timers that are set as fast as they go do not
// stop the host, and no device reaches into the vCPU or beyond the disk. Seeded; HAMMER_STEPS=1000000 goes further.
import { describe, expect, it } from "vitest";
import { parseBhyveOptions } from "../../src/cli/bhyve-options.ts";
import type { BlockBackend } from "../../src/devices/backend/block-backend.ts";
import type { CharBackend } from "../../src/devices/backend/char-backend.ts";
import { MemoryBlockBackend } from "../../src/devices/backend/memory-block.ts";
import type { AccessSize } from "../../src/devices/bus.ts";
import { GuestMemory, MIN_RAM } from "../../src/mmu/guest-memory.ts";
import { Machine } from "../../src/vmm/machine.ts";
import { machineConfig } from "../../src/vmm/machine-config.ts";
import { REGISTERS, readRegister } from "../../src/vmm/vcpu-registers.ts";
import { SeededRandom } from "../support/random.ts";

const STEPS = Number(process.env["HAMMER_STEPS"] ?? 30_000);
const LONGEST_ACCESS_MS = 1000;
const DISK_BYTES = 64 * 512;
const SIZES: readonly AccessSize[] = [1, 2, 4];
/** bhyve: the ports and windows that somebody answers, with room around them. */
const PORTS = [
  ...[0x20, 0x40, 0x60, 0x70, 0x80, 0xa0, 0xb2, 0xf4, 0x2f8, 0x3f8, 0x400, 0x4d0, 0xcf8, 0xcfc],
  ...[0x2000, 0x2040, 0x2080],
];
const WINDOWS = [0xfec0_0000, 0xfed0_0000, 0xfee0_0000, 0xe000_0000, 0xc000_0000, 0xc000_4000];
/** ECAM of bus 0. */
const ECAM = 0xe000_0000;
const SLOTS = [0, 2, 3, 4, 31];

/** A far end that types at random, and takes what is printed when it likes. */
class Stranger implements CharBackend {
  written = 0;
  readonly #random: SeededRandom;
  #ready: () => void = () => {};

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  write(): boolean {
    this.written++;
    return this.#random.below(3) !== 0;
  }

  read(): number {
    return this.#random.below(2) === 0 ? -1 : this.#random.below(256);
  }

  listen(ready: () => void): void {
    this.#ready = ready;
  }

  stir(): void {
    this.#ready();
  }
}

/** A disk that is never asked for what it does not have. */
function watchedDisk(): BlockBackend {
  const disk = new MemoryBlockBackend(new Uint8Array(DISK_BYTES));
  const submit = disk.submit.bind(disk);
  disk.submit = (request, done) => {
    if (request.kind !== "flush") {
      const length = "buffers" in request ? sum(request.buffers) : request.length;
      const isInside = request.offset >= 0 && request.offset + length <= DISK_BYTES;
      if (!isInside) throw new Error(`${request.kind} of ${length} bytes at ${request.offset}`);
    }
    submit(request, done);
  };
  return disk;
}

const sum = (buffers: readonly Uint8Array[]) =>
  buffers.reduce((all, { length }) => all + length, 0);

class Hammer {
  readonly machine: Machine;
  readonly #random: SeededRandom;
  readonly warnings: string[] = [];
  readonly lines: Stranger[] = [];
  #now = 0;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
    const options =
      "-A -m 32 -s 0,hostbridge -s 2,uart,second -s 3,virtio-blk,disk -s 4,virtio-rnd";
    const lpc = "-s 31,lpc -l com1,stdio -l com2,third -l pc-testdev -o clock=host vm";
    const config = parseBhyveOptions(`${options} ${lpc}`.split(" "));
    this.machine = new Machine(machineConfig(config), new GuestMemory(MIN_RAM), {
      time: { now: () => this.#now, wait: () => {} },
      entropy: { next32: () => this.#random.next(), fill: (target) => void target.fill(0x5a) },
      epochSeconds: 1_354_320_000,
      zoneOffsetSeconds: 0,
      name: "test",
      openBlock: watchedDisk,
      openChar: () => {
        const line = new Stranger(this.#random);
        this.lines.push(line);
        return line;
      },
      poll: () => {},
      warn: (message) => void this.warnings.push(message),
    });
    this.machine.start();
  }

  registers(): bigint[] {
    return REGISTERS.map((name) => readRegister(this.machine.vcpu.cpu, name));
  }

  step(): void {
    const { machine } = this;
    const random = this.#random;
    switch (random.below(12)) {
      case 0:
        this.#now += random.pick([1, 1000, 1e6, 1e9, 1e12]) * random.below(10);
        machine.clock.runDue();
        return;
      case 1:
        random.pick(this.lines).stir();
        return;
      case 2:
        this.#configure();
        return;
      case 3:
        machine.memory.store(4 * random.below(MIN_RAM / 4), 4, this.#value(4));
        return;
      default:
        if (random.below(2) === 0) this.#access("ports", this.#port());
        else this.#access("memoryBus", this.#address());
    }
  }

  /** BARs moved, decoding switched, MSI written: by ECAM, which every machine has. */
  #configure(): void {
    const offset = (this.#random.pick(SLOTS) << 15) + this.#random.below(0x100);
    this.#access("memoryBus", ECAM + offset);
  }

  #port(): number {
    const random = this.#random;
    if (random.below(8) === 0) return random.below(0x1_0000);
    return random.pick(PORTS) + random.below(16);
  }

  #address(): number {
    const random = this.#random;
    return random.pick(WINDOWS) + random.below(random.pick([16, 0x400, 0x1000, 0x4000]));
  }

  #access(bus: "ports" | "memoryBus", address: number): void {
    const size = this.#random.pick(SIZES);
    const target = this.machine[bus];
    if (this.#random.below(3) === 0) {
      const value = target.read(address, size);
      if (!(Number.isInteger(value) && value >= 0 && value < 2 ** (8 * size))) {
        throw new Error(`${bus} ${address.toString(16)} of ${size} bytes reads ${value}`);
      }
    } else target.write(address, size, this.#value(size));
  }

  #value(size: AccessSize): number {
    const random = this.#random;
    const value = random.pick([
      () => random.next(),
      () => random.below(256),
      () => 0,
      () => 0xffff_ffff,
      () => 2 ** random.below(32),
      () => random.pick(WINDOWS),
    ])();
    return value % 2 ** (8 * size);
  }
}

describe("a machine whose guest hammers at its devices", { timeout: 120_000 }, () => {
  it.each([1, 2, 3, 4, 5, 6])(`with seed %i withstands ${STEPS} accesses`, (seed) => {
    const hammer = new Hammer(seed);
    const before = hammer.registers();
    let slowest = 0;
    for (let step = 0; step < STEPS; step++) {
      const began = performance.now();
      try {
        hammer.step();
      } catch (error) {
        throw new Error(`step ${step}: ${(error as Error).stack}`);
      }
      slowest = Math.max(slowest, performance.now() - began);
    }
    expect(slowest).toBeLessThan(LONGEST_ACCESS_MS);
    // Interrupts are for the vCPU to take: no device writes its registers.
    expect(hammer.registers()).toEqual(before);
    // A guest must not fill the host's disk with what it is warned of.
    expect(hammer.warnings.length).toBeLessThan(300);
    // COM1's and COM2's; the PCI one's window may have been moved away.
    expect(hammer.lines.filter(({ written }) => written > 0).length).toBeGreaterThan(1);
  });

  it("runs the same twice", () => {
    const [one, two] = [new Hammer(9), new Hammer(9)];
    for (let step = 0; step < 5000; step++) {
      one.step();
      two.step();
    }
    expect(two.warnings).toEqual(one.warnings);
    expect(two.lines.map(({ written }) => written)).toEqual(
      one.lines.map(({ written }) => written),
    );
  });
});
