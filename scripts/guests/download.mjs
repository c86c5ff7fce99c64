// SPDX-License-Identifier: BSD-2-Clause
// Downloads that are retried, checked and kept: what is in the cache with the right digest is not fetched
// again, and nothing gets its name before it is whole.
import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

const ATTEMPTS = 5;
const TIMEOUT_MS = 300_000;
/** An index older than this is asked for again; without a network it is still better than none. */
const INDEX_AGE_MS = 24 * 60 * 60 * 1000;

/** Where downloads live between runs, outside of any clone. */
export function cacheDirectory(env = process.env) {
  if (env.TSHYVE_CACHE) return path.resolve(env.TSHYVE_CACHE);
  return path.join(env.XDG_CACHE_HOME || path.join(os.homedir(), ".cache"), "tshyve");
}

/** The file's path in the cache, with the SHA-256 that was asked for. */
export async function fetchFile(url, directory, sha256) {
  const file = path.join(directory, path.basename(new URL(url).pathname));
  if (fs.existsSync(file) && digest(fs.readFileSync(file)) === sha256) return file;
  const bytes = await download(url);
  if (digest(bytes) !== sha256) throw new Error(`${url} does not have the digest ${sha256}`);
  keep(file, bytes);
  return file;
}

/** An index that changes from day to day: bytes, from the cache while they are fresh or nothing newer can be had. */
export async function fetchIndex(url, file) {
  const age = fs.existsSync(file) ? Date.now() - fs.statSync(file).mtimeMs : Infinity;
  if (age < INDEX_AGE_MS) return fs.readFileSync(file);
  try {
    const bytes = await download(url);
    keep(file, bytes);
    return bytes;
  } catch (error) {
    if (age === Infinity) throw error;
    console.error(`${error.message}; going on with what was fetched before`);
    return fs.readFileSync(file);
  }
}

function keep(file, bytes) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const draft = `${file}.${process.pid}`;
  fs.writeFileSync(draft, bytes);
  fs.renameSync(draft, file);
}

function digest(bytes) {
  return createHash("sha256").update(bytes).digest("hex");
}

async function download(url) {
  for (let attempt = 1; ; attempt++) {
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
      if (!response.ok) {
        const isFinal = response.status >= 400 && response.status < 500;
        throw Object.assign(new Error(`status ${response.status}`), { isFinal });
      }
      return new Uint8Array(await response.arrayBuffer());
    } catch (error) {
      const reason = error.cause?.code ?? error.message;
      if (attempt === ATTEMPTS || error.isFinal === true)
        throw new Error(`${url} cannot be fetched: ${reason}`);
      await new Promise((resolve) => setTimeout(resolve, 1000 * 2 ** attempt));
    }
  }
}
