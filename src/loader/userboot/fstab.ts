// SPDX-License-Identifier: BSD-2-Clause
// Finds the root filesystem in an /etc/fstab, for vfs.root.mountfrom. FreeBSD: stand/common/boot.c getrootmount,
// fstab(5): device, mount point, type, options, blank-separated; a line that starts with # is a comment.

export interface RootMount {
  /** `type:device`, such as `ufs:/dev/vtbd0p2`. */
  readonly from: string;
  readonly options: string;
}

/** The first line whose mount point is `/`. Lines that lack a field are passed over. */
export function findRootMount(fstab: string): RootMount | undefined {
  for (const line of fstab.split(/[\r\n]/)) {
    if (line === "" || line.startsWith("#")) continue;
    const [device, mountPoint, type, options] = line.split(/\s+/);
    if (mountPoint !== "/" || !type || !options) continue;
    return { from: `${type}:${device}`, options };
  }
  return undefined;
}
