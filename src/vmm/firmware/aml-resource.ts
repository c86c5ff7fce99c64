// SPDX-License-Identifier: BSD-2-Clause
// Resource descriptors, the content of _CRS and _PRS: ACPI 6.5 §6.4. Small items are one tag byte with
// the length in its low three bits, large items a tag byte and a 16-bit length. No dependent functions,
// no DMA, no GPIO, no extended interrupts: nothing on this machine has them.
import { ByteWriter, concatBytes } from "../../base/byte-writer.ts";
import { type Aml, buffer } from "./aml.ts";

/** One encoded descriptor. */
export type Resource = Uint8Array;

// §6.4.2 Small resource data types, tag with length.
const IRQ_NO_FLAGS = 0x22;
const IRQ = 0x23;
const IO_PORT = 0x47;
const END_TAG = 0x79;

// §6.4.3 Large resource data types.
const MEMORY_32_FIXED = 0x86;
const DWORD_ADDRESS_SPACE = 0x87;
const WORD_ADDRESS_SPACE = 0x88;
const QWORD_ADDRESS_SPACE = 0x8a;

const DECODE_16 = 0x01;
const READ_WRITE = 0x01;

/** §6.4.2.5 I/O Port Descriptor, 16-bit decode, at one place only. `count` is below 256. */
export function ioPorts(port: number, count: number): Resource {
  const alignment = 1;
  return new ByteWriter()
    .u8(IO_PORT)
    .u8(DECODE_16)
    .u16(port)
    .u16(port)
    .u8(alignment)
    .u8(count)
    .toBytes();
}

function irqMask(irqs: readonly number[]): number {
  return irqs.reduce((mask, irq) => mask | (1 << irq), 0);
}

/** §6.4.2.1 IRQ Descriptor without its flags: edge-triggered, active high, not shared. */
export function irqNoFlags(...irqs: readonly number[]): Resource {
  return new ByteWriter().u8(IRQ_NO_FLAGS).u16(irqMask(irqs)).toBytes();
}

/** §6.4.2.1 IRQ Descriptor: level-triggered, active low, shared, as PCI interrupts are. */
export function irqLevelLowShared(...irqs: readonly number[]): Resource {
  const activeLow = 1 << 3;
  const shared = 1 << 4;
  return new ByteWriter()
    .u8(IRQ)
    .u16(irqMask(irqs))
    .u8(activeLow | shared)
    .toBytes();
}

/** §6.4.3.4 32-Bit Fixed Memory Range Descriptor, read/write. */
export function memory32Fixed(base: number, bytes: number): Resource {
  return new ByteWriter().u8(MEMORY_32_FIXED).u16(9).u8(READ_WRITE).u32(base).u32(bytes).toBytes();
}

/** §6.4.3.5 Resource Type and the type-specific flags that go with it. */
export const BUS_NUMBERS = { type: 2, flags: 0x00 } as const;
/** Both ISA and non-ISA ranges: EntireRange. */
export const IO_RANGE = { type: 1, flags: 0x03 } as const;
/** Read/write, not cacheable. */
export const MEMORY_RANGE = { type: 0, flags: 0x01 } as const;

/** What an address space descriptor speaks of. */
export type SpaceKind = typeof BUS_NUMBERS | typeof IO_RANGE | typeof MEMORY_RANGE;

/** §6.4.3.5 general flags: a bridge that produces, decodes positively, has a fixed minimum and maximum. */
const PRODUCER_FIXED = 0x0c;

/** Granularity, minimum, maximum, translation offset, length: the order of §6.4.3.5.1 to .3. */
function addressSpace(
  tag: number,
  kind: SpaceKind,
  size: 2 | 4 | 8,
  range: { readonly base: number; readonly length: number },
): Resource {
  const writer = new ByteWriter()
    .u8(tag)
    .u16(3 + 5 * size)
    .u8(kind.type)
    .u8(PRODUCER_FIXED)
    .u8(kind.flags);
  const last = range.base + range.length - 1;
  for (const value of [0, range.base, last, 0, range.length]) {
    if (size === 2) writer.u16(value);
    else if (size === 4) writer.u32(value);
    else writer.u64(value);
  }
  return writer.toBytes();
}

/** §6.4.3.5.3 Word Address Space Descriptor of a bridge. `length` is below 64 Ki. */
export function wordAddressSpace(kind: SpaceKind, base: number, length: number): Resource {
  return addressSpace(WORD_ADDRESS_SPACE, kind, 2, { base, length });
}

/** §6.4.3.5.2 DWord Address Space Descriptor of a bridge. */
export function dwordAddressSpace(kind: SpaceKind, base: number, length: number): Resource {
  return addressSpace(DWORD_ADDRESS_SPACE, kind, 4, { base, length });
}

/** §6.4.3.5.1 QWord Address Space Descriptor of a bridge. */
export function qwordAddressSpace(kind: SpaceKind, base: number, length: number): Resource {
  return addressSpace(QWORD_ADDRESS_SPACE, kind, 8, { base, length });
}

/** The ResourceTemplate macro of chapter 19: the descriptors and the end tag of §6.4.2.9, whose checksum 0 says "not computed". */
export function resourceTemplate(...resources: readonly Resource[]): Aml {
  return buffer(concatBytes([...resources, [END_TAG, 0]]));
}
