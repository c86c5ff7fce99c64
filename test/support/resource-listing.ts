// SPDX-License-Identifier: BSD-2-Clause
// Reads resource descriptors (ACPI 6.5 §6.4) back, for tests, sharing nothing with what wrote them.

/** One line a descriptor, without the end tag. Throws an Error unless they fill `bytes` exactly. */
export function listResources(bytes: Uint8Array): string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const lines: string[] = [];
  let at = 0;
  while (at < bytes.length) {
    const tag = view.getUint8(at);
    const isLarge = (tag & 0x80) !== 0;
    const start = at + (isLarge ? 3 : 1);
    const length = isLarge ? view.getUint16(at + 1, true) : tag & 7;
    if (start + length > bytes.length) throw new Error(`resource at ${at} runs past the end`);
    const data = new DataView(bytes.buffer, bytes.byteOffset + start, length);
    at = start + length;
    if (tag === 0x79) {
      if (at !== bytes.length) throw new Error(`end tag at ${at - 2} of ${bytes.length} bytes`);
      return lines;
    }
    lines.push(describe(isLarge ? tag : tag >> 3, data));
  }
  throw new Error("no end tag");
}

function describe(item: number, data: DataView): string {
  switch (item) {
    case 0x04:
      return irq(data);
    case 0x08:
      return io(data);
    case 0x09:
      return `FixedIO ${hex(data.getUint16(0, true))} count ${data.getUint8(2)}`;
    case 0x86:
      return memory32(data);
    case 0x88:
      return addressSpace("Word", data, 2);
    case 0x87:
      return addressSpace("DWord", data, 4);
    case 0x8a:
      return addressSpace("QWord", data, 8);
    default:
      throw new Error(`resource item ${hex(item)} is not one of ours`);
  }
}

function irq(data: DataView): string {
  const mask = data.getUint16(0, true);
  const irqs = Array.from({ length: 16 }, (_, i) => i).filter((i) => ((mask >> i) & 1) === 1);
  if (data.byteLength === 2) return `IRQNoFlags {${irqs}}`;
  const flags = data.getUint8(2);
  const mode = (flags & 1) !== 0 ? "edge" : "level";
  const polarity = (flags & 8) !== 0 ? "low" : "high";
  return `IRQ ${mode} ${polarity} ${(flags & 16) !== 0 ? "shared" : "exclusive"} {${irqs}}`;
}

function io(data: DataView): string {
  const decode = (data.getUint8(0) & 1) !== 0 ? 16 : 10;
  const minimum = hex(data.getUint16(1, true));
  const maximum = hex(data.getUint16(3, true));
  return `IO decode${decode} ${minimum}..${maximum} align ${data.getUint8(5)} count ${data.getUint8(6)}`;
}

function memory32(data: DataView): string {
  const access = (data.getUint8(0) & 1) !== 0 ? "rw" : "ro";
  return `Memory32Fixed ${access} ${hex(data.getUint32(1, true))} length ${hex(data.getUint32(5, true))}`;
}

function addressSpace(word: string, data: DataView, size: 2 | 4 | 8): string {
  const kind = ["Memory", "IO", "BusNumber"][data.getUint8(0)];
  const flags = data.getUint8(1);
  const role = (flags & 1) !== 0 ? "consumer" : "producer";
  const decode = (flags & 2) !== 0 ? "sub" : "pos";
  const fixed = `${(flags & 4) !== 0 ? "min" : ""}${(flags & 8) !== 0 ? "max" : ""}`;
  const values = Array.from({ length: 5 }, (_, i) => {
    const offset = 3 + i * size;
    if (size === 2) return BigInt(data.getUint16(offset, true));
    return size === 4 ? BigInt(data.getUint32(offset, true)) : data.getBigUint64(offset, true);
  });
  if (data.byteLength !== 3 + 5 * size) throw new Error(`${word} address space is misshapen`);
  const [granularity, minimum, maximum, translation, length] = values;
  if (granularity !== 0n || translation !== 0n) throw new Error(`${word} address space is moved`);
  if (maximum! - minimum! + 1n !== length)
    throw new Error(`${word} address space lies on its size`);
  const type = `type-flags ${hex(data.getUint8(2))}`;
  return `${word}${kind} ${role} ${decode} ${fixed} ${type} ${hex(minimum!)}..${hex(maximum!)}`;
}

function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
