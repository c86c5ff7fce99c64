// SPDX-License-Identifier: BSD-2-Clause
import { beforeEach, describe, expect, it } from "vitest";
import { GuestHeap, VirtqueueDriver } from "../../../test/support/virtqueue-driver.ts";
import { GuestMemory, MIB } from "../../mmu/guest-memory.ts";
import type { DescriptorChain } from "./descriptor-chain.ts";
import { FeatureSet, VIRTIO_F_EVENT_IDX, VIRTIO_F_INDIRECT_DESC } from "./features.ts";
import { Virtqueue } from "./virtqueue.ts";

const SIZE = 8;

let memory: GuestMemory;
let heap: GuestHeap;
let queue: Virtqueue;
let features: FeatureSet;
let driver: VirtqueueDriver;
let interrupts: number;
let resumes: number;
let refusals: string[];
/** What the owner answers to a broken ring. */
let stopsWhenBroken: boolean;

beforeEach(() => {
  memory = new GuestMemory(32 * MIB);
  heap = new GuestHeap(memory, MIB);
  features = new FeatureSet([VIRTIO_F_INDIRECT_DESC]);
  interrupts = resumes = 0;
  refusals = [];
  stopsWhenBroken = true;
  open();
});

function open(firstIdx = 0): void {
  queue = new Virtqueue({
    index: 0,
    maxSize: 2 * SIZE,
    memory,
    features,
    owner: {
      interrupt: () => interrupts++,
      broken: (_, reason) => {
        refusals.push(reason);
        return stopsWhenBroken;
      },
      resume: () => resumes++,
    },
  });
  const place = {
    size: SIZE,
    descriptorArea: heap.allocate(16 * SIZE),
    driverArea: heap.allocate(6 + 2 * SIZE),
    deviceArea: heap.allocate(6 + 8 * SIZE),
  };
  expect(queue.enable(SIZE, place)).toBeUndefined();
  const hasEventIndex = features.has(VIRTIO_F_EVENT_IDX);
  const notify = () => {};
  driver = new VirtqueueDriver({ ...place, heap, hasEventIndex, notify, firstIdx });
  queue.nextAvail = queue.nextUsed = firstIdx;
}

function addBuffer(): number {
  return driver.addChain([{ gpa: 0x1000, length: 16, isWritable: true }]);
}

/** Takes every chain and gives it back at once. */
function serve(): number[] {
  const heads: number[] = [];
  queue.drain((chain) => {
    heads.push(chain.head);
    queue.push(chain, 16);
  });
  queue.notifyDriver();
  return heads;
}

describe("a virtqueue", () => {
  it("hands chains out in the order they were made available, and gives them back in any", () => {
    const heads = [addBuffer(), addBuffer(), addBuffer()];
    const chains: DescriptorChain[] = [];
    queue.drain((chain) => chains.push(chain));
    expect(chains.map(({ head }) => head)).toEqual(heads);
    for (const index of [2, 0, 1]) queue.push(chains[index]!, index);
    expect(driver.readUsed()).toEqual([
      { head: heads[2], writtenBytes: 2 },
      { head: heads[0], writtenBytes: 0 },
      { head: heads[1], writtenBytes: 1 },
    ]);
  });

  it("goes on when the indices wrap at 65536", () => {
    open(0xfff4);
    for (let round = 0; round < 3; round++) {
      const heads = Array.from({ length: SIZE }, addBuffer);
      expect(serve()).toEqual(heads);
      expect(driver.readUsed().map(({ head }) => head)).toEqual(heads);
    }
    expect(queue.nextUsed).toBe(0x000c);
    expect(refusals).toEqual([]);
  });

  it("takes chains by pop, one at a time", () => {
    const head = addBuffer();
    expect(queue.pop()?.head).toBe(head);
    expect(queue.pop()).toBeUndefined();
  });

  it.each([
    ["a size that is no power of two", { size: 6 }, "a ring of 6 entries"],
    ["no entries", { size: 0 }, "a ring of 0 entries"],
    ["more entries than it has", { size: 32 }, "a ring of 32 entries"],
    ["an unaligned table", { descriptorArea: 0x1008 }, "a ring that is not aligned"],
    ["an odd driver area", { driverArea: 0x2001 }, "a ring that is not aligned"],
    ["an unaligned device area", { deviceArea: 0x3002 }, "a ring that is not aligned"],
    [
      "a table beyond the RAM",
      { descriptorArea: 32 * MIB - 16 },
      "a ring outside the guest's memory",
    ],
    ["a driver area nowhere", { driverArea: 2 ** 63 }, "a ring outside the guest's memory"],
    ["a device area above the RAM", { deviceArea: 2 ** 40 }, "a ring outside the guest's memory"],
  ])("does not start with %s", (_, change, reason) => {
    const place = { descriptorArea: 0x1000, driverArea: 0x2000, deviceArea: 0x3000, ...change };
    expect(queue.enable("size" in change ? change.size : SIZE, place)).toBe(reason);
    expect(queue.isReady).toBe(false);
    expect(queue.pop()).toBeUndefined();
  });
});

describe("interrupts of a virtqueue", () => {
  it("come once for what was given back together, and not for nothing", () => {
    addBuffer();
    addBuffer();
    serve();
    expect(interrupts).toBe(1);
    queue.notifyDriver();
    expect(interrupts).toBe(1);
  });

  it("stay away while the driver says so in the available ring's flags (§2.7.7.2)", () => {
    driver.suppressInterrupts(true);
    addBuffer();
    serve();
    expect(interrupts).toBe(0);
    driver.suppressInterrupts(false);
    addBuffer();
    serve();
    expect(interrupts).toBe(1);
  });

  it("come when used_event is passed, with the event index (§2.7.7.2)", () => {
    features.setWord(0, 2 ** VIRTIO_F_EVENT_IDX);
    open();
    driver.setUsedEvent(2);
    for (const expected of [0, 0, 1, 1]) {
      addBuffer();
      serve();
      expect(interrupts).toBe(expected);
    }
    driver.setUsedEvent(4);
    for (let i = 0; i < 3; i++) addBuffer();
    serve();
    expect(interrupts).toBe(2);
  });
});

describe("notifications with the event index (§2.7.10)", () => {
  it("are asked for at the next index, when the queue has been emptied", () => {
    features.setWord(0, 2 ** VIRTIO_F_EVENT_IDX);
    open();
    addBuffer();
    addBuffer();
    serve();
    expect(driver.availEvent).toBe(2);
    addBuffer();
    expect(driver.kick()).toBe(true);
    addBuffer();
    expect(driver.kick()).toBe(false);
  });

  it("are not missed for a chain that comes while the last one is handled", () => {
    features.setWord(0, 2 ** VIRTIO_F_EVENT_IDX);
    open();
    addBuffer();
    const heads: number[] = [];
    queue.drain(({ head }) => {
      heads.push(head);
      if (heads.length === 1) addBuffer();
    });
    expect(heads).toHaveLength(2);
    expect(driver.availEvent).toBe(2);
    expect(resumes).toBe(0);
  });
});

describe("a ring's worth of work", () => {
  it("is the most that one notification does: the rest is asked for later", () => {
    for (let i = 0; i < SIZE; i++) addBuffer();
    let handled = 0;
    queue.drain((chain) => {
      queue.push(chain, 0);
      driver.readUsed();
      addBuffer();
      handled++;
    });
    expect(handled).toBe(SIZE);
    expect(resumes).toBe(1);
  });

  it("needs no second visit when nothing is left", () => {
    for (let i = 0; i < SIZE; i++) addBuffer();
    serve();
    expect(resumes).toBe(0);
  });
});

describe("a ring that the driver broke", () => {
  it("stops for good when more chains are available than it has entries", () => {
    stopsWhenBroken = false;
    driver.setAvailIdx(SIZE + 1);
    expect(serve()).toEqual([]);
    expect(refusals).toEqual(["9 available chains in a ring of 8"]);
    driver.setAvailIdx(1);
    expect(serve()).toEqual([]);
    expect(queue.isReady).toBe(false);
  });

  it("stops at a broken chain if the owner wants it", () => {
    driver.offerHead(SIZE);
    addBuffer();
    expect(serve()).toEqual([]);
    expect(refusals).toEqual(["descriptor 8 of a table of 8"]);
    expect(queue.isBroken).toBe(true);
  });

  it("goes on behind it if the owner does not", () => {
    stopsWhenBroken = false;
    driver.offerHead(0xffff);
    const head = addBuffer();
    expect(serve()).toEqual([head]);
    expect(queue.isBroken).toBe(false);
  });

  it("does not get a chain taken twice", () => {
    stopsWhenBroken = false;
    const head = addBuffer();
    driver.offerHead(head);
    expect(queue.pop()?.head).toBe(head);
    expect(queue.pop()).toBeUndefined();
    expect(refusals).toEqual([`descriptor ${head}, which is in use`]);
  });
});

describe("a reset of a virtqueue", () => {
  it("makes what was taken before it harmless", () => {
    addBuffer();
    const chain = queue.pop()!;
    expect(queue.isCurrent(chain)).toBe(true);
    queue.enable(SIZE, driver.place);
    expect(queue.isCurrent(chain)).toBe(false);
    queue.push(chain, 16);
    queue.notifyDriver();
    expect(driver.usedIdx).toBe(0);
    expect(interrupts).toBe(0);
  });
});
