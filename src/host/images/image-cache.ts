// SPDX-License-Identifier: BSD-2-Clause
// Fetched images, in the user's cache: TSHYVE_CACHE, or below XDG_CACHE_HOME or ~/.cache.
//
//   <cache>/images/ENTRY/FILE          whole, checked, unpacked: it appears under this name by being renamed
//   <cache>/images/ENTRY/FILE.part     what has come so far, and FILE.part.json where from
//   <cache>/images/ENTRY/FILE.unpacked what is being unpacked
//   <cache>/images/ENTRY/complete.json names of the files, when all are there
//   <cache>/images/ENTRY/lock          who is at it
import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { VmmError } from "../../base/errors.ts";
import { hostError } from "../host-error.ts";
import { makeDirectory } from "../make-directory.ts";
import { isAlive, type ProcessIdentity, processIdentity } from "../process-identity.ts";
import { XzDecoder } from "../xz/xz-decoder.ts";
import type { ImageEntry, Place } from "./catalog.ts";
import { MAX_CHECKSUM_FILE_BYTES, type PublishedSum, parseChecksumFile } from "./checksum-file.ts";
import { discardPart, download } from "./download.ts";
import { httpGet } from "./http-client.ts";
import type { Environment } from "./proxy.ts";
import { SparseFile } from "./sparse-file.ts";

/** What a fetch is busy with, for somebody who waits. */
export interface FetchStep {
  readonly what: "downloading" | "checking" | "unpacking";
  readonly file: string;
  readonly done: number;
  readonly total: number | undefined;
}

export interface FetchOptions {
  readonly env: Environment;
  /** Instead of the publisher's server: a URL below which the paths are the same. */
  readonly mirror?: string | undefined;
  readonly report: (step: FetchStep) => void;
  readonly idleMs?: number;
  readonly retryMs?: number;
}

const COMPLETE = "complete.json";
const PIECE_BYTES = 1024 * 1024;
const DEFAULT_IDLE_MS = 60_000;
const DEFAULT_RETRY_MS = 2000;

export function cacheDirectory(env: Environment = process.env): string {
  if (env["TSHYVE_CACHE"]) return path.resolve(env["TSHYVE_CACHE"]);
  return path.join(env["XDG_CACHE_HOME"] || path.join(os.homedir(), ".cache"), "tshyve");
}

export class ImageCache {
  readonly #directory: string;

  constructor(directory = cacheDirectory()) {
    this.#directory = path.join(directory, "images");
  }

  /** Paths of an entry's files, if all are there. */
  find({ name }: ImageEntry): string[] | undefined {
    const folder = path.join(this.#directory, name);
    const files = readList(path.join(folder, COMPLETE))?.map((file) => path.join(folder, file));
    return files?.every((file) => fs.existsSync(file)) ? files : undefined;
  }

  /**
   * Downloads what is not there, checks it against the publisher's checksums and unpacks it; the files' paths. Rejects
   * with a VmmError of one sentence; what has come is kept, and the next fetch goes on.
   */
  async fetch(entry: ImageEntry, options: FetchOptions): Promise<string[]> {
    const found = this.find(entry);
    if (found !== undefined) return found;
    const folder = path.join(this.#directory, entry.name);
    attempt(`make ${folder}`, () => makeDirectory(folder));
    const unlock = lock(folder);
    try {
      const { base, sums } = await publishedSums(entry, options);
      const paths: string[] = [];
      for (const sum of sums) {
        paths.push(await this.#fetchFile(folder, base, sum, { entry, options }));
      }
      writeList(path.join(folder, COMPLETE), paths);
      return paths;
    } finally {
      unlock();
    }
  }

  async #fetchFile(
    folder: string,
    base: string,
    { file, sum }: PublishedSum,
    { entry, options }: { entry: ImageEntry; options: FetchOptions },
  ): Promise<string> {
    const packed = path.join(folder, path.posix.basename(file));
    const target = packed.replace(/\.xz$/, "");
    if (fs.existsSync(target)) return target;
    const part = `${packed}.part`;
    const url = new URL(file, base).href;
    const { env, idleMs = DEFAULT_IDLE_MS, retryMs = DEFAULT_RETRY_MS, report } = options;
    await download(url, part, {
      ...{ env, idleMs, retryMs },
      progress: (done, total) => report({ what: "downloading", file, done, total }),
    });
    const { algorithm } = entry.checksums;
    const found = await hashOf(part, algorithm, (done, total) =>
      report({ what: "checking", file, done, total }),
    );
    if (found !== sum) {
      discardPart(part);
      throw new VmmError(
        "ERR_BAD_IMAGE",
        `${url} is not what its publisher's ${entry.checksums.file} says (${algorithm} ${found.slice(0, 16)}…, expected ${sum.slice(0, 16)}…): it was thrown away, fetch it again`,
      );
    }
    if (target === packed) attempt(`write ${target}`, () => fs.renameSync(part, target));
    else
      await unpack(part, target, (done, total) => report({ what: "unpacking", file, done, total }));
    discardPart(part);
    return target;
  }
}

function readList(file: string): string[] | undefined {
  try {
    const names: unknown = JSON.parse(fs.readFileSync(file, "utf8"));
    const isList = Array.isArray(names) && names.every((name) => typeof name === "string");
    return isList ? names.map((name) => path.basename(name)) : undefined;
  } catch {
    return undefined;
  }
}

function writeList(file: string, paths: readonly string[]): void {
  attempt(`write ${file}`, () => {
    fs.writeFileSync(`${file}.new`, JSON.stringify(paths.map((each) => path.basename(each))));
    fs.renameSync(`${file}.new`, file);
  });
}

/** From the first place that has the entry. A mirror is the only place. */
async function publishedSums(entry: ImageEntry, options: FetchOptions) {
  const { mirror } = options;
  const places: readonly Place[] =
    mirror === undefined
      ? entry.places
      : [{ root: mirror.endsWith("/") ? mirror : `${mirror}/`, path: entry.places[0]!.path }];
  let missing: unknown;
  for (const { root, path: below } of places) {
    const base = `${root}${below}`;
    try {
      const text = await readText(`${base}${entry.checksums.file}`, options);
      return { base, sums: chosen(entry, text, base) };
    } catch (error) {
      if (!(error instanceof VmmError) || error.code !== "ERR_NOT_FOUND") throw error;
      missing ??= error;
    }
  }
  throw missing;
}

function chosen({ checksums, files }: ImageEntry, text: string, base: string): PublishedSum[] {
  const sums = parseChecksumFile(text, checksums.algorithm);
  return files.map(({ published }) => {
    const found = sums.find(({ file }) => published.test(file));
    if (found !== undefined) return found;
    const sentence = `${base}${checksums.file} names no file that is wanted: it may have been renamed`;
    throw new VmmError("ERR_NOT_FOUND", sentence);
  });
}

async function readText(url: string, options: FetchOptions): Promise<string> {
  const { env, idleMs = DEFAULT_IDLE_MS } = options;
  const response = await httpGet(url, {}, { env, idleMs });
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > MAX_CHECKSUM_FILE_BYTES) break;
    }
  } catch (cause) {
    throw new VmmError("ERR_IO", `${url} broke off: ${(cause as Error).message}`, { cause });
  } finally {
    response.destroy();
  }
  return Buffer.concat(chunks).toString("utf8");
}

type Progress = (done: number, total: number) => void;

async function hashOf(file: string, algorithm: string, progress: Progress): Promise<string> {
  const hash = createHash(algorithm);
  await eachPiece(file, (piece) => hash.update(piece), progress);
  return hash.digest("hex");
}

async function unpack(packed: string, target: string, progress: Progress): Promise<void> {
  const draft = `${target}.unpacked`;
  const output = new SparseFile(draft);
  try {
    const decoder = new XzDecoder(packed, (bytes) => output.write(bytes));
    await eachPiece(packed, (piece) => decoder.push(piece), progress);
    decoder.finish();
    output.finish();
  } catch (error) {
    output.close();
    fs.rmSync(draft, { force: true });
    throw error;
  }
  attempt(`write ${target}`, () => fs.renameSync(draft, target));
}

/** Reads a file from front to end, and lets others have their turn in between. */
async function eachPiece(file: string, use: (piece: Uint8Array) => void, progress: Progress) {
  const piece = new Uint8Array(PIECE_BYTES);
  const fd = attempt(`open ${file}`, () => fs.openSync(file, "r"));
  try {
    const total = fs.fstatSync(fd).size;
    for (let done = 0; done < total; ) {
      const count = attempt(`read ${file}`, () => fs.readSync(fd, piece, 0, piece.length, done));
      if (count === 0) break;
      use(piece.subarray(0, count));
      done += count;
      progress(done, total);
      await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    fs.closeSync(fd);
  }
}

/** One process at a time. The returned function lets the next one in. */
function lock(folder: string): () => void {
  const file = path.join(folder, "lock");
  const mine = JSON.stringify(processIdentity());
  for (let tries = 0; tries < 2; tries++) {
    try {
      fs.writeFileSync(file, mine, { flag: "wx" });
      return () => fs.rmSync(file, { force: true });
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "EEXIST")
        throw hostError(`write ${file}`, cause);
    }
    const owner = ownerOf(file);
    if (owner !== undefined && isAlive(owner)) {
      const sentence = `process ${owner.pid} is fetching into ${folder} already: wait for it`;
      throw new VmmError("ERR_VM_BUSY", sentence);
    }
    fs.rmSync(file, { force: true });
  }
  throw new VmmError("ERR_VM_BUSY", `somebody else is fetching into ${folder}: wait for them`);
}

function ownerOf(file: string): ProcessIdentity | undefined {
  try {
    const { pid, started } = JSON.parse(fs.readFileSync(file, "utf8")) as Record<string, unknown>;
    return typeof pid === "number" && typeof started === "string" ? { pid, started } : undefined;
  } catch {
    return undefined;
  }
}

function attempt<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw hostError(what, cause);
  }
}
