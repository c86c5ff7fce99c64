// SPDX-License-Identifier: BSD-2-Clause
import { VmmError } from "../../base/errors.ts";
import {
  BLOCK_UNIT_BYTES,
  type BlockBackend,
  type BlockRequest,
  type BlockStatus,
} from "./block-backend.ts";

export interface MemoryBlockOptions {
  readonly isReadOnly?: boolean;
  readonly sectorBytes?: number;
  readonly physicalSectorBytes?: number;
  readonly canDiscard?: boolean;
  readonly identity?: string;
}

/** A disk in memory: a page's or a test's image. Requests are done before `submit` returns. */
export class MemoryBlockBackend implements BlockBackend {
  /** The contents, shared with whoever made it. */
  readonly bytes: Uint8Array;
  readonly isReadOnly: boolean;
  readonly sectorBytes: number;
  readonly physicalSectorBytes: number;
  readonly canDiscard: boolean;
  readonly identity: string;

  /** Keeps `bytes`. Throws ERR_BAD_IMAGE unless they are whole sectors. */
  constructor(bytes: Uint8Array, options: MemoryBlockOptions = {}) {
    this.bytes = bytes;
    this.isReadOnly = options.isReadOnly ?? false;
    this.sectorBytes = options.sectorBytes ?? BLOCK_UNIT_BYTES;
    this.physicalSectorBytes = options.physicalSectorBytes ?? this.sectorBytes;
    this.canDiscard = options.canDiscard ?? true;
    this.identity = options.identity ?? "memory";
    if (bytes.length % this.sectorBytes !== 0) {
      throw new VmmError(
        "ERR_BAD_IMAGE",
        `the disk's ${bytes.length} bytes are not a multiple of its ${this.sectorBytes}-byte sectors`,
      );
    }
  }

  get sizeBytes(): number {
    return this.bytes.length;
  }

  submit(request: BlockRequest, done: (status: BlockStatus) => void): void {
    done(this.#carryOut(request));
  }

  close(): void {}

  #carryOut(request: BlockRequest): BlockStatus {
    if (request.kind === "flush") return "ok";
    if (request.kind === "read") {
      this.#read(request.offset, request.buffers);
      return "ok";
    }
    if (this.isReadOnly) return "read-only";
    if (request.kind === "write") {
      this.#write(request.offset, request.buffers);
      return "ok";
    }
    if (request.kind === "discard" && !this.canDiscard) return "unsupported";
    this.bytes.fill(0, request.offset, request.offset + request.length);
    return "ok";
  }

  #read(start: number, buffers: readonly Uint8Array[]): void {
    let offset = start;
    for (const buffer of buffers) {
      buffer.set(this.bytes.subarray(offset, offset + buffer.length));
      offset += buffer.length;
    }
  }

  #write(start: number, buffers: readonly Uint8Array[]): void {
    let offset = start;
    for (const buffer of buffers) {
      this.bytes.set(buffer, offset);
      offset += buffer.length;
    }
  }
}
