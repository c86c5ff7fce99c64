// SPDX-License-Identifier: BSD-2-Clause
// Guests that mean harm: whatever they write, nothing throws, no access takes long, and after a reset the
// devices serve a decent driver again.
import { describe, expect, it } from "vitest";
import { MemoryBlockBackend } from "../../src/devices/backend/memory-block.ts";
import type { AccessSize } from "../../src/devices/bus.ts";
import { VirtioRnd } from "../../src/devices/virtio/rng/device.ts";
import { BlkDriver, headerBytes, S_OK } from "../support/blk-driver.ts";
import { DeviceMachine } from "../support/device-machine.ts";
import { SeededRandom } from "../support/random.ts";
import { VirtioMachine } from "../support/virtio-machine.ts";
import { F_EVENT_IDX, F_VERSION_1 } from "../support/virtio-pci-driver.ts";
import type { VirtqueueDriver } from "../support/virtqueue-driver.ts";

const SLOTS = ["0", "2", "3", "4", "31"];
const BLK = "3";
const SIZES: readonly AccessSize[] = [1, 2, 4];
/** Where buffers are: small, so that random addresses meet what matters. */
const ARENA = 0x8_0000;
const ARENA_BYTES = 0x8000;
const STEPS = 6000;
/** Far more than the few chains that one act offers can ask for. */
const MOST_WORK = 1000;
/** 64 each of the BAR decoder and the two virtio devices (`warnOnce`). */
const MOST_WARNINGS = 3 * 64;

/** How often the backends were asked for something. */
interface Work {
  requests: number;
  fills: number;
}

function makeMachine(latencyNs: number, work: Work = { requests: 0, fills: 0 }): DeviceMachine {
  const disk = new MemoryBlockBackend(new Uint8Array(64 * 512));
  const submit = disk.submit.bind(disk);
  disk.submit = (request, done) => {
    work.requests++;
    if (request.kind !== "flush") {
      const length =
        "buffers" in request
          ? request.buffers.reduce((sum, { length }) => sum + length, 0)
          : request.length;
      const isOnDisk = request.offset >= 0 && request.offset + length <= disk.sizeBytes;
      if (!isOnDisk) throw new Error(`${request.kind} of ${length} bytes at ${request.offset}`);
    }
    submit(request, done);
  };
  return new DeviceMachine({
    slots: ["0,hostbridge", "2,uart,pci", "3,virtio-blk,/disk", "4,virtio-rnd", "31,lpc"],
    lpc: ["com1,isa"],
    environment: {
      diskLatencyNs: latencyNs,
      openBlock: () => disk,
      entropy: (target) => {
        work.fills++;
        target.fill(work.fills);
      },
    },
  });
}

class HostileGuest {
  readonly machine: DeviceMachine;
  readonly random: SeededRandom;
  readonly work: Work = { requests: 0, fills: 0 };
  readonly #queues = new Map<string, VirtqueueDriver>();

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
    this.machine = makeMachine(this.random.pick([0, 500, 50_000]), this.work);
  }

  /** One random act; how much work the devices had with it. */
  act(): number {
    const { requests, fills } = this.work;
    this.#act();
    return this.work.requests - requests + this.work.fills - fills;
  }

  #act(): void {
    const acts = [
      () => this.#config(),
      () => this.#register(),
      () => this.#register(),
      () => this.#scribble(),
      () => this.#scribble(),
      () => this.#bringUp(),
      () => this.#request(),
      () => this.#request(),
      () => this.#request(),
      () => this.machine.clock.advance(this.random.below(2000)),
    ];
    this.random.pick(acts)();
  }

  /** A value that may mean something. */
  #value(): number {
    const { random } = this;
    return random.pick([
      () => random.next(),
      () => random.below(256),
      () => 0,
      () => 0xffff_ffff,
      () => ARENA + random.below(ARENA_BYTES),
      () => (ARENA >> 12) + random.below(8),
      () => 2 ** random.below(32),
    ])();
  }

  #access(bus: { read: BusRead; write: BusWrite }, address: number): void {
    const size = this.random.pick(SIZES);
    if (this.random.below(3) === 0) {
      const value = bus.read(address, size);
      expect(value >= 0 && value < 2 ** (8 * size)).toBe(true);
    } else bus.write(address, size, size === 4 ? this.#value() : this.#value() % 2 ** (8 * size));
  }

  #config(): void {
    const { ports, memory } = this.machine.pci;
    const slot = this.random.pick(SLOTS);
    const offset = this.random.pick([4, 0x10, 0x14, 0x18, this.random.below(256)]);
    if (this.random.below(2) === 0) {
      this.#access(memory, this.machine.pci.ecamBase(slot) + offset);
    } else {
      ports.write(0xcf8, 4, (0x8000_0000 | (Number(slot) << 11) | (offset & 0xfc)) >>> 0);
      this.#access(ports, 0xcfc + (offset & 3));
    }
  }

  #register(): void {
    const { pci } = this.machine;
    const slot = this.random.pick(["2", "3", "3", "4"]);
    const [low, size] = this.random.pick([
      [0, 0x20],
      [0, 0x60],
      [1, 0x2000],
      [2, 0x40],
      [2, 0x4000],
    ] as const);
    const address = pci.barAddress(slot, low) + this.random.below(size);
    this.#access(low === 0 ? pci.ports : pci.memory, address);
    if (this.random.below(8) === 0) this.#access(pci.ports, 0x3f8 + this.random.below(8));
    if (this.random.below(16) === 0) this.#openDecoding(slot);
  }

  /** SeededRandom acts close the windows sooner or later. */
  #openDecoding(slot: string): void {
    this.machine.pci.writeConfig(slot, 4, 2, 7);
  }

  #scribble(): void {
    const { memory } = this.machine;
    const size = this.random.pick(SIZES);
    const gpa = ARENA + this.random.below(ARENA_BYTES - 4);
    memory.store(gpa, size, size === 4 ? this.#value() : this.#value() % 2 ** (8 * size));
  }

  /** A decent start, so that the indecent acts hit a device that runs. */
  #bringUp(): void {
    const slot = this.random.pick(["3", "3", "4"]);
    this.#openDecoding(slot);
    this.machine.pci.writeConfig(slot, 0x10, 4, 0x2000 + 0x100 * Number(slot));
    this.machine.pci.writeConfig(slot, 0x18, 4, 0xc800_0000 + 0x10_0000 * Number(slot));
    const isLegacy = this.random.below(2) === 0;
    const driver = isLegacy ? this.machine.legacyDriver(slot) : this.machine.modernDriver(slot);
    driver.begin(isLegacy ? [28] : [F_VERSION_1, 28, this.random.pick([F_EVENT_IDX, 40])]);
    this.#queues.set(slot, driver.openQueue(0));
    driver.finish();
  }

  /** Some requests that are nearly right, wherever a queue was last put. */
  #request(): void {
    const queue = this.#queues.get(this.random.pick(["3", "3", "4"]));
    if (queue === undefined) return;
    const { random } = this;
    const { size, driverArea } = queue.place;
    // Now and then the index falls behind or runs ahead; else it goes on from where the ring stands.
    const idx = this.machine.memory.load(driverArea + 2, 2);
    queue.setAvailIdx(random.below(30) === 0 ? random.next() : idx);
    for (let chains = 1 + random.below(3); chains > 0; chains--) {
      const first = random.below(size - 4);
      const buffers = 1 + random.below(3);
      this.#descriptor(queue, first, this.#header(), 16, 1);
      for (let i = 1; i <= buffers; i++) {
        this.#descriptor(
          queue,
          first + i,
          this.#buffer(queue),
          512 * random.below(5),
          random.below(4) | 1,
        );
      }
      this.#descriptor(queue, first + buffers, this.#buffer(queue), 1, 2);
      if (random.below(4) === 0) this.#makeIndirect(queue, first, buffers + 2);
      queue.offerHead(random.below(40) === 0 ? random.next() & 0xffff : first);
    }
    queue.kick();
  }

  /** Moves a chain into an indirect table in the arena, nearly right, and refers to it. */
  #makeIndirect(queue: VirtqueueDriver, first: number, count: number): void {
    const { memory } = this.machine;
    const { descriptorArea } = queue.place;
    const table = ARENA + 16 * this.random.below((ARENA_BYTES - 16 * count) / 16);
    for (let i = 0; i < count; i++) {
      const descriptor = memory.readable(descriptorArea + 16 * (first + i), 16)!.slice();
      memory.write(table + 16 * i, descriptor);
      // Links count from the table's beginning.
      const isWrong = this.random.below(20) === 0;
      memory.store(table + 16 * i + 14, 2, isWrong ? this.random.next() & 0xffff : i + 1);
    }
    this.#descriptor(queue, first, table, 16 * count, 4);
  }

  /** A descriptor as wanted, linked to the next one, with one field in twenty wrong. */
  #descriptor(
    queue: VirtqueueDriver,
    index: number,
    gpa: number,
    length: number,
    flags: number,
  ): void {
    const isWrong = () => this.random.below(20) === 0;
    queue.writeDescriptor(index, {
      gpa: isWrong() ? this.#value() : gpa,
      length: isWrong() ? this.#value() : length,
      flags: isWrong() ? this.random.below(8) : flags,
      next: isWrong() ? this.random.below(200) : index + 1,
    });
  }

  #header(): number {
    const gpa = ARENA + 16 * this.random.below(ARENA_BYTES / 16);
    this.machine.memory.write(gpa, headerBytes(this.random.below(14), this.random.below(70)));
    return gpa;
  }

  /** Somewhere to put data: in the arena, or in the middle of the ring itself. */
  #buffer({ place }: VirtqueueDriver): number {
    const { random } = this;
    if (random.below(10) !== 0) return ARENA + random.below(ARENA_BYTES);
    return (
      random.pick([place.descriptorArea, place.driverArea, place.deviceArea]) + random.below(64)
    );
  }
}

type BusRead = (address: number, size: AccessSize) => number;
type BusWrite = (address: number, size: AccessSize, value: number) => void;

describe("a hostile guest", () => {
  it.each(Array.from({ length: 12 }, (_, i) => 1000 + i))(
    "with seed %d finds nothing that throws, hangs or leaks",
    (seed) => {
      const guest = new HostileGuest(seed);
      const { machine } = guest;
      let most = 0;
      for (let step = 0; step < STEPS; step++) most = Math.max(most, guest.act());
      expect(most).toBeLessThan(MOST_WORK);
      expect(machine.pci.warnings.length).toBeLessThanOrEqual(MOST_WARNINGS);
      machine.clock.advance(1_000_000);
      machine.pci.root.reset();
      expect(machine.pci.interrupts.asserted).toEqual([]);
      const driver = machine.modernDriver(BLK);
      driver.begin([F_VERSION_1]);
      const blk = new BlkDriver(driver.openQueue(0));
      driver.finish();
      const ticket = blk.write(5, new Uint8Array(512).fill(0x5a));
      blk.kick();
      machine.clock.advance(100_000);
      expect(blk.status(ticket)).toBe(S_OK);
    },
  );

  it("is served between its attacks: the fuzz reaches the backends", () => {
    const guest = new HostileGuest(1000);
    for (let step = 0; step < STEPS; step++) guest.act();
    expect(guest.work.requests).toBeGreaterThan(100);
    expect(guest.work.fills).toBeGreaterThan(100);
    expect(guest.machine.pci.warnings.length).toBeGreaterThan(20);
  });
});

describe("a ring that its own device writes", () => {
  /** Entropy that moves the available index on, each time it is asked for. */
  function makeEndless(wanted: readonly number[]): {
    machine: VirtioMachine;
    queue: VirtqueueDriver;
    fills: () => number;
  } {
    let fills = 0;
    const machine = new VirtioMachine(
      () =>
        new VirtioRnd((target) => {
          fills++;
          new DataView(target.buffer, target.byteOffset).setUint16(0, fills + 1, true);
        }),
    );
    const driver = machine.modernDriver();
    driver.begin(wanted);
    const queue = driver.openQueue(0);
    driver.finish();
    const idx = queue.place.driverArea + 2;
    for (let i = 0; i < queue.place.size; i++) {
      queue.writeDescriptor(i, { gpa: idx, length: 2, flags: 2, next: 0 });
      machine.memory.store(queue.place.driverArea + 4 + 2 * i, 2, i);
    }
    queue.setAvailIdx(1);
    return { machine, queue, fills: () => fills };
  }

  it.each([[[F_VERSION_1]], [[F_VERSION_1, F_EVENT_IDX]]])(
    "is served one ring's worth at a time, for as long as it likes (features %j)",
    (wanted) => {
      const { machine, queue, fills } = makeEndless(wanted);
      queue.kick();
      expect(fills()).toBe(64);
      machine.clock.advance(1000);
      expect(fills()).toBe(128);
      machine.clock.advance(10_000);
      expect(fills()).toBe(128 + 640);
      machine.modernDriver().status = 0;
      machine.clock.advance(10_000);
      expect(fills()).toBe(128 + 640);
    },
  );
});

describe("a driver that offers one chain again and again while the disk is busy", () => {
  it("gets it into flight once", () => {
    const machine = makeMachine(1_000_000);
    const driver = machine.legacyDriver(BLK);
    driver.begin();
    const blk = new BlkDriver(driver.openQueue(0));
    driver.finish();
    const { head } = blk.read(0, 512);
    for (let i = 0; i < 20; i++) {
      for (let j = 0; j < 100; j++) blk.queue.offerHead(head);
      driver.notify(0);
    }
    machine.clock.advance(10_000_000);
    expect(blk.queue.usedIdx).toBe(1);
    expect(machine.pci.warnings).toEqual([
      `vtblk: queue 0: the driver gave descriptor ${head}, which is in use`,
    ]);
  });
});
