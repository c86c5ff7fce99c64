// SPDX-License-Identifier: BSD-2-Clause
// Plays a guest's virtio-blk driver on one queue. VirtIO 1.2 §5.2.6.
import type { UsedElement, VirtqueueDriver } from "./virtqueue-driver.ts";

export const T_IN = 0;
export const T_OUT = 1;
export const T_FLUSH = 4;
export const T_GET_ID = 8;
export const T_DISCARD = 11;
export const T_WRITE_ZEROES = 13;

export const S_OK = 0;
export const S_IOERR = 1;
export const S_UNSUPP = 2;
/** What the status byte holds until the device writes it. */
export const S_NONE = 0xff;

/** A request that was made available. */
export interface BlkTicket {
  readonly head: number;
  readonly dataGpa: number;
  readonly dataBytes: number;
  readonly statusGpa: number;
}

export interface BlkAnswer {
  readonly status: number;
  readonly writtenBytes: number;
  readonly data: Uint8Array;
}

export class BlkDriver {
  readonly queue: VirtqueueDriver;
  /** Puts requests into indirect tables. */
  isIndirect = false;

  constructor(queue: VirtqueueDriver) {
    this.queue = queue;
  }

  /** Asks for `bytes` from `sector` on. */
  read(sector: number, bytes: number): BlkTicket {
    return this.#add(T_IN, sector, { toDriver: bytes });
  }

  write(sector: number, data: Uint8Array): BlkTicket {
    return this.#add(T_OUT, sector, { toDevice: data });
  }

  flush(): BlkTicket {
    return this.#add(T_FLUSH, 0, {});
  }

  getId(bytes = 20): BlkTicket {
    return this.#add(T_GET_ID, 0, { toDriver: bytes });
  }

  /** DISCARD or WRITE_ZEROES of one segment. */
  segment(type: number, sector: number, sectors: number, flags = 0): BlkTicket {
    return this.#add(type, 0, { toDevice: segmentBytes(sector, sectors, flags) });
  }

  /** A request of any type. */
  raw(type: number, sector: number, data: { toDevice?: Uint8Array; toDriver?: number }): BlkTicket {
    return this.#add(type, sector, data);
  }

  /** Tells the device. */
  kick(): void {
    this.queue.kick();
  }

  /** The status byte now, whether or not the request came back. */
  status({ statusGpa }: BlkTicket): number {
    return this.queue.heap.memory.load(statusGpa, 1);
  }

  /** Kicks, and reads the answer of a request that has to come back at once. */
  finish(ticket: BlkTicket): BlkAnswer {
    this.queue.kick();
    const used = this.queue.readUsed().find(({ head }) => head === ticket.head);
    if (used === undefined) throw new Error(`request ${ticket.head} did not come back`);
    return this.answer(ticket, used);
  }

  answer(ticket: BlkTicket, { writtenBytes }: UsedElement): BlkAnswer {
    const data = this.queue.heap.memory.readable(ticket.dataGpa, ticket.dataBytes)!.slice();
    return { status: this.status(ticket), writtenBytes, data };
  }

  #add(
    type: number,
    sector: number,
    { toDevice, toDriver = 0 }: { toDevice?: Uint8Array; toDriver?: number },
  ): BlkTicket {
    const { heap } = this.queue;
    const headerGpa = heap.place(headerBytes(type, sector));
    const dataBytes = toDevice?.length ?? toDriver;
    const dataGpa = toDevice === undefined ? heap.allocate(toDriver) : heap.place(toDevice);
    const statusGpa = heap.place(Uint8Array.of(S_NONE));
    const data = { gpa: dataGpa, length: dataBytes, isWritable: toDevice === undefined };
    const head = this.queue.addChain(
      [
        { gpa: headerGpa, length: 16, isWritable: false },
        ...(dataBytes > 0 ? [data] : []),
        { gpa: statusGpa, length: 1, isWritable: true },
      ],
      this.isIndirect,
    );
    return { head, dataGpa, dataBytes, statusGpa };
  }
}

/** struct virtio_blk_req's readable beginning. */
export function headerBytes(type: number, sector: number): Uint8Array {
  const header = new DataView(new ArrayBuffer(16));
  header.setUint32(0, type, true);
  header.setBigUint64(8, BigInt(sector), true);
  return new Uint8Array(header.buffer);
}

/** struct virtio_blk_discard_write_zeroes. */
export function segmentBytes(sector: number, sectors: number, flags: number): Uint8Array {
  const segment = new DataView(new ArrayBuffer(16));
  segment.setBigUint64(0, BigInt(sector), true);
  segment.setUint32(8, sectors, true);
  segment.setUint32(12, flags, true);
  return new Uint8Array(segment.buffer);
}
