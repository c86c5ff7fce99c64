// SPDX-License-Identifier: BSD-2-Clause
import { inflateRawSync } from "node:zlib";
import { badImage } from "./header.ts";
import type { ImageFile } from "./image-file.ts";

/** Clusters are read in small pieces by guests; inflating one again for each would be slow. */
const MOST_CLUSTERS = 16;

/** Compressed clusters of an image, inflated: the last few of them are kept. */
export class CompressedClusters {
  readonly #file: ImageFile;
  readonly #clusterBytes: number;
  /** By offset in the file, the least recently used first. */
  readonly #inflated = new Map<number, Uint8Array>();

  constructor(file: ImageFile, clusterBytes: number) {
    this.#file = file;
    this.#clusterBytes = clusterBytes;
  }

  /** The cluster whose data is there, borrowed. Throws ERR_BAD_IMAGE if it does not inflate to one cluster. */
  read({ offset, length }: { readonly offset: number; readonly length: number }): Uint8Array {
    const known = this.#inflated.get(offset);
    const cluster = known ?? this.#inflate(offset, length);
    this.#inflated.delete(offset);
    this.#inflated.set(offset, cluster);
    if (this.#inflated.size > MOST_CLUSTERS) {
      this.#inflated.delete(this.#inflated.keys().next().value!);
    }
    return cluster;
  }

  /** The data ends somewhere in its last sector, and that is cut off where the file ends. */
  #inflate(offset: number, length: number): Uint8Array {
    const available = Math.min(length, this.#file.sizeBytes - offset);
    if (available <= 0) throw badImage(this.#file, "compressed data lies outside the file");
    const data = new Uint8Array(available);
    this.#file.read(offset, data);
    let cluster: Uint8Array;
    try {
      cluster = inflateRawSync(data, { maxOutputLength: this.#clusterBytes });
    } catch (cause) {
      throw badImage(this.#file, `compressed data does not inflate: ${(cause as Error).message}`);
    }
    if (cluster.length === this.#clusterBytes) return cluster;
    throw badImage(this.#file, `compressed data is of ${cluster.length} bytes, and not a cluster`);
  }
}
