// SPDX-License-Identifier: BSD-2-Clause
// Where there is no `kernel`, `kernel.gz` will do (stand/libsa/gzipfs.c).
import { VmmError } from "../../base/errors.ts";
import type { ByteSource } from "../byte-source.ts";
import { memorySource } from "../disk/memory-source.ts";
import type { DirectoryEntry, FileStat, FileSystem } from "./file-system.ts";

/**
 * Inflates a gzip file whole. Throws ERR_BAD_IMAGE if it is damaged or inflates to more than `limit` bytes.
 * The host has one; the core brings none of its own.
 */
export type Gunzip = (bytes: Uint8Array, limit: number) => Uint8Array;

/** No kernel, module or memory disk that the loader takes is larger when inflated. */
const MAX_INFLATED_BYTES = 256 << 20;
/** Names for which no other name is tried. */
const COMPRESSED_NAME = /\.(gz|bz2|split)$/;

/** Another filesystem, where a file that is not there is looked for once more under its name and `.gz`. */
export class GzipFileSystem implements FileSystem {
  readonly #inner: FileSystem;
  readonly #gunzip: Gunzip;
  /** The file inflated last: it is asked for its size, then opened. */
  #last: { readonly path: string; readonly content: ByteSource } | undefined;

  constructor(inner: FileSystem, gunzip: Gunzip) {
    this.#inner = inner;
    this.#gunzip = gunzip;
  }

  get type(): string {
    return this.#inner.type;
  }

  stat(path: string): FileStat | undefined {
    const plain = this.#inner.stat(path);
    if (plain !== undefined) return plain;
    const content = this.#inflated(path);
    return content === undefined ? undefined : { kind: "file", size: content.size };
  }

  open(path: string): ByteSource {
    const plain = this.#inner.stat(path);
    const content = plain === undefined ? this.#inflated(path) : undefined;
    return content ?? this.#inner.open(path);
  }

  list(path: string): DirectoryEntry[] {
    return this.#inner.list(path);
  }

  /** Undefined if there is no compressed file for that name either. */
  #inflated(path: string): ByteSource | undefined {
    if (this.#last?.path === path) return this.#last.content;
    if (path.endsWith("/") || COMPRESSED_NAME.test(path)) return undefined;
    const compressedPath = `${path}.gz`;
    const stat = this.#inner.stat(compressedPath);
    if (stat?.kind !== "file") return undefined;
    if (stat.size > MAX_INFLATED_BYTES) {
      const sentence = `${compressedPath} is ${stat.size} bytes: no more than ${MAX_INFLATED_BYTES} are inflated`;
      throw new VmmError("ERR_BAD_IMAGE", sentence);
    }
    const compressed = this.#inner.open(compressedPath).read(0, stat.size);
    const content = memorySource(this.#gunzipped(compressed, compressedPath), compressedPath);
    this.#last = { path, content };
    return content;
  }

  #gunzipped(compressed: Uint8Array, path: string): Uint8Array {
    try {
      return this.#gunzip(compressed, MAX_INFLATED_BYTES);
    } catch (error) {
      if (!(error instanceof VmmError)) throw error;
      throw new VmmError(error.code, `${path}: ${error.message}`, { cause: error });
    }
  }
}
