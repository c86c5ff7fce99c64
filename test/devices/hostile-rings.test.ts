// SPDX-License-Identifier: BSD-2-Clause
// Rings that no driver should make, one fault at a time, by both interfaces: the device refuses, touches nothing but
// what it may, asks its disk for nothing that is not there, and serves a decent driver after a reset. VirtIO 1.2
// §2.7.4 to §2.7.10 and §5.2.6 say what a driver must not do.
import { describe, expect, it } from "vitest";
import { MemoryBlockBackend } from "../../src/devices/backend/memory-block.ts";
import { MIB } from "../../src/mmu/guest-memory.ts";
import { BlkDriver, headerBytes, S_OK, T_IN, T_OUT } from "../support/blk-driver.ts";
import { DeviceMachine } from "../support/device-machine.ts";
import { F_EVENT_IDX, F_VERSION_1 } from "../support/virtio-pci-driver.ts";
import {
  DESC_F_INDIRECT,
  DESC_F_NEXT,
  DESC_F_WRITE,
  type VirtqueueDriver,
} from "../support/virtqueue-driver.ts";

const F_INDIRECT = 28;
const SLOT = "3";
const RAM = 32 * MIB;
const SECTORS = 64;
/** Where this test's headers, buffers and tables are; nothing else of the guest's is below 1 MiB. */
const HEADER = 0x8_0000;
const STATUS = 0x8_1000;
const BUFFER = 0x8_2000;
const TABLE = 0x8_8000;
const ALL_ONES = 0xffff_ffff;
/** The last address there is, as a descriptor says it: 2^64 - 4096. */
const TOP = 2 ** 64 - 4096;

type Kind = "legacy" | "modern";

/** Writes a fault into the ring and makes it available. */
interface Fault {
  readonly what: string;
  readonly offer: (queue: VirtqueueDriver) => void;
}

const NEXT = DESC_F_NEXT;
const WRITE = DESC_F_WRITE;

/** The descriptors of a request: `header` and `status` as they should be, and what is between. */
function chain(
  queue: VirtqueueDriver,
  middle: readonly { gpa: number; length: number; flags?: number; next?: number }[],
  { table, first = 0 }: { table?: number; first?: number } = {},
): void {
  const write = (index: number, gpa: number, length: number, flags: number, next: number) =>
    queue.writeDescriptor(index, { gpa, length, flags, next }, table);
  write(first, HEADER, 16, NEXT, first + 1);
  middle.forEach(({ gpa, length, flags = NEXT | WRITE, next }, i) => {
    write(first + 1 + i, gpa, length, flags, next ?? first + 2 + i);
  });
  write(first + 1 + middle.length, STATUS, 1, WRITE, 0);
}

const offered =
  (prepare: (queue: VirtqueueDriver) => void, head = 0) =>
  (queue: VirtqueueDriver) => {
    prepare(queue);
    queue.offerHead(head);
  };

const withBuffer = (gpa: number, length: number, flags?: number) =>
  offered((queue) => chain(queue, [{ gpa, length, ...(flags === undefined ? {} : { flags }) }]));

const indirect = (length: number, gpa = TABLE, flags = DESC_F_INDIRECT) =>
  offered((queue) => queue.writeDescriptor(0, { gpa, length, flags, next: 1 }));

const indirectTable = (prepare: (queue: VirtqueueDriver) => void, count: number) =>
  offered((queue) => {
    prepare(queue);
    const length = 16 * count;
    queue.writeDescriptor(0, { gpa: TABLE, length, flags: DESC_F_INDIRECT, next: 0 });
  });

const FAULTS: readonly Fault[] = [
  { what: "a buffer behind the end of RAM", offer: withBuffer(RAM, 512) },
  { what: "a buffer across the end of RAM", offer: withBuffer(RAM - 256, 512) },
  { what: "a buffer in the hole below 4 GiB", offer: withBuffer(0xfee0_0000, 512) },
  { what: "a buffer at the end of the address space", offer: withBuffer(TOP, 8192) },
  { what: "a buffer of 4 GiB", offer: withBuffer(0, ALL_ONES) },
  { what: "a buffer to be read behind one to be written", offer: withBuffer(BUFFER, 512, NEXT) },
  {
    what: "buffers of more than 4 GiB in all",
    offer: offered((queue) =>
      chain(
        queue,
        Array.from({ length: 120 }, () => ({ gpa: 0, length: RAM })),
      ),
    ),
  },
  {
    what: "a chain that loops",
    offer: offered((queue) => chain(queue, [{ gpa: BUFFER, length: 512, next: 1 }])),
  },
  {
    what: "a chain that comes back to its head",
    offer: offered((queue) => chain(queue, [{ gpa: BUFFER, length: 512, next: 0 }])),
  },
  {
    what: "a chain that leaves its table",
    offer: offered((queue) => chain(queue, [{ gpa: BUFFER, length: 512, next: 0xffff }])),
  },
  { what: "a head that there is not", offer: offered(() => {}, 0xfff0) },
  { what: "a header that is outside of RAM", offer: offered((queue) => headerAt(queue, RAM, 16)) },
  { what: "a header that is too short", offer: offered((queue) => headerAt(queue, HEADER, 8)) },
  {
    what: "a request without a status",
    offer: offered((queue) =>
      queue.writeDescriptor(0, { gpa: HEADER, length: 16, flags: 0, next: 0 }),
    ),
  },
  {
    what: "a status alone",
    offer: offered((queue) =>
      queue.writeDescriptor(0, { gpa: STATUS, length: 1, flags: WRITE, next: 0 }),
    ),
  },
  { what: "an index that runs ahead", offer: (queue) => queue.setAvailIdx(0x7fff) },
  { what: "an index that falls behind", offer: (queue) => queue.setAvailIdx(0xffff) },
  { what: "an indirect table of no entries", offer: indirect(0) },
  { what: "an indirect table of half an entry", offer: indirect(24) },
  { what: "an indirect table outside of RAM", offer: indirect(64, RAM) },
  { what: "an indirect table across the end of RAM", offer: indirect(64, RAM - 32) },
  { what: "an indirect table of 4 GiB", offer: indirect(0xffff_fff0) },
  {
    what: "a chain that goes on behind a table",
    offer: indirect(48, TABLE, DESC_F_INDIRECT | NEXT),
  },
  {
    what: "a table in a table",
    offer: indirectTable(
      (queue) =>
        chain(queue, [{ gpa: TABLE, length: 48, flags: DESC_F_INDIRECT }], { table: TABLE }),
      3,
    ),
  },
  {
    what: "a table that loops",
    offer: indirectTable(
      (queue) => chain(queue, [{ gpa: BUFFER, length: 512, next: 1 }], { table: TABLE }),
      3,
    ),
  },
  {
    what: "a table that leaves itself",
    offer: indirectTable(
      (queue) => chain(queue, [{ gpa: BUFFER, length: 512, next: 3 }], { table: TABLE }),
      3,
    ),
  },
  {
    what: "a table of more buffers than a chain may have",
    offer: indirectTable((queue) => {
      const buffers = Array.from({ length: 600 }, () => ({ gpa: BUFFER, length: 1 }));
      chain(queue, buffers, { table: TABLE });
    }, 602),
  },
];

function headerAt(queue: VirtqueueDriver, gpa: number, length: number): void {
  queue.writeDescriptor(0, { gpa, length, flags: NEXT, next: 1 });
  queue.writeDescriptor(1, { gpa: BUFFER, length: 512, flags: NEXT | WRITE, next: 2 });
  queue.writeDescriptor(2, { gpa: STATUS, length: 1, flags: WRITE, next: 0 });
}

function makeMachine(kind: Kind, features: readonly number[]) {
  const requests: string[] = [];
  const disk = new MemoryBlockBackend(new Uint8Array(SECTORS * 512).fill(0x11));
  const submit = disk.submit.bind(disk);
  disk.submit = (request, done) => {
    requests.push(request.kind);
    submit(request, done);
  };
  const machine = new DeviceMachine({
    slots: [`${SLOT},virtio-blk,/disk`],
    environment: { openBlock: () => disk },
  });
  const driver = kind === "legacy" ? machine.legacyDriver(SLOT) : machine.modernDriver(SLOT);
  driver.begin([...(kind === "modern" ? [F_VERSION_1] : []), ...features]);
  const queue = driver.openQueue(0);
  driver.finish();
  machine.memory.write(HEADER, headerBytes(T_IN, 0));
  return { machine, queue, requests };
}

/** RAM, but for what a device may write of a queue: the used ring. */
function untouchable({ memory }: DeviceMachine, { place }: VirtqueueDriver): Uint8Array {
  const ram = memory.readable(0, RAM)!.slice();
  ram.fill(0, place.deviceArea, place.deviceArea + 6 + 8 * place.size);
  return ram;
}

describe.each<[Kind, readonly number[]]>([
  ["legacy", [F_INDIRECT]],
  ["modern", [F_INDIRECT]],
  ["modern", [F_INDIRECT, F_EVENT_IDX]],
])("a %s ring with features %j", (kind, features) => {
  it.each(FAULTS.map((fault) => [fault.what, fault] as const))(
    "with %s is refused, and nothing else comes of it",
    (_what, fault) => {
      const { machine, queue, requests } = makeMachine(kind, features);
      fault.offer(queue);
      const before = untouchable(machine, queue);
      queue.kick();
      machine.clock.advance(1_000_000);
      const after = untouchable(machine, queue);
      // An answer is a status byte, where there is one.
      before[STATUS] = after[STATUS]!;
      expect(Buffer.compare(after, before)).toBe(0);
      expect(requests).toEqual([]);
      expect(machine.pci.warnings.length).toBeLessThan(4);
      expectService(machine, kind);
    },
  );

  it("with sectors that the disk does not have is answered with an error", () => {
    const { machine, queue, requests } = makeMachine(kind, features);
    for (const sector of [SECTORS - 1, SECTORS, 2 ** 32, 2 ** 52, 2 ** 55]) {
      for (const type of [T_IN, T_OUT]) {
        machine.memory.write(HEADER, headerBytes(type, sector));
        machine.memory.store(STATUS, 1, 0xff);
        const flags = type === T_IN ? NEXT | WRITE : NEXT;
        chain(queue, [{ gpa: BUFFER, length: 1024, flags }]);
        queue.offerHead(0);
        queue.kick();
        expect(machine.memory.load(STATUS, 1)).toBe(1);
      }
    }
    expect(requests).toEqual([]);
  });
});

function expectService(machine: DeviceMachine, kind: Kind): void {
  machine.pci.root.reset();
  const driver = kind === "legacy" ? machine.legacyDriver(SLOT) : machine.modernDriver(SLOT);
  driver.begin(kind === "modern" ? [F_VERSION_1] : []);
  const blk = new BlkDriver(driver.openQueue(0));
  driver.finish();
  const { status, data } = blk.finish(blk.read(3, 512));
  expect([status, data]).toEqual([S_OK, new Uint8Array(512).fill(0x11)]);
}
