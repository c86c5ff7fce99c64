// SPDX-License-Identifier: BSD-2-Clause
// The teaching guest's disk as it is committed, compressed, and how it is made again from its source.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync, gzipSync } from "node:zlib";
import { compileKernel, toolchain } from "./compile.ts";
import { teachDisk } from "./disk.ts";

/** Of the folder that this file's sources are in. */
export interface TeachFolder {
  /** images/teach. */
  readonly path: string;
}

const TEACH_FOLDER: TeachFolder = { path: fileURLToPath(new URL(".", import.meta.url)) };

const IMAGE = "teach.img.gz";
const MANIFEST = "manifest.json";

export interface Manifest {
  /** The tools that made the committed image, in their own words. */
  readonly toolchain: string;
}

export function committedImage({ path }: TeachFolder = TEACH_FOLDER): Uint8Array {
  return new Uint8Array(gunzipSync(readFileSync(join(path, IMAGE))));
}

export function committedManifest({ path }: TeachFolder = TEACH_FOLDER): Manifest {
  return JSON.parse(readFileSync(join(path, MANIFEST), "utf8")) as Manifest;
}

/** The texts on the disk, by path from its root. */
export function committedFiles({ path }: TeachFolder = TEACH_FOLDER): Record<string, string> {
  return textsBelow(join(path, "root"));
}

/** Compiles and assembles it; intermediate files go to `work`. */
export function rebuildImage(work: string, folder: TeachFolder = TEACH_FOLDER): Uint8Array {
  return teachDisk(compileKernel(join(folder.path, "src"), work), committedFiles(folder));
}

/** Replaces what is committed. Throws without the tools. */
export function writeArtefact(work: string, folder: TeachFolder): void {
  const image = rebuildImage(work, folder);
  writeFileSync(join(folder.path, IMAGE), gzipSync(image, { level: 9 }));
  const manifest: Manifest = { toolchain: toolchain() ?? "" };
  writeFileSync(join(folder.path, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
}

function textsBelow(folder: string): Record<string, string> {
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  return Object.fromEntries(
    paths.map((path) => [relative(folder, path).split(sep).join("/"), readFileSync(path, "utf8")]),
  );
}
