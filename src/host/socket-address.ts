// SPDX-License-Identifier: BSD-2-Clause
import fs from "node:fs";
import path from "node:path";

/** Bytes of sockaddr_un.sun_path that every system has, without the NUL. */
const LONGEST = 103;

/**
 * The path of a socket as bind and connect take it. A longer one goes by way of an open directory where the
 * system has /proc; elsewhere it stays, and fails. To be closed when the socket is.
 */
export function socketAddress(file: string): { readonly path: string; close(): void } {
  const asIs = { path: file, close() {} };
  if (Buffer.byteLength(file) <= LONGEST || !fs.existsSync("/proc/self/fd")) return asIs;
  try {
    const fd = fs.openSync(path.dirname(file), fs.constants.O_RDONLY);
    return {
      path: `/proc/self/fd/${fd}/${path.basename(file)}`,
      close: () => fs.closeSync(fd),
    };
  } catch {
    return asIs;
  }
}
