// SPDX-License-Identifier: BSD-2-Clause
// What Rock Ridge adds to a directory record: the System Use Sharing Protocol 1.12 carries the fields of
// IEEE P1282 (RRIP). Read are NM, PX, SL, CL and RE; times, device numbers and owners are passed over.
import { VmmError } from "../../../base/errors.ts";
import { LeView } from "../../../base/le-view.ts";
import type { ByteSource } from "../../byte-source.ts";

/** Continuation areas of one record. A full name and a full link target need two. */
const MAX_CONTINUATIONS = 8;
const SECTOR_BYTES = 2048;

const NM_CONTINUE = 0x01;
const NM_CURRENT = 0x02;
const NM_PARENT = 0x04;
const SL_CONTINUE = 0x01;
const SL_CURRENT = 0x02;
const SL_PARENT = 0x04;
const SL_ROOT = 0x08;

const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** What a record's system use area says. */
export interface RockRidge {
  /** Undefined if only the record itself has a name. */
  readonly name: string | undefined;
  /** POSIX file mode, from PX. */
  readonly mode: number | undefined;
  /** Where a symbolic link leads, from SL. */
  readonly linkTarget: string | undefined;
  /** Block of the directory that this record stands for, which lies too deep to be here; from CL. */
  readonly childBlock: number | undefined;
  /** The directory stands elsewhere for all that look for it, and here only in fact; from RE. */
  readonly isRelocated: boolean;
}

/**
 * Bytes to skip at the start of every system use area, as the first record of the root directory says;
 * undefined if the volume does not use Rock Ridge. `area` is the system use area of that record.
 */
export function detectRockRidge(source: ByteSource, area: Uint8Array): number | undefined {
  const isPresent =
    area.length >= 7 && signature(area) === "SP" && area[4] === 0xbe && area[5] === 0xef;
  if (!isPresent) return undefined;
  return fieldsOf(source, area).some((field) => signature(field) === "ER") ? area[6] : undefined;
}

/** Throws ERR_BAD_IMAGE if continuation areas lie outside the image or never end. */
export function readRockRidge(source: ByteSource, area: Uint8Array): RockRidge {
  const fields = fieldsOf(source, area);
  const all = (wanted: string, bytes: number) =>
    fields
      .filter((field) => signature(field) === wanted && field.length >= bytes)
      .map((field) => new LeView(field));
  return {
    name: nameFrom(all("NM", 5)),
    mode: all("PX", 8)[0]?.u32(4),
    linkTarget: targetFrom(all("SL", 5)),
    childBlock: all("CL", 8)[0]?.u32(4),
    isRelocated: all("RE", 4).length > 0,
  };
}

function signature(field: Uint8Array): string {
  return String.fromCharCode(field[0]!, field[1]!);
}

/** The fields of the area and of those that continue it, up to ST or to where one is malformed. */
function fieldsOf(source: ByteSource, first: Uint8Array): Uint8Array[] {
  const fields: Uint8Array[] = [];
  let area = first;
  for (let hops = 0; hops <= MAX_CONTINUATIONS; hops++) {
    let next: LeView | undefined;
    for (let at = 0; at + 4 <= area.length; ) {
      const field = area.subarray(at, at + area[at + 2]!);
      if (field.length < 4 || signature(field) === "ST") break;
      if (signature(field) === "CE" && field.length >= 28) next = new LeView(field);
      else fields.push(field);
      at += field.length;
    }
    if (next === undefined) return fields;
    const length = next.u32(20);
    if (length > SECTOR_BYTES) {
      throw new VmmError("ERR_BAD_IMAGE", `a Rock Ridge field continues for ${length} bytes`);
    }
    area = source.read(next.u32(4) * SECTOR_BYTES + next.u32(12), length);
  }
  throw new VmmError("ERR_BAD_IMAGE", "a Rock Ridge field is continued without end");
}

function nameFrom(fields: LeView[]): string | undefined {
  const bytes: number[] = [];
  for (const field of fields) {
    const flags = field.u8(4);
    if (flags & (NM_CURRENT | NM_PARENT)) return undefined;
    bytes.push(...field.bytes.subarray(5));
    if (!(flags & NM_CONTINUE)) break;
  }
  return bytes.length === 0 ? undefined : UTF8.decode(Uint8Array.from(bytes));
}

/** Components joined with slashes; one that is continued has none after it. */
function targetFrom(fields: LeView[]): string | undefined {
  if (fields.length === 0) return undefined;
  const bytes: number[] = [];
  let needsSlash = false;
  for (const field of fields) {
    for (let at = 5; at + 2 <= field.bytes.length; ) {
      const flags = field.u8(at);
      const length = field.u8(at + 1);
      if (needsSlash) bytes.push(SLASH);
      needsSlash = !(flags & (SL_CONTINUE | SL_ROOT));
      if (flags & SL_ROOT) bytes.push(SLASH);
      else if (flags & SL_CURRENT) bytes.push(DOT);
      else if (flags & SL_PARENT) bytes.push(DOT, DOT);
      else bytes.push(...field.slice(at + 2, length));
      at += 2 + length;
    }
    if (!(field.u8(4) & SL_CONTINUE)) break;
  }
  return UTF8.decode(Uint8Array.from(bytes));
}

const SLASH = 0x2f;
const DOT = 0x2e;
