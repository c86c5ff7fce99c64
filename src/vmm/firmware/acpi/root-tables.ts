// SPDX-License-Identifier: BSD-2-Clause
// The way in: RSDP, RSDT and XSDT. ACPI 6.5 §5.2.5, §5.2.7, §5.2.8.
import { ByteWriter, zeroSumByte } from "../../../base/byte-writer.ts";
import { HEADER_BYTES, OEM_ID, table } from "./header.ts";

export const RSDP_BYTES = 36;

const RSDP_REVISION = 2;
/** The first checksum covers the structure of ACPI 1.0, the second all of it. */
const RSDP_V1_BYTES = 20;
const RSDP_CHECKSUM_OFFSET = 8;
const RSDP_EXTENDED_CHECKSUM_OFFSET = 32;

/** §5.2.5.3 Root System Description Pointer. Its place must be a multiple of 16 in 0xE0000 … 0xFFFFF. */
export function rsdp(rsdtGpa: number, xsdtGpa: number): Uint8Array {
  const bytes = new ByteWriter()
    .text("RSD PTR ")
    .u8(0)
    .text(OEM_ID)
    .u8(RSDP_REVISION)
    .u32(rsdtGpa)
    .u32(RSDP_BYTES)
    .u64(xsdtGpa)
    .u8(0)
    .zeros(3)
    .toBytes();
  bytes[RSDP_CHECKSUM_OFFSET] = zeroSumByte(bytes.subarray(0, RSDP_V1_BYTES));
  bytes[RSDP_EXTENDED_CHECKSUM_OFFSET] = zeroSumByte(bytes);
  return bytes;
}

export function rsdtBytes(entries: number): number {
  return HEADER_BYTES + 4 * entries;
}

export function xsdtBytes(entries: number): number {
  return HEADER_BYTES + 8 * entries;
}

/** §5.2.7 Root System Description Table: where the others are, in 32 bits each. */
export function rsdt(tableGpas: readonly number[]): Uint8Array {
  const body = new ByteWriter();
  for (const gpa of tableGpas) body.u32(gpa);
  return table({ signature: "RSDT", oemTableId: "BVRSDT  ", revision: 1 }, body.toBytes());
}

/** §5.2.8 Extended System Description Table: the same in 64 bits each. */
export function xsdt(tableGpas: readonly number[]): Uint8Array {
  const body = new ByteWriter();
  for (const gpa of tableGpas) body.u64(gpa);
  return table({ signature: "XSDT", oemTableId: "BVXSDT  ", revision: 1 }, body.toBytes());
}
