// SPDX-License-Identifier: BSD-2-Clause
// virtio-blk, a disk. VirtIO 1.2 §5.2; bhyve: usr.sbin/bhyve/pci_virtio_block.c, block_if.c.
//
// Features, configuration and ring size are those of bhyve 13.2, with these differences. A read-only disk
// says so (VIRTIO_BLK_F_RO): a guest then mounts it read-only instead of failing at its first write. The
// used length is the number of bytes that were written, as §2.7.8.2 wants; bhyve says 1 always. Modern
// drivers are offered WRITE_ZEROES.
//
// A driver that does not accept FLUSH has a disk without a cache, as §5.2.6.2 wants: each of its writes is flushed
// before it is completed, which bhyve does not do.
//
// Up to a ring's worth of requests are in flight (schedule.ts). With a latency, each is completed that much
// guest time after its backend is done, so that a guest in virtual time sees a disk and not a RAM.
// Left out: several queues, changes of size, zoned disks, secure erase, lifetime.

import type { Clock, Timer } from "../../../base/clock.ts";
import { md5 } from "../../../base/md5.ts";
import { highHalf, lowHalf } from "../../../base/u64.ts";
import {
  BLOCK_UNIT_BYTES,
  type BlockBackend,
  type BlockRequest,
  type BlockStatus,
} from "../../backend/block-backend.ts";
import type { DescriptorChain } from "../descriptor-chain.ts";
import { VIRTIO_ID_BLOCK, type VirtioDevice, type VirtioHost } from "../device.ts";
import { VIRTIO_F_INDIRECT_DESC } from "../features.ts";
import type { Virtqueue } from "../virtqueue.ts";
import {
  BLK_HEADER_BYTES,
  MAX_DISCARD_SECTORS,
  parseBlkRequest,
  VIRTIO_BLK_S_IOERR,
  VIRTIO_BLK_S_OK,
  VIRTIO_BLK_S_UNSUPP,
  writableDataBytes,
} from "./request.ts";
import { type Ordered, RequestSchedule } from "./schedule.ts";

export const VIRTIO_BLK_F_SEG_MAX = 2;
export const VIRTIO_BLK_F_RO = 5;
export const VIRTIO_BLK_F_BLK_SIZE = 6;
export const VIRTIO_BLK_F_FLUSH = 9;
export const VIRTIO_BLK_F_TOPOLOGY = 10;
export const VIRTIO_BLK_F_DISCARD = 13;
export const VIRTIO_BLK_F_WRITE_ZEROES = 14;

const VTBLK_RINGSZ = 128;
/** Two descriptors of the ring are header and status. */
const SEG_MAX = VTBLK_RINGSZ - 2;
const CONFIG_BYTES = 60;
const IDENT_BYTES = 20;

export interface VirtioBlkOptions {
  readonly backend: BlockBackend;
  /** The ident string; without it, one is derived from the backend's identity, as in bhyve. */
  readonly serial?: string | undefined;
  readonly clock: Clock;
  /** Guest time from a backend's `done` to the completion; 0 completes at once. */
  readonly latencyNs?: number;
}

/** A request of the disk in flight. */
interface Job extends Ordered {
  readonly chain: DescriptorChain;
  readonly queue: Virtqueue;
}

/** A finished job that waits for its time. */
interface Completion {
  readonly job: Job;
  readonly status: number;
  readonly dueNs: number;
}

export class VirtioBlk implements VirtioDevice {
  readonly name = "vtblk";
  readonly deviceId = VIRTIO_ID_BLOCK;
  readonly queueSizes = [VTBLK_RINGSZ];
  readonly features: readonly number[];
  readonly modernFeatures: readonly number[];
  readonly config: Uint8Array;
  readonly #backend: BlockBackend;
  readonly #ident: Uint8Array;
  readonly #clock: Clock;
  readonly #latencyNs: number;
  readonly #timer: Timer;
  readonly #schedule = new RequestSchedule<Job>((job) => this.#start(job));
  /** In order of their due times, which is the order of the backend's. */
  #completions: Completion[] = [];
  /** A notification is being handled: the driver is told once, at its end. */
  #isDraining = false;
  #host: VirtioHost | undefined;

  constructor({ backend, serial, clock, latencyNs = 0 }: VirtioBlkOptions) {
    this.#backend = backend;
    this.#ident = identBytes(serial ?? derivedSerial(backend.identity));
    this.#clock = clock;
    this.#latencyNs = latencyNs;
    this.#timer = clock.timer(() => this.#completeDue());
    this.features = featuresOf(backend);
    this.modernFeatures = backend.isReadOnly ? [] : [VIRTIO_BLK_F_WRITE_ZEROES];
    this.config = configOf(backend);
  }

  connect(host: VirtioHost): void {
    this.#host = host;
  }

  queueNotified(queue: Virtqueue): void {
    this.#isDraining = true;
    queue.drain((chain) => this.#accept(chain, queue));
    this.#isDraining = false;
    queue.notifyDriver();
  }

  queueReset(): void {
    this.reset();
  }

  /** What is with the backend finishes there, and nobody hears of it. */
  reset(): void {
    this.#schedule.clear();
    this.#completions = [];
    this.#timer.disarm();
  }

  close(): void {
    this.#backend.close();
  }

  #accept(chain: DescriptorChain, queue: Virtqueue): void {
    const request = parseBlkRequest(chain, this.#backend);
    switch (request.kind) {
      case "malformed":
        // Without a status byte there is nothing to answer with.
        queue.push(chain, 0);
        return;
      case "refused":
        this.#answer(queue, chain, request.status, 0);
        return;
      case "get-id":
        this.#answer(queue, chain, VIRTIO_BLK_S_OK, this.#writeIdent(chain));
        return;
      case "flush":
        this.#schedule.add({ kind: "flush", start: 0, end: 0, chain, queue });
        return;
      default: {
        const { kind, offset: start, length } = request;
        this.#schedule.add({ kind, start, end: start + length, chain, queue });
      }
    }
  }

  #start(job: Job): void {
    let isLater = false;
    this.#backend.submit(backendRequest(job), (status) => {
      if (!job.queue.isCurrent(job.chain)) return;
      // Data that arrived after the views were made: what the guest decoded from there may be old.
      if (isLater && job.kind === "read") job.chain.writableViews(0, job.end - job.start);
      if (status === "ok" && this.#isStable(job)) this.#flushBehind(job);
      else this.#finished(job, statusByte(status));
    });
    isLater = true;
  }

  /** §5.2.6.2: writes of a driver that has not accepted FLUSH are on the disk when they are completed. */
  #isStable({ kind }: Job): boolean {
    const isWrite = kind !== "read" && kind !== "flush";
    return isWrite && this.#host?.hasFeature(VIRTIO_BLK_F_FLUSH) === false;
  }

  #flushBehind(job: Job): void {
    this.#backend.submit({ kind: "flush" }, (status) => {
      if (job.queue.isCurrent(job.chain)) this.#finished(job, statusByte(status));
    });
  }

  #finished(job: Job, status: number): void {
    if (this.#latencyNs === 0) {
      this.#complete(job, status);
      return;
    }
    const dueNs = this.#clock.now() + this.#latencyNs;
    this.#completions.push({ job, status, dueNs });
    if (this.#completions.length === 1) this.#timer.arm(dueNs);
  }

  #completeDue(): void {
    const now = this.#clock.now();
    for (let next = this.#completions[0]; next !== undefined; next = this.#completions[0]) {
      if (next.dueNs > now) {
        this.#timer.arm(next.dueNs);
        return;
      }
      this.#completions.shift();
      this.#complete(next.job, next.status);
    }
  }

  #complete(job: Job, status: number): void {
    const isRead = job.kind === "read" && status === VIRTIO_BLK_S_OK;
    this.#answer(job.queue, job.chain, status, isRead ? job.end - job.start : 0);
    this.#schedule.finish(job);
  }

  /** Gives a chain back. A status that follows data which was not written does not count as written. */
  #answer(queue: Virtqueue, chain: DescriptorChain, status: number, dataBytes: number): void {
    const statusOffset = writableDataBytes(chain);
    chain.writableViews(statusOffset, 1)[0]![0] = status;
    queue.push(chain, dataBytes === statusOffset ? statusOffset + 1 : dataBytes);
    if (!this.#isDraining) queue.notifyDriver();
  }

  /** The ident string, zeroes after it; how many bytes were written. */
  #writeIdent(chain: DescriptorChain): number {
    const room = writableDataBytes(chain);
    let written = 0;
    for (const view of chain.writableViews(0, room)) {
      view.fill(0);
      view.set(this.#ident.subarray(written, written + view.length));
      written += view.length;
    }
    return room;
  }
}

/** What the backend is asked to do; views on the guest's memory are made now. */
function backendRequest({ kind, start: offset, end, chain }: Job): BlockRequest {
  const length = end - offset;
  if (kind === "flush") return { kind };
  if (kind === "read") return { kind, offset, buffers: chain.writableViews(0, length) };
  if (kind === "write") {
    return { kind, offset, buffers: chain.readableViews(BLK_HEADER_BYTES, length) };
  }
  return { kind, offset, length };
}

function statusByte(status: BlockStatus): number {
  if (status === "ok") return VIRTIO_BLK_S_OK;
  return status === "unsupported" ? VIRTIO_BLK_S_UNSUPP : VIRTIO_BLK_S_IOERR;
}

function featuresOf({ isReadOnly, canDiscard }: BlockBackend): number[] {
  return [
    VIRTIO_BLK_F_SEG_MAX,
    VIRTIO_BLK_F_BLK_SIZE,
    VIRTIO_BLK_F_FLUSH,
    VIRTIO_BLK_F_TOPOLOGY,
    VIRTIO_F_INDIRECT_DESC,
    ...(isReadOnly ? [VIRTIO_BLK_F_RO] : []),
    ...(canDiscard && !isReadOnly ? [VIRTIO_BLK_F_DISCARD] : []),
  ];
}

/** §5.2.4. What is not set here is zero: no size_max, geometry, optimal sizes, cache switch. */
function configOf(backend: BlockBackend): Uint8Array {
  const { sizeBytes, sectorBytes, physicalSectorBytes, isReadOnly, canDiscard } = backend;
  const config = new DataView(new ArrayBuffer(CONFIG_BYTES));
  const capacity = Math.floor(sizeBytes / BLOCK_UNIT_BYTES);
  config.setInt32(0, lowHalf(capacity), true);
  config.setInt32(4, highHalf(capacity), true);
  config.setUint32(12, SEG_MAX, true);
  config.setUint32(20, sectorBytes, true);
  config.setUint8(24, Math.max(0, Math.log2(physicalSectorBytes / sectorBytes)));
  if (!isReadOnly && canDiscard) {
    config.setUint32(36, MAX_DISCARD_SECTORS, true);
    config.setUint32(40, 1, true);
    config.setUint32(44, Math.max(sectorBytes, physicalSectorBytes) / BLOCK_UNIT_BYTES, true);
  }
  if (!isReadOnly) {
    config.setUint32(48, MAX_DISCARD_SECTORS, true);
    config.setUint32(52, 1, true);
  }
  return new Uint8Array(config.buffer);
}

/** bhyve's name for a disk that was given none: `BHYVE-` and six bytes of its path's MD5. */
function derivedSerial(identity: string): string {
  const hex = Array.from(md5(new TextEncoder().encode(identity)).subarray(0, 6), (byte) =>
    byte.toString(16).toUpperCase().padStart(2, "0"),
  ).join("");
  return `BHYVE-${hex.slice(0, 4)}-${hex.slice(4, 8)}-${hex.slice(8, 12)}`;
}

function identBytes(serial: string): Uint8Array {
  return new TextEncoder().encode(serial).subarray(0, IDENT_BYTES);
}
