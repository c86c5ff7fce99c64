// SPDX-License-Identifier: BSD-2-Clause
// Files that exist in memory only: what the loader's tests boot from.
import { VmmError } from "../../src/base/errors.ts";
import type { ByteSource } from "../../src/loader/byte-source.ts";
import type { FileKind, FileStat, FileSystem } from "../../src/loader/fs/file-system.ts";

/** An array of bytes as a file. Reading past the end is an error, as with every ByteSource. */
export class BytesSource implements ByteSource {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get size(): number {
    return this.#bytes.length;
  }

  read(offset: number, length: number): Uint8Array {
    if (offset < 0 || length < 0 || offset + length > this.#bytes.length) {
      throw new VmmError("ERR_BAD_IMAGE", `read of ${length} bytes at ${offset} past the end`);
    }
    return this.#bytes.slice(offset, offset + length);
  }
}

/** A filesystem made of path → content; directories exist because something is in them. */
export class MemoryFileSystem implements FileSystem {
  readonly type: string;
  readonly #files = new Map<string, Uint8Array>();

  constructor(files: Readonly<Record<string, string | Uint8Array>>, type = "ufs") {
    this.type = type;
    for (const [path, content] of Object.entries(files)) {
      this.#files.set(path, typeof content === "string" ? text(content) : content);
    }
  }

  stat(path: string): FileStat | undefined {
    const clean = normalize(path);
    const file = this.#files.get(clean);
    if (file !== undefined) return { kind: "file", size: file.length };
    return this.#isDirectory(clean) ? { kind: "directory", size: 512 } : undefined;
  }

  open(path: string): ByteSource {
    const file = this.#files.get(normalize(path));
    if (file === undefined) throw new VmmError("ERR_NOT_FOUND", `${path} does not exist`);
    return new BytesSource(file);
  }

  list(path: string): { readonly name: string; readonly kind: FileKind }[] {
    const clean = normalize(path);
    if (!this.#isDirectory(clean)) throw new VmmError("ERR_NOT_FOUND", `${path} does not exist`);
    const prefix = clean === "/" ? "/" : `${clean}/`;
    const names = new Map<string, FileKind>();
    for (const file of this.#files.keys()) {
      if (!file.startsWith(prefix)) continue;
      const [name, ...rest] = file.slice(prefix.length).split("/");
      names.set(name!, rest.length > 0 ? "directory" : "file");
    }
    return Array.from(names, ([name, kind]) => ({ name, kind }));
  }

  #isDirectory(path: string): boolean {
    const prefix = path === "/" ? "/" : `${path}/`;
    return [...this.#files.keys()].some((file) => file.startsWith(prefix));
  }
}

function normalize(path: string): string {
  return `/${path.split("/").filter(Boolean).join("/")}`;
}

function text(content: string): Uint8Array {
  return new TextEncoder().encode(content);
}
