// SPDX-License-Identifier: BSD-2-Clause
// A disk whose changes are forgotten: what is written stays in memory, what lies below is only read.
import type { BlockBackend, BlockRequest, BlockStatus } from "./block-backend.ts";

const CLUSTER_BYTES = 64 * 1024;

type Transfer = Extract<BlockRequest, { kind: "read" | "write" }>;

export class SnapshotBlockBackend implements BlockBackend {
  readonly sizeBytes: number;
  readonly sectorBytes: number;
  readonly physicalSectorBytes: number;
  readonly isReadOnly = false;
  readonly canDiscard = true;
  readonly identity: string;
  readonly #base: BlockBackend;
  /** Whole clusters that differ from the base, by number; the last may reach beyond the disk. */
  readonly #changed = new Map<number, Uint8Array>();

  /** Owns `base`, which must carry out reads before `submit` returns. */
  constructor(base: BlockBackend) {
    this.#base = base;
    this.sizeBytes = base.sizeBytes;
    this.sectorBytes = base.sectorBytes;
    this.physicalSectorBytes = base.physicalSectorBytes;
    this.identity = base.identity;
  }

  submit(request: BlockRequest, done: (status: BlockStatus) => void): void {
    if (request.kind === "flush") done("ok");
    else if (request.kind === "read" || request.kind === "write") done(this.#transfer(request));
    else done(this.#zero(request.offset, request.length));
  }

  close(): void {
    this.#base.close();
  }

  #transfer({ kind, offset, buffers }: Transfer): BlockStatus {
    let at = offset;
    for (const buffer of buffers) {
      for (let done = 0; done < buffer.length; ) {
        const inCluster = CLUSTER_BYTES - (at % CLUSTER_BYTES);
        const piece = buffer.subarray(done, done + inCluster);
        const status = kind === "read" ? this.#read(at, piece) : this.#write(at, piece);
        if (status !== "ok") return status;
        done += piece.length;
        at += piece.length;
      }
    }
    return "ok";
  }

  /** Never across a cluster's end. */
  #read(at: number, target: Uint8Array): BlockStatus {
    const changed = this.#changed.get(Math.floor(at / CLUSTER_BYTES));
    if (changed === undefined) return this.#readBase(at, target);
    const start = at % CLUSTER_BYTES;
    target.set(changed.subarray(start, start + target.length));
    return "ok";
  }

  #write(at: number, source: Uint8Array): BlockStatus {
    const cluster = this.#cluster(Math.floor(at / CLUSTER_BYTES));
    if (typeof cluster === "string") return cluster;
    cluster.set(source, at % CLUSTER_BYTES);
    return "ok";
  }

  #zero(offset: number, length: number): BlockStatus {
    for (let done = 0; done < length; ) {
      const at = offset + done;
      const start = at % CLUSTER_BYTES;
      const count = Math.min(CLUSTER_BYTES - start, length - done);
      const cluster = this.#cluster(Math.floor(at / CLUSTER_BYTES));
      if (typeof cluster === "string") return cluster;
      cluster.fill(0, start, start + count);
      done += count;
    }
    return "ok";
  }

  /** The cluster to be changed, copied from the base the first time. */
  #cluster(number: number): Uint8Array | Exclude<BlockStatus, "ok"> {
    const known = this.#changed.get(number);
    if (known !== undefined) return known;
    const cluster = new Uint8Array(CLUSTER_BYTES);
    const at = number * CLUSTER_BYTES;
    const inDisk = Math.min(CLUSTER_BYTES, this.sizeBytes - at);
    const status = this.#readBase(at, cluster.subarray(0, inDisk));
    if (status !== "ok") return status;
    this.#changed.set(number, cluster);
    return cluster;
  }

  #readBase(offset: number, target: Uint8Array): BlockStatus {
    let result: BlockStatus = "error";
    this.#base.submit({ kind: "read", offset, buffers: [target] }, (status) => {
      result = status;
    });
    return result;
  }
}
