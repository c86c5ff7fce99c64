// SPDX-License-Identifier: BSD-2-Clause
// When a driver is told that its data is on the disk, the host has been told to put it there. VirtIO 1.2 §5.2.6.2.
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { VIRTIO_BLK_F_FLUSH } from "../../src/devices/virtio/block/device.ts";
import { openBlockFile } from "../../src/host/file-block-backend.ts";
import { BlkDriver, type BlkTicket, S_IOERR, S_OK } from "../support/blk-driver.ts";
import { DeferredBlockBackend } from "../support/deferred-block.ts";
import { DeviceMachine } from "../support/device-machine.ts";
import { F_VERSION_1 } from "../support/virtio-pci-driver.ts";

const SLOT = "3";
const SECTOR = new Uint8Array(512).fill(0x5a);
const LATENCY_NS = 500;

let folder: string;
beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), "tshyve-durable-"));
});
afterEach(() => fs.rmSync(folder, { recursive: true }));

type Kind = "legacy" | "modern";

/** A machine whose disk is a file, and its driver. */
function makeDisk(kind: Kind, features: readonly number[], latencyNs = 0) {
  const path = join(folder, "disk.img");
  fs.writeFileSync(path, new Uint8Array(64 * 512));
  const machine = new DeviceMachine({
    slots: [`${SLOT},virtio-blk,${path}`],
    environment: {
      diskLatencyNs: latencyNs,
      openBlock: (options) =>
        openBlockFile(options, (message) => {
          throw new Error(message);
        }),
    },
  });
  const driver = kind === "legacy" ? machine.legacyDriver(SLOT) : machine.modernDriver(SLOT);
  driver.begin([...(kind === "modern" ? [F_VERSION_1] : []), ...features]);
  const blk = new BlkDriver(driver.openQueue(0));
  driver.finish();
  return { machine, blk, close: () => machine.pci.root.close() };
}

/** What the host was asked for, in order, with what the driver had been told by then. */
function watchHost(told: () => number): string[] {
  const events: string[] = [];
  const { writevSync, fdatasyncSync } = fs;
  vi.spyOn(fs, "writevSync").mockImplementation((...args) => {
    events.push("write");
    return writevSync(...args);
  });
  vi.spyOn(fs, "fdatasyncSync").mockImplementation((fd) => {
    events.push(`sync, ${told()} told`);
    fdatasyncSync(fd);
  });
  return events;
}

describe.each<[Kind, number]>([
  ["legacy", 0],
  ["modern", 0],
  ["legacy", LATENCY_NS],
  ["modern", LATENCY_NS],
])("a %s driver's disk with a latency of %i ns", (kind, latencyNs) => {
  it("is synced by the host behind the writes and before a flush is completed", () => {
    const { machine, blk, close } = makeDisk(kind, [VIRTIO_BLK_F_FLUSH], latencyNs);
    const events = watchHost(() => blk.queue.usedIdx);
    const write = blk.write(3, SECTOR);
    blk.kick();
    machine.clock.advance(latencyNs);
    expect([events, blk.status(write)]).toEqual([["write"], S_OK]);
    const flush = blk.flush();
    blk.kick();
    machine.clock.advance(latencyNs);
    expect([events, blk.status(flush)]).toEqual([["write", "sync, 1 told"], S_OK]);
    close();
  });

  it("flushes writes that were submitted with the flush first", () => {
    const { machine, blk, close } = makeDisk(kind, [VIRTIO_BLK_F_FLUSH], latencyNs);
    const events = watchHost(() => 0);
    blk.write(3, SECTOR);
    blk.write(9, SECTOR);
    const flush = blk.flush();
    blk.kick();
    machine.clock.advance(4 * latencyNs);
    expect(events).toEqual(["write", "write", "sync, 0 told"]);
    expect(blk.status(flush)).toBe(S_OK);
    close();
  });

  it("has no cache if the driver did not accept FLUSH: each write is synced before it is completed", () => {
    const { machine, blk, close } = makeDisk(kind, [], latencyNs);
    const events = watchHost(() => blk.queue.usedIdx);
    const write = blk.write(3, SECTOR);
    blk.kick();
    machine.clock.advance(latencyNs);
    expect([events, blk.status(write)]).toEqual([["write", "sync, 0 told"], S_OK]);
    const read = blk.read(3, 512);
    blk.kick();
    machine.clock.advance(latencyNs);
    expect([events.length, blk.status(read)]).toEqual([2, S_OK]);
    close();
  });

  it("says that a flush failed if the host could not sync", () => {
    const { machine, blk, close } = makeDisk(kind, [VIRTIO_BLK_F_FLUSH], latencyNs);
    vi.spyOn(fs, "fdatasyncSync").mockImplementation(() => {
      throw Object.assign(new Error("EIO: i/o error, fdatasync"), { code: "EIO" });
    });
    const flush = blk.flush();
    blk.kick();
    machine.clock.advance(latencyNs);
    expect(blk.status(flush)).toBe(S_IOERR);
    close();
  });
});

describe("a disk whose backend takes its time", () => {
  /** A driver with the features, and what the backend waits with. */
  function makeDeferred(features: readonly number[]) {
    const backend = new DeferredBlockBackend(new Uint8Array(64 * 512));
    const machine = new DeviceMachine({
      slots: [`${SLOT},virtio-blk,/disk`],
      environment: { openBlock: () => backend },
    });
    const driver = machine.legacyDriver(SLOT);
    driver.begin(features);
    const blk = new BlkDriver(driver.openQueue(0));
    driver.finish();
    const isBack = ({ head }: BlkTicket) => blk.queue.readUsed().some((used) => used.head === head);
    return { backend, blk, isBack };
  }

  it("completes a flush when the backend has, and not before", () => {
    const { backend, blk, isBack } = makeDeferred([VIRTIO_BLK_F_FLUSH]);
    const flush = blk.flush();
    blk.kick();
    expect(isBack(flush)).toBe(false);
    backend.held[0]!.release();
    expect(isBack(flush)).toBe(true);
  });

  it("completes a write without FLUSH when the backend has written and flushed", () => {
    const { backend, blk, isBack } = makeDeferred([]);
    const write = blk.write(1, SECTOR);
    blk.kick();
    backend.held[0]!.release();
    expect(isBack(write)).toBe(false);
    backend.held[0]!.release();
    expect(isBack(write)).toBe(true);
  });
});
