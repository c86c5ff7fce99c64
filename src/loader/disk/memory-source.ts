// SPDX-License-Identifier: BSD-2-Clause
import { type ByteSource, checkRead } from "../byte-source.ts";

/** A source over bytes in memory, kept and not copied. `what` names them in error messages. */
export function memorySource(bytes: Uint8Array, what = "the image in memory"): ByteSource {
  return {
    size: bytes.length,
    read(offset, length) {
      checkRead(bytes.length, offset, length, what);
      return bytes.slice(offset, offset + length);
    },
  };
}
