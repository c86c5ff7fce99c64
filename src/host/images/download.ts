// SPDX-License-Identifier: BSD-2-Clause
// A file from a server into a file of ours, going on where an earlier try ended. Beside the part there is a note of
// where it came from and of the server's word for that version (RFC 9110 13.1.5, If-Range): a part of an older
// version is thrown away by the same request that would have gone on with it.
import fs from "node:fs";
import type { IncomingMessage } from "node:http";
import { VmmError } from "../../base/errors.ts";
import { hostError } from "../host-error.ts";
import { connectionError, type HttpOptions, httpGet } from "./http-client.ts";

export interface DownloadOptions extends HttpOptions {
  /** Between two tries. */
  readonly retryMs: number;
  /** `total` is undefined where the server does not say. */
  readonly progress: (done: number, total: number | undefined) => void;
}

interface Note {
  readonly url: string;
  readonly version: string;
}

/** Tries in a row that bring nothing before it is given up. */
const MOST_VAIN_TRIES = 3;

/** The connection ended before the file did. */
class Interrupted extends VmmError {}

/** Resolves when `part` has the whole file. Rejects with a VmmError; what has come so far is kept. */
export async function download(url: string, part: string, options: DownloadOptions): Promise<void> {
  for (let vain = 0; ; ) {
    const before = sizeOf(part);
    try {
      await attempt(url, part, options);
      return;
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
      vain = sizeOf(part) > before ? 0 : vain + 1;
      if (vain === MOST_VAIN_TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, options.retryMs));
    }
  }
}

/** Forgets a part. */
export function discardPart(part: string): void {
  fs.rmSync(part, { force: true });
  fs.rmSync(noteOf(part), { force: true });
}

async function attempt(url: string, part: string, options: DownloadOptions): Promise<void> {
  const note = readNote(part);
  const isKnown = note?.url === url;
  const have = isKnown ? sizeOf(part) : 0;
  const headers: Record<string, string> =
    have > 0 && isKnown ? { range: `bytes=${have}-`, "if-range": note.version } : {};
  const response = await httpGet(url, headers, options);
  if (response.statusCode === 416) {
    // The part is as long as the file, or longer than it is now.
    response.resume();
    if (response.headers["content-range"] === `bytes */${have}`) return;
    discardPart(part);
    throw new Interrupted("ERR_IO", `${url} has changed meanwhile: fetch it again`);
  }
  const start = response.statusCode === 206 ? rangeStart(response, have) : 0;
  if (start === undefined) {
    response.destroy();
    throw new VmmError("ERR_IO", `${url} cannot be had: its server sends another part than asked`);
  }
  writeNote(part, url, response);
  await receive(response, { url, part, start, options });
}

interface Receipt {
  readonly url: string;
  readonly part: string;
  readonly start: number;
  readonly options: DownloadOptions;
}

async function receive(response: IncomingMessage, receipt: Receipt): Promise<void> {
  const { url, part, start, options } = receipt;
  const announced = response.headers["content-length"];
  const total = announced === undefined ? undefined : start + Number(announced);
  const fd = inFile(`write ${part}`, () => fs.openSync(part, start > 0 ? "r+" : "w", 0o644));
  let done = start;
  try {
    options.progress(done, total);
    for await (const chunk of response as AsyncIterable<Buffer>) {
      writeAll(fd, chunk, done, part);
      done += chunk.length;
      options.progress(done, total);
    }
  } catch (error) {
    if (error instanceof VmmError) throw error;
    const { message } = connectionError(new URL(url), error as NodeJS.ErrnoException);
    throw new Interrupted("ERR_IO", `${message} (${done} bytes are kept for the next time)`);
  } finally {
    response.destroy();
    fs.closeSync(fd);
  }
  if (total === undefined || done === total) return;
  const sentence = `${url} ended after ${done} of ${total} bytes, which are kept for the next time`;
  throw new Interrupted("ERR_IO", sentence);
}

/** Where the part begins that was sent; undefined if that is not where ours ends. */
function rangeStart(response: IncomingMessage, have: number): number | undefined {
  const start = /^bytes (\d+)-/.exec(response.headers["content-range"] ?? "")?.[1];
  return start !== undefined && Number(start) === have ? have : undefined;
}

function writeAll(fd: number, chunk: Uint8Array, offset: number, part: string): void {
  for (let done = 0; done < chunk.length; ) {
    done += inFile(`write ${part}`, () =>
      fs.writeSync(fd, chunk, done, chunk.length - done, offset + done),
    );
  }
}

/** Without a word for the version, nothing can be gone on with: the note then fits nothing. */
function writeNote(part: string, url: string, { headers }: IncomingMessage): void {
  const etag = headers.etag?.startsWith("W/") === true ? undefined : headers.etag;
  const version = etag ?? headers["last-modified"];
  const file = noteOf(part);
  if (version === undefined) fs.rmSync(file, { force: true });
  else {
    const note: Note = { url, version };
    inFile(`write ${file}`, () => fs.writeFileSync(file, JSON.stringify(note)));
  }
}

function readNote(part: string): Note | undefined {
  try {
    const note: unknown = JSON.parse(fs.readFileSync(noteOf(part), "utf8"));
    const { url, version } = note as Record<string, unknown>;
    return typeof url === "string" && typeof version === "string" ? { url, version } : undefined;
  } catch {
    return undefined;
  }
}

function noteOf(part: string): string {
  return `${part}.json`;
}

function sizeOf(file: string): number {
  return fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

function inFile<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw hostError(what, cause);
  }
}
