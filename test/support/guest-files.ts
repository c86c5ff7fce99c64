// SPDX-License-Identifier: BSD-2-Clause
// Real guests for tests: files that are not part of the project. scripts/guests/prepare.mjs makes the Linux ones from
// Debian's packages; a FreeBSD image is somebody's own.
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const { TSHYVE_GUESTS, TSHYVE_FREEBSD_IMAGE } = process.env;

/** Why a test that needs them is skipped: part of its title. */
export const GUESTS_REASON = "needs TSHYVE_GUESTS to name a directory with the file";

export function hasGuestFile(name: string): boolean {
  return TSHYVE_GUESTS !== undefined && existsSync(join(TSHYVE_GUESTS, name));
}

/** Its bytes. Throws if it is not there: ask {@link hasGuestFile} first. */
export function guestFile(name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(TSHYVE_GUESTS ?? "", name)));
}

/** Directories below TSHYVE_GUESTS that hold a Linux guest: `vmlinuz` and `initrd.gz`, perhaps `root.ext4`. */
export function linuxGuests(): string[] {
  if (TSHYVE_GUESTS === undefined || !existsSync(TSHYVE_GUESTS)) return [];
  return readdirSync(TSHYVE_GUESTS)
    .filter((name) => ["vmlinuz", "initrd.gz"].every((file) => hasGuestFile(join(name, file))))
    .sort();
}

/** Path of a FreeBSD disk image; undefined unless TSHYVE_FREEBSD_IMAGE names one. */
export function freebsdImage(): string | undefined {
  if (TSHYVE_FREEBSD_IMAGE === undefined || !existsSync(TSHYVE_FREEBSD_IMAGE)) return undefined;
  return TSHYVE_FREEBSD_IMAGE;
}

export function guestPath(guest: string, file: string): string {
  return join(TSHYVE_GUESTS ?? "", guest, file);
}

/** A copy of a disk's image, to be written to: its path, and what removes it. */
export function copyOfDisk(image: string): { path: string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), "tshyve-disk-"));
  const path = join(folder, "disk.img");
  copyFileSync(image, path);
  return { path, remove: () => rmSync(folder, { recursive: true }) };
}
