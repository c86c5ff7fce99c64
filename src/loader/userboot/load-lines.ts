// SPDX-License-Identifier: BSD-2-Clause
// The lines that the loader prints about what it loads. FreeBSD: stand/common/load_elf.c,
// load_elf_obj.c, module.c.
import { hex } from "../../base/bits.ts";
import { PF_W } from "../elf.ts";
import type { KernelReport } from "../freebsd/kernel.ts";
import type { PreloadedFile } from "../freebsd/preloaded-file.ts";
import type { Face } from "./face.ts";

/** `/boot/kernel/kernel text=0x… data=0x…+0x… syms=[0x8+0x…+0x8+0x…]`; from 13 on without the brackets. */
export function kernelLine(path: string, report: KernelReport, face: Face): string {
  const parts = report.segments.map(({ flags, fileSize, memSize }) => {
    if ((flags & PF_W) === 0) return `text=${hex(fileSize)} `;
    const bss = memSize > fileSize ? `+${hex(memSize - fileSize)}` : "";
    return `data=${hex(fileSize)}${bss} `;
  });
  return `${path} ${parts.join("")}${symbolPart(report, face)}\n`;
}

function symbolPart({ symbols }: KernelReport, face: Face): string {
  if (symbols === undefined) return "";
  const sizes = `0x8+${hex(symbols.table)}+0x8+${hex(symbols.strings)}`;
  return face === "forth" ? `syms=[${sizes}]` : sizes;
}

/** `/boot/kernel/virtio.ko size 0x… at 0x…` */
export function moduleLine(file: PreloadedFile): string {
  return `${file.name} size ${hex(file.sizeBytes)} at ${hex(file.address)}\n`;
}

/** `/etc/hostid size=0x25` */
export function rawLine(file: PreloadedFile): string {
  return `${file.name} size=${hex(file.sizeBytes)}\n`;
}
