// SPDX-License-Identifier: BSD-2-Clause
// What every ACPI table begins with, and the address structure that several of them use: ACPI 6.5 §5.2.6
// and §5.2.3.2. bhyve: basl.c. The table IDs are those of bhyve's older templates, padded with spaces.
import { ByteWriter, concatBytes, zeroSumByte } from "../../../base/byte-writer.ts";

export const OEM_ID = "BHYVE ";
export const HEADER_BYTES = 36;

const OEM_REVISION = 1;
const CHECKSUM_OFFSET = 9;

/** Who wrote the bytes of a table, as bhyve's guests see it. */
export interface Creator {
  readonly id: string;
  readonly revision: number;
}

/** bhyve's own table builder, and the compiler it has its DSDT translated by. */
export const CREATOR_BASL: Creator = { id: "BASL", revision: 0x20220504 };
export const CREATOR_INTL: Creator = { id: "INTL", revision: 0x20201113 };

export interface TableIdentity {
  /** Four characters. */
  readonly signature: string;
  /** Eight characters. */
  readonly oemTableId: string;
  readonly revision: number;
  readonly creator?: Creator;
}

/** A whole table: header, body, length and checksum. */
export function table(identity: TableIdentity, body: Uint8Array): Uint8Array {
  const creator = identity.creator ?? CREATOR_BASL;
  const header = new ByteWriter()
    .text(identity.signature)
    .u32(HEADER_BYTES + body.length)
    .u8(identity.revision)
    .u8(0)
    .text(OEM_ID)
    .text(identity.oemTableId)
    .u32(OEM_REVISION)
    .text(creator.id)
    .u32(creator.revision);
  const bytes = concatBytes([header.toBytes(), body]);
  bytes[CHECKSUM_OFFSET] = zeroSumByte(bytes);
  return bytes;
}

/** §5.2.3.2 Address Space ID. */
export const SPACE_SYSTEM_MEMORY = 0;
export const SPACE_SYSTEM_IO = 1;

/** §5.2.3.2 Access Size. */
export const ACCESS_UNDEFINED = 0;
export const ACCESS_BYTE = 1;
export const ACCESS_WORD = 2;
export const ACCESS_DWORD = 3;

/** §5.2.3.2 Generic Address Structure. */
export interface GenericAddress {
  readonly space: number;
  readonly bits: number;
  readonly access: number;
  readonly address: number;
}

/** A register block that is not there: §5.2.9 has its address structure all zero. */
export const NO_REGISTER: GenericAddress = { space: 0, bits: 0, access: 0, address: 0 };

/** Appends the 12 bytes of a generic address structure with bit offset 0. */
export function appendAddress(writer: ByteWriter, address: GenericAddress): void {
  writer.u8(address.space).u8(address.bits).u8(0).u8(address.access).u64(address.address);
}
