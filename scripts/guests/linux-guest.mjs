// SPDX-License-Identifier: BSD-2-Clause
// A small Linux guest from a suite's own packages: its kernel, an initial RAM disk with busybox, and the image
// of a disk with an ext4 root.
//
//   vmlinuz     the kernel, as packaged
//   initrd.gz   busybox: a shell on the console; with root= on the command line, that disk's /sbin/init
//   root.ext4   busybox below init(8); tests copy it before they boot from it. Absent without mkfs.ext4.
//   guest.json  what it was made from
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { characterDevice, cpio, directory, file, link } from "./cpio.mjs";
import { closureOf, packagesOf, unpack } from "./debian.mjs";
import { diskModules } from "./modules.mjs";

/** To be raised when what is made from the same packages changes. */
const RECIPE = 1;
const ROOT_BYTES = 32 << 20;
const DIRECTORIES = ["bin", "dev", "etc", "mnt", "modules", "proc", "root", "sbin", "sys", "tmp"];

const INIT = `#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
case " $(cat /proc/cmdline) " in *" root="*)
  for module in $(cat /modules/order); do insmod /modules/$module.ko || echo "cannot insert $module"; done
  device=$(sed 's/.*root=\\([^ ]*\\).*/\\1/' /proc/cmdline)
  mount -t ext4 "$device" /mnt && umount /proc /sys && mount --move /dev /mnt/dev &&
    exec switch_root /mnt /sbin/init
  echo "cannot start from $device";;
esac
echo "userspace up: $(uname -r)"
exec setsid cttyhack sh
`;

const RC = `#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
echo "root on disk: $(uname -r)"
`;

const INITTAB = `::sysinit:/etc/rc
console::respawn:-/bin/sh
::shutdown:/bin/sync
::shutdown:/bin/umount -a -r
`;

/** Makes the guest of a suite in `target`, unless that is there and made from the same. Says which kernel it is. */
export async function makeLinuxGuest(suite, cache, target) {
  const packages = await packagesOf(suite, cache);
  const needed = [
    ...closureOf(packages, "linux-image-cloud-amd64").values(),
    ...closureOf(packages, "busybox-static").values(),
  ];
  const hasDisk = canRun("mkfs.ext4");
  const made = {
    recipe: RECIPE,
    suite,
    hasDisk,
    packages: needed.map(({ SHA256 }) => SHA256).sort(),
  };
  const kernel = packages.get("linux-image-cloud-amd64").Version;
  const note = path.join(target, "guest.json");
  const stamp = `${JSON.stringify({ kernel, ...made }, null, 2)}\n`;
  if (fs.existsSync(note) && fs.readFileSync(note, "utf8") === stamp) return kernel;
  const work = `${target}.${process.pid}`;
  try {
    for (const each of needed) await unpack(each, cache, path.join(work, "packages"));
    build(path.join(work, "packages"), path.join(work, "guest"), hasDisk);
    fs.writeFileSync(path.join(work, "guest", "guest.json"), stamp);
    fs.rmSync(target, { recursive: true, force: true });
    fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.renameSync(path.join(work, "guest"), target);
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
  return kernel;
}

function build(packages, guest, hasDisk) {
  fs.mkdirSync(guest, { recursive: true });
  // In /boot up to trixie, beside its modules later; busybox in /bin, or in /usr/bin later.
  fs.copyFileSync(find(packages, /^vmlinuz(-|$)/), path.join(guest, "vmlinuz"));
  const busybox = fs.readFileSync(find(packages, /^busybox$/));
  fs.writeFileSync(path.join(guest, "initrd.gz"), initrd(busybox, diskModules(packages)));
  if (hasDisk) makeRoot(path.join(packages, "..", "root"), busybox, path.join(guest, "root.ext4"));
}

function find(root, pattern) {
  const entries = fs.readdirSync(root, { recursive: true, withFileTypes: true });
  const entry = entries.find((each) => each.isFile() && pattern.test(each.name));
  if (entry === undefined) throw new Error(`no file ${pattern.source} in the packages`);
  return path.join(entry.parentPath ?? entry.path, entry.name);
}

function initrd(busybox, modules) {
  const archive = cpio([
    ...DIRECTORIES.map(directory),
    characterDevice("dev/console", 5, 1),
    file("bin/busybox", busybox, 0o755),
    link("bin/sh", "busybox"),
    file("init", INIT, 0o755),
    file("modules/order", `${modules.map(({ name }) => name).join("\n")}\n`),
    ...modules.map(({ name, content }) => file(`modules/${name}.ko`, content)),
  ]);
  return gzipSync(archive, { level: 9 });
}

function makeRoot(tree, busybox, image) {
  for (const name of DIRECTORIES) fs.mkdirSync(path.join(tree, name), { recursive: true });
  fs.writeFileSync(path.join(tree, "bin/busybox"), busybox, { mode: 0o755 });
  const listed = execFileSync(path.join(tree, "bin/busybox"), ["--list"], { encoding: "utf8" });
  for (const applet of listed.trim().split("\n")) {
    if (applet !== "busybox") fs.symlinkSync("busybox", path.join(tree, "bin", applet));
  }
  fs.symlinkSync("../bin/busybox", path.join(tree, "sbin/init"));
  fs.writeFileSync(path.join(tree, "etc/rc"), RC, { mode: 0o755 });
  fs.writeFileSync(path.join(tree, "etc/inittab"), INITTAB);
  const options = ["-q", "-F", "-d", tree, "-E", "root_owner=0:0", "-L", "tshyve-root"];
  execFileSync("mkfs.ext4", [...options, image, `${ROOT_BYTES >> 10}k`], { env: systemPath() });
}

/** Where Debian keeps an administrator's programs, which a user's PATH leaves out. */
function systemPath() {
  return { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
}

function canRun(program) {
  const places = systemPath().PATH.split(":");
  return places.some((place) => fs.existsSync(path.join(place, program)));
}
