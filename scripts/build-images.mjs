// SPDX-License-Identifier: BSD-2-Clause
// Builds images/teach/teach.img.gz again from its source. Needs gcc and GNU ld; the test of the image says
// whether what is committed is what the source makes.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const work = mkdtempSync(join(tmpdir(), "tshyve-images-"));
try {
  const outfile = join(work, "artefact.mjs");
  await build({
    absWorkingDir: root,
    entryPoints: ["images/teach/artefact.ts"],
    bundle: true,
    platform: "node",
    format: "esm",
    outfile,
    logLevel: "warning",
  });
  const { writeArtefact } = await import(pathToFileURL(outfile).href);
  writeArtefact(join(work, "objects"), { path: join(root, "images/teach") });
} finally {
  rmSync(work, { recursive: true });
}
