// SPDX-License-Identifier: BSD-2-Clause
// Images that others publish, and where. Sizes and checksums are not here: the publisher's checksum file has them, and
// names the file.
import { VmmError } from "../../base/errors.ts";

/** A directory of a publisher's server. A mirror has the same paths below a root of its own. */
export interface Place {
  readonly root: string;
  readonly path: string;
}

export interface WantedFile {
  /** Its name in the checksum file, which may have a path in front. */
  readonly published: RegExp;
}

export interface ImageEntry {
  readonly name: string;
  readonly description: string;
  /** Tried in this order while they say that there is no such thing. */
  readonly places: readonly Place[];
  readonly checksums: { readonly file: string; readonly algorithm: "sha256" | "sha512" };
  readonly files: readonly WantedFile[];
}

const FREEBSD_VERSIONS = ["15.0", "14.3", "14.2", "13.5", "13.2"];
const DEBIAN_VERSIONS = [
  { number: 13, codename: "trixie" },
  { number: 12, codename: "bookworm" },
] as const;

/** What `tshyve images` lists. */
export const CATALOG: readonly ImageEntry[] = [
  ...FREEBSD_VERSIONS.map(freebsd),
  ...DEBIAN_VERSIONS.flatMap(({ number, codename }) => [
    debianInstaller(number, codename),
    debianCloud(number, codename),
  ]),
];

/**
 * The entry of that name; releases of FreeBSD that are not listed are known by their numbers. Throws ERR_BAD_OPTION
 * for a name that is none.
 */
export function findImage(name: string): ImageEntry {
  const listed = CATALOG.find((entry) => entry.name === name);
  if (listed !== undefined) return listed;
  const version = /^freebsd-(\d{2}\.\d{1,2})$/.exec(name)?.[1];
  if (version !== undefined) return freebsd(version);
  throw new VmmError("ERR_BAD_OPTION", `'${name}' is no image: "tshyve images" lists them`);
}

/** Releases that are no longer supported move to the archive. Before 14 there is one disk, later one for UFS. */
function freebsd(version: string): ImageEntry {
  const path = `${version}-RELEASE/amd64/Latest/`;
  const escaped = version.replace(".", "\\.");
  return {
    name: `freebsd-${version}`,
    description: `FreeBSD ${version}-RELEASE, a disk with UFS (raw)`,
    places: [
      { root: "https://download.freebsd.org/releases/VM-IMAGES/", path },
      {
        root: "https://ftp-archive.freebsd.org/pub/FreeBSD-Archive/old-releases/VM-IMAGES/",
        path,
      },
    ],
    checksums: { file: "CHECKSUM.SHA512", algorithm: "sha512" },
    files: [{ published: new RegExp(`^FreeBSD-${escaped}-RELEASE-amd64(-ufs)?\\.raw\\.xz$`) }],
  };
}

function debianInstaller(number: number, codename: string): ImageEntry {
  return {
    name: `debian-${number}-installer`,
    description: `Debian ${number} (${codename}), the installer's kernel and initial RAM disk`,
    places: [
      {
        root: "https://deb.debian.org/debian/",
        path: `dists/${codename}/main/installer-amd64/current/images/`,
      },
    ],
    checksums: { file: "SHA256SUMS", algorithm: "sha256" },
    files: [
      { published: /^\.\/netboot\/debian-installer\/amd64\/linux$/ },
      { published: /^\.\/netboot\/debian-installer\/amd64\/initrd\.gz$/ },
    ],
  };
}

function debianCloud(number: number, codename: string): ImageEntry {
  return {
    name: `debian-${number}-disk`,
    description: `Debian ${number} (${codename}), a disk without a password (qcow2); bring a kernel`,
    places: [{ root: "https://cloud.debian.org/images/cloud/", path: `${codename}/latest/` }],
    checksums: { file: "SHA512SUMS", algorithm: "sha512" },
    files: [{ published: new RegExp(`^debian-${number}-nocloud-amd64\\.qcow2$`) }],
  };
}
