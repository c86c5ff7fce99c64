// SPDX-License-Identifier: BSD-2-Clause
// The file linker.hints of a module directory: which file provides which version of which module. Written by
// kldxref(8); FreeBSD: usr.sbin/kldxref, sys/sys/linker.h (version 1), stand/common/module.c.
//
//   i32 1, then records:  i32 length of the rest; i32 type; …
//   type 3 (version):     u8 length, module; pad to 4; i32 version; u8 length, file
//
// Records of other types (modules, plug-and-play tables) are passed over.
import { alignUp } from "../../base/bits.ts";
import { VmmError } from "../../base/errors.ts";
import { viewOf } from "../bytes.ts";
import type { VersionRange } from "./preloaded-file.ts";

const LINKER_HINTS_VERSION = 1;
const MDT_VERSION = 3;

/** The loader reads no file larger than this. */
export const LINKER_HINTS_MAX = 1 << 20;

export interface LinkerHint {
  readonly module: string;
  readonly version: number;
  /** Its name in the same directory. */
  readonly file: string;
}

/** Throws ERR_BAD_IMAGE if it is no linker.hints, or a record reaches past its end. */
export function parseLinkerHints(bytes: Uint8Array): LinkerHint[] {
  const view = viewOf(bytes);
  if (bytes.length < 8 || view.getInt32(0, true) !== LINKER_HINTS_VERSION) {
    throw new VmmError("ERR_BAD_IMAGE", "linker.hints is not of version 1");
  }
  const hints: LinkerHint[] = [];
  let at = 4;
  while (at + 8 <= bytes.length) {
    const end = at + 4 + view.getInt32(at, true);
    if (end < at + 8 || end > bytes.length) throw damaged();
    if (view.getInt32(at + 4, true) === MDT_VERSION) hints.push(parseVersion(bytes, at + 8, end));
    at = alignUp(end, 4);
  }
  return hints;
}

/**
 * The file to load for a module: the preferred version (any, if there is no preference), else the highest in the
 * range. Undefined if the hints know none.
 */
export function chooseHint(
  hints: readonly LinkerHint[],
  module: string,
  range: VersionRange | undefined,
): LinkerHint | undefined {
  const named = hints.filter((hint) => hint.module === module);
  const preferred = named.find((hint) => range === undefined || hint.version === range.preferred);
  if (preferred !== undefined || range === undefined) return preferred;
  return named
    .filter((hint) => hint.version >= range.minimum && hint.version <= range.maximum)
    .reduce<LinkerHint | undefined>(
      (best, hint) => (best === undefined || hint.version > best.version ? hint : best),
      undefined,
    );
}

function parseVersion(bytes: Uint8Array, start: number, end: number): LinkerHint {
  const [module, afterModule] = countedString(bytes, start, end);
  const at = alignUp(afterModule, 4);
  if (at + 4 > end) throw damaged();
  const version = viewOf(bytes).getInt32(at, true);
  const [file] = countedString(bytes, at + 4, end);
  return { module, version, file };
}

function countedString(bytes: Uint8Array, at: number, end: number): [string, number] {
  const last = at < end ? at + 1 + bytes[at]! : end + 1;
  if (last > end) throw damaged();
  return [new TextDecoder().decode(bytes.subarray(at + 1, last)), last];
}

function damaged(): VmmError {
  return new VmmError("ERR_BAD_IMAGE", "linker.hints is damaged");
}
