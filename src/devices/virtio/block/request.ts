// SPDX-License-Identifier: BSD-2-Clause
// What a driver's chain asks of a disk. VirtIO 1.2 §5.2.6. Parsing alone: nothing is carried out here.
//
//   readable   0 type u32   4 reserved u32   8 sector u64   16 … data (OUT), or a segment to discard
//   writable   … data (IN, GET_ID)   last byte: status
//
// Where the descriptors' borders lie does not matter (§2.7.4); bhyve wants header and status alone in
// theirs. Sectors are of 512 bytes, whatever the disk's are.
import { pairToNumber } from "../../../base/u64.ts";
import { BLOCK_UNIT_BYTES } from "../../backend/block-backend.ts";
import type { DescriptorChain } from "../descriptor-chain.ts";

const VIRTIO_BLK_T_IN = 0;
const VIRTIO_BLK_T_OUT = 1;
const VIRTIO_BLK_T_FLUSH = 4;
/** A flush of old drivers. */
const VIRTIO_BLK_T_FLUSH_OUT = 5;
const VIRTIO_BLK_T_GET_ID = 8;
const VIRTIO_BLK_T_DISCARD = 11;
const VIRTIO_BLK_T_WRITE_ZEROES = 13;
/** Or'ed into the type by drivers that know barriers, which no device offers any more. */
const VIRTIO_BLK_T_BARRIER = 0x8000_0000;

export const VIRTIO_BLK_S_OK = 0;
export const VIRTIO_BLK_S_IOERR = 1;
export const VIRTIO_BLK_S_UNSUPP = 2;

export const BLK_HEADER_BYTES = 16;
const BLK_STATUS_BYTES = 1;
const SEGMENT_BYTES = 16;
/** Of WRITE_ZEROES: the device may free the space. */
const WRITE_ZEROES_FLAG_UNMAP = 1;

/** Of one DISCARD or WRITE_ZEROES request; bhyve bounds it so that no request takes long. */
export const MAX_DISCARD_SECTORS = 32768;

type TransferKind = "read" | "write";
type SegmentKind = "discard" | "write-zeroes";

export type BlkRequest =
  /** Bytes of the disk, for the chain's data. */
  | { readonly kind: TransferKind | SegmentKind; readonly offset: number; readonly length: number }
  | { readonly kind: "flush" | "get-id" }
  /** To be answered with that status. */
  | { readonly kind: "refused"; readonly status: number }
  /** No request at all: header or status byte is missing. */
  | { readonly kind: "malformed" };

/** What of the disk decides whether a request can be. */
export interface BlkLimits {
  readonly sizeBytes: number;
  readonly isReadOnly: boolean;
  readonly canDiscard: boolean;
}

const IOERR = { kind: "refused", status: VIRTIO_BLK_S_IOERR } as const;
const UNSUPP = { kind: "refused", status: VIRTIO_BLK_S_UNSUPP } as const;

/** Total: every chain is some request. */
export function parseBlkRequest(chain: DescriptorChain, limits: BlkLimits): BlkRequest {
  const header = chain.copyReadable(0, BLK_HEADER_BYTES);
  if (header === undefined || chain.writableBytes < BLK_STATUS_BYTES) return { kind: "malformed" };
  const view = new DataView(header.buffer);
  const type = (view.getUint32(0, true) & ~VIRTIO_BLK_T_BARRIER) >>> 0;
  const sector = pairToNumber(view.getUint32(8, true), view.getUint32(12, true));
  switch (type) {
    case VIRTIO_BLK_T_IN:
      return parseTransfer("read", sector, chain, limits);
    case VIRTIO_BLK_T_OUT:
      return parseTransfer("write", sector, chain, limits);
    case VIRTIO_BLK_T_FLUSH:
    case VIRTIO_BLK_T_FLUSH_OUT:
      return { kind: "flush" };
    case VIRTIO_BLK_T_GET_ID:
      return { kind: "get-id" };
    case VIRTIO_BLK_T_DISCARD:
      return limits.canDiscard ? parseSegment("discard", chain, limits) : UNSUPP;
    case VIRTIO_BLK_T_WRITE_ZEROES:
      return parseSegment("write-zeroes", chain, limits);
    default:
      return UNSUPP;
  }
}

/** Bytes of the chain that carry data towards the driver. */
export function writableDataBytes(chain: DescriptorChain): number {
  return chain.writableBytes - BLK_STATUS_BYTES;
}

/** Data goes one way only, in whole sectors, inside the disk. */
function parseTransfer(
  kind: TransferKind,
  sector: number,
  chain: DescriptorChain,
  limits: BlkLimits,
): BlkRequest {
  const toDriver = writableDataBytes(chain);
  const toDevice = chain.readableBytes - BLK_HEADER_BYTES;
  const [length, wrongWay] = kind === "read" ? [toDriver, toDevice] : [toDevice, toDriver];
  const offset = sector * BLOCK_UNIT_BYTES;
  if (wrongWay !== 0 || length % BLOCK_UNIT_BYTES !== 0) return IOERR;
  if (kind === "write" && limits.isReadOnly) return IOERR;
  return offset + length <= limits.sizeBytes ? { kind, offset, length } : IOERR;
}

/** §5.2.6.2: one segment of sector u64, number of sectors u32, flags u32. */
function parseSegment(kind: SegmentKind, chain: DescriptorChain, limits: BlkLimits): BlkRequest {
  const bytes = chain.copyReadable(BLK_HEADER_BYTES, SEGMENT_BYTES);
  if (bytes === undefined || chain.readableBytes !== BLK_HEADER_BYTES + SEGMENT_BYTES) return IOERR;
  const view = new DataView(bytes.buffer);
  const allowedFlags = kind === "discard" ? 0 : WRITE_ZEROES_FLAG_UNMAP;
  if ((view.getUint32(12, true) & ~allowedFlags) !== 0) return UNSUPP;
  const sectors = view.getUint32(8, true);
  const offset = pairToNumber(view.getUint32(0, true), view.getUint32(4, true)) * BLOCK_UNIT_BYTES;
  const length = sectors * BLOCK_UNIT_BYTES;
  if (limits.isReadOnly || sectors > MAX_DISCARD_SECTORS) return IOERR;
  return offset + length <= limits.sizeBytes ? { kind, offset, length } : IOERR;
}
