// SPDX-License-Identifier: BSD-2-Clause
// Real guests for tests: files that are not part of the project. TSHYVE_GUESTS names the directory they are in.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const { TSHYVE_GUESTS } = process.env;

/** Why a test that needs them is skipped: part of its title. */
export const GUESTS_REASON = "needs TSHYVE_GUESTS to name a directory with the file";

export function hasGuestFile(name: string): boolean {
  return TSHYVE_GUESTS !== undefined && existsSync(join(TSHYVE_GUESTS, name));
}

/** Its bytes. Throws if it is not there: ask {@link hasGuestFile} first. */
export function guestFile(name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(TSHYVE_GUESTS ?? "", name)));
}
