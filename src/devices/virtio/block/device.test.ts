// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import {
  BlkDriver,
  S_IOERR,
  S_NONE,
  S_OK,
  S_UNSUPP,
  T_DISCARD,
  T_WRITE_ZEROES,
} from "../../../../test/support/blk-driver.ts";
import { DeferredBlockBackend } from "../../../../test/support/deferred-block.ts";
import { VirtioMachine } from "../../../../test/support/virtio-machine.ts";
import type { BlockBackend } from "../../backend/block-backend.ts";
import { MemoryBlockBackend, type MemoryBlockOptions } from "../../backend/memory-block.ts";
import { VIRTIO_BLK_F_FLUSH, VirtioBlk, type VirtioBlkOptions } from "./device.ts";

const SECTORS = 64;

function makeMachine(backend: BlockBackend, options: Partial<VirtioBlkOptions> = {}) {
  const machine = new VirtioMachine((clock) => new VirtioBlk({ backend, clock, ...options }));
  const pci = machine.legacyDriver();
  pci.begin([VIRTIO_BLK_F_FLUSH, 28]);
  const blk = new BlkDriver(pci.openQueue(0));
  pci.finish();
  return { machine, pci, blk };
}

function makeDisk(options: MemoryBlockOptions = {}) {
  const bytes = Uint8Array.from({ length: SECTORS * 512 }, (_, i) => (i >> 9) + 1);
  const backend = new MemoryBlockBackend(bytes, options);
  return { bytes, backend };
}

const filled = (bytes: number, value: number) => new Uint8Array(bytes).fill(value);

describe("virtio-blk's configuration (VirtIO 1.2 §5.2.4)", () => {
  it("is that of bhyve 13.2 for a file of 512-byte sectors on 4 KiB blocks", () => {
    const { backend } = makeDisk({ physicalSectorBytes: 4096, canDiscard: false });
    const { pci } = makeMachine(backend);
    expect(pci.readConfig(0, 4)).toBe(SECTORS);
    expect(pci.readConfig(4, 4)).toBe(0);
    expect(pci.readConfig(8, 4)).toBe(0);
    expect(pci.readConfig(12, 4)).toBe(126);
    expect(pci.readConfig(16, 4)).toBe(0);
    expect(pci.readConfig(20, 4)).toBe(512);
    expect(pci.readConfig(24, 1)).toBe(3);
    expect(pci.readConfig(25, 1)).toBe(0);
    expect(pci.readConfig(32, 1)).toBe(0);
    expect([36, 40, 44].map((offset) => pci.readConfig(offset, 4))).toEqual([0, 0, 0]);
    expect(pci.read(0, 4)).toBe(0x1000_0644);
    expect(pci.queueSize(0)).toBe(128);
  });

  it("has the discard fields of a backend that can", () => {
    const { backend } = makeDisk({ sectorBytes: 4096 });
    const { pci } = makeMachine(backend);
    expect(pci.readConfig(20, 4)).toBe(4096);
    expect([36, 40, 44].map((offset) => pci.readConfig(offset, 4))).toEqual([32768, 1, 8]);
    expect(pci.read(0, 4)).toBe(0x1000_2644);
  });

  it("says that a read-only disk is one", () => {
    const { backend } = makeDisk({ isReadOnly: true });
    const { pci, blk } = makeMachine(backend);
    expect(pci.read(0, 4)).toBe(0x1000_0664);
    expect(blk.finish(blk.write(0, filled(512, 1))).status).toBe(S_IOERR);
    expect(blk.finish(blk.segment(T_WRITE_ZEROES, 0, 1)).status).toBe(S_IOERR);
  });

  it("cannot be written", () => {
    const { pci } = makeMachine(makeDisk().backend);
    pci.writeConfig(0, 4, 7);
    pci.writeConfig(32, 1, 1);
    expect(pci.readConfig(0, 4)).toBe(SECTORS);
    expect(pci.readConfig(32, 1)).toBe(0);
  });

  it("counts sectors of disks beyond 2 TiB in both halves", () => {
    const backend = { ...makeDisk().backend, sizeBytes: 2 ** 42 + 512, close() {}, submit() {} };
    const { config } = new VirtioMachine((clock) => new VirtioBlk({ backend, clock })).virtio
      .transport.device;
    const view = new DataView(config.buffer);
    expect([view.getUint32(0, true), view.getUint32(4, true)]).toEqual([1, 2]);
  });
});

describe("virtio-blk", () => {
  it("reads sectors, and reports the bytes it wrote, status included (§2.7.8.2)", () => {
    const { blk } = makeMachine(makeDisk().backend);
    const { status, writtenBytes, data } = blk.finish(blk.read(3, 1024));
    expect(status).toBe(S_OK);
    expect(writtenBytes).toBe(1025);
    expect(data.subarray(0, 512)).toEqual(filled(512, 4));
    expect(data.subarray(512)).toEqual(filled(512, 5));
  });

  it("writes sectors, from indirect tables too", () => {
    const { bytes, backend } = makeDisk();
    const { blk } = makeMachine(backend);
    blk.isIndirect = true;
    expect(blk.finish(blk.write(10, filled(1024, 0xaa)))).toMatchObject({
      status: S_OK,
      writtenBytes: 1,
    });
    expect(bytes.subarray(5120, 6144)).toEqual(filled(1024, 0xaa));
    expect(bytes[5119]).toBe(10);
    expect(bytes[6144]).toBe(13);
  });

  it("zeroes and discards", () => {
    const { bytes, backend } = makeDisk();
    const { blk } = makeMachine(backend);
    expect(blk.finish(blk.segment(T_DISCARD, 0, 2)).status).toBe(S_OK);
    expect(blk.finish(blk.segment(T_WRITE_ZEROES, 4, 1, 1)).status).toBe(S_OK);
    expect([0, 2, 4, 5].map((sector) => bytes[sector * 512])).toEqual([0, 3, 0, 6]);
  });

  it("answers a discard that the backend cannot do as unsupported", () => {
    const { blk } = makeMachine(makeDisk({ canDiscard: false }).backend);
    expect(blk.finish(blk.segment(T_DISCARD, 0, 2)).status).toBe(S_UNSUPP);
  });

  it("claims no data in the used length when a read fails", () => {
    const { blk } = makeMachine(makeDisk().backend);
    expect(blk.finish(blk.read(SECTORS, 512))).toMatchObject({ status: S_IOERR, writtenBytes: 0 });
  });

  it("gives a chain without a status byte back unanswered", () => {
    const { blk } = makeMachine(makeDisk().backend);
    const head = blk.queue.addChain([{ gpa: 0x1000, length: 16, isWritable: false }]);
    blk.kick();
    expect(blk.queue.readUsed()).toEqual([{ head, writtenBytes: 0 }]);
  });

  it.each([
    // The MD5 of the path begins with fc3ca324e502 (computed with md5sum).
    [undefined, "BHYVE-FC3C-A324-E502"],
    ["WD-42", "WD-42"],
    ["a serial number of too many bytes", "a serial number of t"],
  ])("with serial number %s is called %s", (serial, ident) => {
    const { backend } = makeDisk({ identity: "/vm/disk.img" });
    const { blk } = makeMachine(backend, { serial });
    const { writtenBytes, data } = blk.finish(blk.getId());
    expect(new TextDecoder().decode(data)).toBe(ident.padEnd(20, "\0"));
    expect(writtenBytes).toBe(21);
  });

  it("cuts its ident string to the buffer, and zeroes a longer one", () => {
    const { blk } = makeMachine(makeDisk().backend, { serial: "ABCDEF" });
    expect(blk.finish(blk.getId(4)).data).toEqual(Uint8Array.of(65, 66, 67, 68));
    const long = blk.finish(blk.getId(40)).data;
    expect(long.subarray(6)).toEqual(new Uint8Array(34));
  });

  it("interrupts once for all that one notification finished", () => {
    const { machine, blk } = makeMachine(makeDisk().backend);
    for (let i = 0; i < 5; i++) blk.read(i, 512);
    blk.kick();
    expect(blk.queue.readUsed()).toHaveLength(5);
    expect(machine.interrupts.level("ioapic 16")).toBe(1);
  });

  it("closes its backend with the function", () => {
    const backend = new DeferredBlockBackend(new Uint8Array(512));
    makeMachine(backend).machine.pci.root.close();
    expect(backend.isClosed).toBe(true);
  });
});

describe("virtio-blk with a backend that takes its time", () => {
  function makeDeferred() {
    const backend = new DeferredBlockBackend(new Uint8Array(SECTORS * 512));
    return { backend, ...makeMachine(backend) };
  }

  it("completes requests in the order they are done, with an interrupt each", () => {
    const { backend, blk, machine, pci } = makeDeferred();
    const tickets = [blk.read(0, 512), blk.read(1, 512), blk.read(2, 512)];
    blk.kick();
    expect(backend.waiting).toEqual(["read 0", "read 512", "read 1024"]);
    expect(machine.interrupts.level("ioapic 16")).toBe(0);
    backend.held[2]!.release();
    expect(machine.interrupts.level("ioapic 16")).toBe(1);
    expect(pci.readIsr()).toBe(1);
    backend.held[0]!.release();
    expect(pci.readIsr()).toBe(1);
    expect(blk.queue.readUsed().map(({ head }) => head)).toEqual([
      tickets[2]!.head,
      tickets[0]!.head,
    ]);
    expect(blk.status(tickets[1]!)).toBe(S_NONE);
  });

  it("holds a read back behind a write of the same sectors", () => {
    const { backend, blk } = makeDeferred();
    blk.write(4, filled(1024, 7));
    const read = blk.read(5, 512);
    blk.kick();
    expect(backend.waiting).toEqual(["write 2048"]);
    backend.held[0]!.release();
    expect(backend.waiting).toEqual(["read 2560"]);
    backend.held[0]!.release();
    const used = blk.queue.readUsed();
    expect(blk.answer(read, used[1]!).data).toEqual(filled(512, 7));
  });

  it("flushes when every earlier write is done", () => {
    const { backend, blk } = makeDeferred();
    blk.write(0, filled(512, 1));
    blk.write(8, filled(512, 1));
    blk.flush();
    blk.kick();
    backend.held[1]!.release();
    expect(backend.waiting).toEqual(["write 0"]);
    backend.held[0]!.release();
    expect(backend.waiting).toEqual(["flush"]);
  });

  it("turns the backend's failures into status bytes", () => {
    const { backend, blk } = makeDeferred();
    const tickets = [blk.read(0, 512), blk.write(8, filled(512, 0)), blk.flush()];
    blk.kick();
    backend.held[0]!.release("error");
    backend.held[0]!.release("read-only");
    backend.held[0]!.release("unsupported");
    expect(tickets.map((ticket) => blk.status(ticket))).toEqual([S_IOERR, S_IOERR, S_UNSUPP]);
  });

  it("lets nobody hear of requests that were in flight at a reset", () => {
    const { backend, blk, pci, machine } = makeDeferred();
    const ticket = blk.read(0, 512);
    blk.write(0, filled(512, 9));
    blk.kick();
    pci.begin();
    const fresh = new BlkDriver(pci.openQueue(0));
    pci.finish();
    backend.held[0]!.release();
    expect(backend.waiting).toEqual([]);
    expect(blk.status(ticket)).toBe(S_NONE);
    expect(blk.queue.usedIdx).toBe(0);
    expect(machine.interrupts.asserted).toEqual([]);
    const again = fresh.read(0, 512);
    fresh.kick();
    backend.held[0]!.release();
    expect(fresh.status(again)).toBe(S_OK);
    expect(fresh.queue.readUsed()).toHaveLength(1);
  });

  it("tells the CPU of data that came after the request was taken", () => {
    const { backend, blk, machine } = makeDeferred();
    const ticket = blk.read(0, 512);
    blk.kick();
    const written: number[] = [];
    machine.memory.pageFlags.fill(2);
    machine.memory.codeWriteListener = (gpa) => written.push(gpa);
    backend.held[0]!.release();
    expect(written).toContain(ticket.dataGpa);
  });
});

describe("virtio-blk with a latency", () => {
  const latencyNs = 100_000;

  it("completes a request that long after it was made", () => {
    const { machine, blk } = makeMachine(makeDisk().backend, { latencyNs });
    const ticket = blk.read(0, 512);
    blk.kick();
    machine.clock.advance(latencyNs - 1);
    expect(blk.status(ticket)).toBe(S_NONE);
    machine.clock.advance(1);
    expect(blk.status(ticket)).toBe(S_OK);
    expect(machine.interrupts.level("ioapic 16")).toBe(1);
  });

  it("overlaps requests, and makes those that share sectors wait for each other", () => {
    const { machine, blk } = makeMachine(makeDisk().backend, { latencyNs });
    const first = blk.write(0, filled(512, 0x11));
    const behind = blk.read(0, 512);
    blk.kick();
    machine.clock.advance(latencyNs / 2);
    const beside = blk.read(8, 512);
    blk.kick();
    machine.clock.advance(latencyNs / 2);
    expect([first, behind, beside].map((t) => blk.status(t))).toEqual([S_OK, S_NONE, S_NONE]);
    machine.clock.advance(latencyNs / 2);
    expect([behind, beside].map((t) => blk.status(t))).toEqual([S_NONE, S_OK]);
    machine.clock.advance(latencyNs / 2);
    expect(blk.status(behind)).toBe(S_OK);
  });

  it("forgets its timer at a reset", () => {
    const { machine, blk, pci } = makeMachine(makeDisk().backend, { latencyNs });
    const ticket = blk.read(0, 512);
    blk.kick();
    pci.begin();
    expect(machine.clock.nextDeadline()).toBe(Number.POSITIVE_INFINITY);
    machine.clock.advance(latencyNs);
    expect(blk.status(ticket)).toBe(S_NONE);
  });
});
