// SPDX-License-Identifier: BSD-2-Clause
// A bzImage with the fields of the setup header that a loader reads (Linux: Documentation/arch/x86/boot.rst), around a
// payload of recognisable bytes.

export interface BzImageSpec {
  readonly protocol?: number;
  readonly setupSectors?: number;
  readonly payload?: Uint8Array;
  readonly loadFlags?: number;
  readonly initrdMax?: number;
  readonly alignment?: number;
  readonly isRelocatable?: boolean;
  readonly xloadFlags?: number;
  readonly commandLineMax?: number;
  readonly preferredAddress?: bigint;
  readonly initBytes?: number;
}

/** A relocatable kernel of protocol 2.15 with a long-mode entry, at home at 16 MiB, unless the spec says otherwise. */
export function bzImageFile(spec: BzImageSpec = {}): Uint8Array {
  const setupSectors = spec.setupSectors ?? 4;
  const payload = spec.payload ?? new Uint8Array(0x1000).fill(0xcc);
  const offset = ((setupSectors || 4) + 1) * 512;
  const file = new Uint8Array(offset + payload.length);
  file.set(payload, offset);
  const view = new DataView(file.buffer);
  view.setUint8(0x1f1, setupSectors);
  view.setUint16(0x1fe, 0xaa55, true);
  view.setUint16(0x200, 0x6aeb, true);
  view.setUint32(0x202, 0x53726448, true);
  view.setUint16(0x206, spec.protocol ?? 0x20f, true);
  view.setUint8(0x211, spec.loadFlags ?? 0x81);
  view.setUint32(0x214, 0x10_0000, true);
  view.setUint32(0x22c, spec.initrdMax ?? 0x7fff_ffff, true);
  view.setUint32(0x230, spec.alignment ?? 0x20_0000, true);
  view.setUint8(0x234, (spec.isRelocatable ?? true) ? 1 : 0);
  view.setUint16(0x236, spec.xloadFlags ?? 0x7f, true);
  view.setUint32(0x238, spec.commandLineMax ?? 2047, true);
  view.setBigUint64(0x258, spec.preferredAddress ?? 0x100_0000n, true);
  view.setUint32(0x260, spec.initBytes ?? 0x10_0000, true);
  return file;
}
