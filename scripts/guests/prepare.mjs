#!/usr/bin/env node
// SPDX-License-Identifier: BSD-2-Clause
// Makes the Linux guests that test/boot and bench/ start: `node scripts/guests/prepare.mjs [directory [suite...]]`.
// The directory (default: guests/ in the cache) is what TSHYVE_GUESTS has to name. Ends with status 1 and says
// why if a guest could not be made; those that could are there.
import fs from "node:fs";
import path from "node:path";
import { cacheDirectory } from "./download.mjs";
import { makeLinuxGuest } from "./linux-guest.mjs";

/** A kernel of the year this project's first guest was packaged in, and what Debian has made of it since. */
const SUITES = ["bookworm", "trixie", "sid"];

const [given, ...suites] = process.argv.slice(2);
const cache = cacheDirectory();
const target = path.resolve(given ?? path.join(cache, "guests"));
fs.mkdirSync(target, { recursive: true });
for (const suite of suites.length > 0 ? suites : SUITES) {
  try {
    const kernel = await makeLinuxGuest(suite, cache, path.join(target, `linux-${suite}`));
    console.log(`linux-${suite}: ${kernel}`);
  } catch (error) {
    console.error(`linux-${suite}: not made: ${error.message}`);
    process.exitCode = 1;
  }
}
