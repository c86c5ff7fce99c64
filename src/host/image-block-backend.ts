// SPDX-License-Identifier: BSD-2-Clause
import type { Warn } from "../base/warn.ts";
import {
  BLOCK_UNIT_BYTES,
  type BlockBackend,
  type BlockRequest,
  type BlockStatus,
} from "../devices/backend/block-backend.ts";
import type { BlockFileOptions } from "../devices/virtio/block/options.ts";
import { DEFAULT_PHYSICAL_BYTES } from "./file-block-backend.ts";
import type { Qcow2Image } from "./qcow2/image.ts";

/** A disk in an image that has a format of its own. Requests are done before `submit` returns. */
export class ImageBlockBackend implements BlockBackend {
  readonly sizeBytes: number;
  readonly sectorBytes: number;
  readonly physicalSectorBytes: number;
  readonly isReadOnly: boolean;
  readonly canDiscard = false;
  readonly identity: string;
  readonly #image: Qcow2Image;
  readonly #isWriteThrough: boolean;
  readonly #warn: Warn;
  #hasWarned = false;

  /** Owns the image. `warn` hears of the first thing that goes wrong with it. */
  constructor(image: Qcow2Image, options: BlockFileOptions, warn: Warn) {
    this.#image = image;
    this.sizeBytes = image.sizeBytes;
    this.isReadOnly = image.isReadOnly;
    this.sectorBytes = options.sectorSize?.logicalBytes ?? BLOCK_UNIT_BYTES;
    this.physicalSectorBytes = options.sectorSize?.physicalBytes ?? DEFAULT_PHYSICAL_BYTES;
    this.identity = options.path;
    this.#isWriteThrough = options.isSync || options.isUncached;
    this.#warn = warn;
  }

  submit(request: BlockRequest, done: (status: BlockStatus) => void): void {
    done(this.#carryOut(request));
  }

  close(): void {
    this.#attempt(() => this.#image.close());
  }

  #carryOut(request: BlockRequest): BlockStatus {
    const { kind } = request;
    if (this.isReadOnly && kind !== "read" && kind !== "flush") return "read-only";
    if (kind === "discard") return "unsupported";
    return this.#attempt(() => {
      if (kind === "flush") this.#image.flush();
      else if (kind === "write-zeroes") {
        this.#image.writeZeroes(request.offset, request.length);
      } else {
        let { offset } = request;
        for (const buffer of request.buffers) {
          this.#image[kind](offset, buffer);
          offset += buffer.length;
        }
      }
      if (this.#isWriteThrough && kind !== "read") this.#image.flush();
    });
  }

  /** To the guest all that goes wrong is an error of the medium. */
  #attempt(action: () => void): BlockStatus {
    try {
      action();
      return "ok";
    } catch (error) {
      if (!this.#hasWarned) this.#warn((error as Error).message);
      this.#hasWarned = true;
      return "error";
    }
  }
}
