// SPDX-License-Identifier: BSD-2-Clause
import { gunzipSync } from "node:zlib";
import { VmmError } from "../base/errors.ts";
import type { Gunzip } from "../loader/fs/gzip-file-system.ts";

/** Node's zlib as the loader wants it. */
export const gunzip: Gunzip = (bytes, limit) => {
  try {
    return gunzipSync(bytes, { maxOutputLength: limit });
  } catch (cause) {
    const isTooLarge = (cause as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE";
    const why = isTooLarge ? `it inflates to more than ${limit} bytes` : (cause as Error).message;
    throw new VmmError("ERR_BAD_IMAGE", `the gzip file cannot be inflated: ${why}`, { cause });
  }
};
