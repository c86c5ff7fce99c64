// SPDX-License-Identifier: BSD-2-Clause
import fs from "node:fs";
import path from "node:path";

/**
 * Makes a directory and those it lies in, as far as they are missing; throws what the host says. Node's own way
 * never comes back from a filesystem that answers ENOENT to everything, such as Linux's /proc (seen with Node 20).
 */
export function makeDirectory(directory: string, mode = 0o777): void {
  const missing: string[] = [];
  let at = path.resolve(directory);
  while (!fs.existsSync(at) && path.dirname(at) !== at) {
    missing.push(at);
    at = path.dirname(at);
  }
  if (missing.length === 0) requireDirectory(at);
  for (const each of missing.reverse()) {
    try {
      fs.mkdirSync(each, { mode });
    } catch (error) {
      // Somebody else may have made it meanwhile.
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      requireDirectory(each);
    }
  }
}

/** Throws what `mkdir` would for a file that is in the way. */
function requireDirectory(place: string): void {
  if (!fs.statSync(place).isDirectory()) fs.mkdirSync(place);
}
