// SPDX-License-Identifier: BSD-2-Clause
// Disks for the loader's tests: the files that a FreeBSD image of either generation carries, around a kernel and modules
// that are a few hundred bytes long.
import type { LoaderDevice } from "../../src/loader/userboot/devices.ts";
import { kernelImage, moduleImage } from "./elf-image.ts";
import { linkerHintsFile } from "./linker-hints-file.ts";
import { MemoryFileSystem } from "./memory-file-system.ts";

export type Files = Readonly<Record<string, string | Uint8Array>>;

const MODULES = {
  "/boot/kernel/virtio.ko": moduleImage({ versions: [{ name: "virtio", version: 1 }] }),
  "/boot/kernel/virtio_blk.ko": moduleImage({
    versions: [{ name: "virtio_blk", version: 1 }],
    depends: [
      { name: "kernel", minimum: 1302001, preferred: 1302001, maximum: 1399999 },
      { name: "virtio", minimum: 1, preferred: 1, maximum: 1 },
    ],
  }),
};

const COMMON: Files = {
  "/boot/kernel/kernel": kernelImage(),
  ...MODULES,
  "/boot/kernel/linker.hints": linkerHintsFile([
    { module: "virtio", version: 1, file: "virtio.ko" },
    { module: "virtio_blk", version: 1, file: "virtio_blk.ko" },
  ]),
  "/boot/device.hints": 'hint.uart.0.at="isa"\nhint.uart.0.flags="0x10"\n',
  "/etc/fstab": "/dev/vtbd0p2\t/\tufs\trw\t1\t1\n",
};

const DEFAULTS = `# defaults
exec="echo Loading /boot/defaults/loader.conf"
kernel="kernel"
bootfile="kernel"
kernel_options=""
nextboot_conf="/boot/nextboot.conf"
verbose_loading="NO"
`;

/** A 10.x image, as far as the loader sees it; `changes` add files or replace them. */
export function forthFiles(changes: Files = {}): Files {
  return {
    ...COMMON,
    "/boot/defaults/loader.conf": `${DEFAULTS}loader_conf_files="/boot/device.hints /boot/loader.conf /boot/loader.conf.local"
module_path="/boot/modules"
`,
    "/boot/loader.conf": 'virtio_blk_load="YES"\n',
    ...changes,
  };
}

/** A 13.x image. */
export function luaFiles(changes: Files = {}): Files {
  return {
    ...COMMON,
    "/boot/lua/loader.lua": "-- Lua",
    "/boot/defaults/loader.conf": `${DEFAULTS}loader_conf_files="/boot/device.hints /boot/loader.conf /boot/loader.conf.local"
loader_conf_dirs="/boot/loader.conf.d"
module_path="/boot/modules;/boot/dtb"
kernels_autodetect="YES"
module_blacklist="drm"
`,
    "/boot/loader.conf": 'virtio_blk_load="YES"\n',
    "/boot/loader.conf.d/10-net.conf": 'hostname="tiny"\n',
    ...changes,
  };
}

/** `disk0` with a boot partition and, as `disk0p2`, a UFS partition of these files. */
export function diskWith(files: Files, unit = 0): LoaderDevice[] {
  const fileSystem = new MemoryFileSystem(files);
  const device = (
    name: string,
    depth: 0 | 1,
    description: string,
    bootPreference: number,
  ): LoaderDevice => ({
    name,
    kind: "disk",
    depth,
    description,
    bootPreference,
    sizeBytes: 64 * 1024 * 1024,
    mount: () => (bootPreference > 0 ? fileSystem : undefined),
  });
  return [
    device(`disk${unit}`, 0, "Guest drive image", 0),
    device(`disk${unit}p1`, 1, "FreeBSD boot", 0),
    device(`disk${unit}p2`, 1, "FreeBSD UFS", 2),
  ];
}

/** `host0`, as `-h` gives it. */
export function hostWith(files: Files): LoaderDevice[] {
  const fileSystem = new MemoryFileSystem(files, "host");
  return [
    {
      name: "host0",
      kind: "host",
      depth: 0,
      description: "Host filesystem",
      bootPreference: 0,
      sizeBytes: 0,
      mount: () => fileSystem,
    },
  ];
}
