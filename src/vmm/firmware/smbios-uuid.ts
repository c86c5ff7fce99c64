// SPDX-License-Identifier: BSD-2-Clause
// The two ways bhyve finds a machine's UUID (smbiostbl.c), as the 16 bytes of a type 1 structure:
// DSP0134 §7.2.1. Hashing is the caller's: there is no MD5 here.
import { VmmError } from "../../base/errors.ts";

export const UUID_BYTES = 16;

/** Which byte of the text's order goes where: the first three fields are little-endian. */
const WIRE_ORDER = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];

/** Of `uuid` / `-U`: 8-4-4-4-12 hexadecimal digits. Throws ERR_BAD_OPTION for anything else. */
export function uuidFromText(text: string): Uint8Array {
  if (!/^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(text)) {
    throw new VmmError(
      "ERR_BAD_OPTION",
      `"${text}" is not a UUID such as 00112233-4455-6677-8899-aabbccddeeff`,
    );
  }
  const digits = text.replaceAll("-", "");
  return new Uint8Array(
    WIRE_ORDER.map((byte) => Number.parseInt(digits.slice(2 * byte, 2 * byte + 2), 16)),
  );
}

/**
 * Of the MD5 digest (16 bytes) of the VM's and the host's name: RFC 9562 §5.3, version 3. bhyve puts
 * version and variant where they are in the text's order and copies the digest as it is.
 */
export function uuidFromDigest(digest: Uint8Array): Uint8Array {
  const uuid = digest.slice(0, UUID_BYTES);
  uuid[6] = (uuid[6]! & 0x0f) | 0x30;
  uuid[8] = (uuid[8]! & 0x3f) | 0x80;
  return uuid;
}
