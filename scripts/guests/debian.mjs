// SPDX-License-Identifier: BSD-2-Clause
// Packages of a Debian suite: which there are, which a package needs, and what is in them. Only what boots is
// followed (kernel image and modules), so that a guest costs a few megabytes and no installation.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { fetchFile, fetchIndex } from "./download.mjs";

const MIRROR = "https://deb.debian.org/debian";
const WANTED = /^(linux-(image|binary|modules)-\S+|busybox-static)$/;

/** Package name → its fields. The main archive alone: its kernels are those of the last point release. */
export async function packagesOf(suite, cache) {
  const url = `${MIRROR}/dists/${suite}/main/binary-amd64/Packages.gz`;
  const index = await fetchIndex(url, path.join(cache, "index", `${suite}.gz`));
  const packages = parseIndex(gunzipSync(index).toString("utf8"));
  return new Map(packages.map((fields) => [fields.Package, fields]));
}

function parseIndex(text) {
  return text
    .split("\n\n")
    .filter((stanza) => WANTED.test(/^Package: (.*)$/m.exec(stanza)?.[1] ?? ""))
    .map((stanza) =>
      Object.fromEntries([...stanza.matchAll(/^(\S+): (.*)$/gm)].map((m) => m.slice(1))),
    );
}

/** The package and what it needs of kernel packages. */
export function closureOf(packages, name, found = new Map()) {
  const fields = packages.get(name);
  if (fields === undefined || found.has(name)) return found;
  found.set(name, fields);
  for (const dependency of (fields.Depends ?? "").split(/[,|]/)) {
    closureOf(packages, dependency.trim().split(" ")[0], found);
  }
  return found;
}

/** Unpacks a package's files below `target`. */
export async function unpack({ Filename, SHA256 }, cache, target) {
  const file = await fetchFile(`${MIRROR}/${Filename}`, path.join(cache, "debian"), SHA256);
  fs.mkdirSync(target, { recursive: true });
  execFileSync("dpkg-deb", ["--extract", file, target], { stdio: ["ignore", "ignore", "inherit"] });
}
