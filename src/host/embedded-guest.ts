// SPDX-License-Identifier: BSD-2-Clause
import fs from "node:fs";
import { gunzipSync } from "node:zlib";
import { VmmError } from "../base/errors.ts";
import { hostError } from "./host-error.ts";

/** Guests that come with tshyve: images of disks that FreeBSD's loader boots from, below images/. */
const EMBEDDED: Readonly<Record<string, string>> = { teach: "teach/teach.img.gz" };
/** Where images/ is, from the built package and from the source. */
const PLACES = ["../images/", "../../images/"];

/** A fresh copy of an embedded guest's disk. Throws ERR_BAD_OPTION for a name that is none, ERR_IO. */
export function guestDisk(name: string): Uint8Array {
  const file = Object.hasOwn(EMBEDDED, name) ? EMBEDDED[name]! : undefined;
  if (file === undefined) {
    const known = Object.keys(EMBEDDED).join(", ");
    throw new VmmError("ERR_BAD_OPTION", `there is no guest '${name}': expected ${known}`);
  }
  const places = PLACES.map((place) => new URL(`${place}${file}`, import.meta.url));
  const url = places.find((place) => fs.existsSync(place)) ?? places[0]!;
  try {
    return new Uint8Array(gunzipSync(fs.readFileSync(url)));
  } catch (cause) {
    throw hostError(`unpack ${url.pathname}`, cause);
  }
}
