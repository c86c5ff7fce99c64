// SPDX-License-Identifier: BSD-2-Clause
// Loads a module as the build would make it. Under the test runner's own loader every import is a property
// look-up, so that the interpreter's switch is no jump table: guests run some forty times slower there.
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** The exports of a TypeScript module with all it imports; `T` is `typeof import(…)` of the same. */
export async function bundled<T>(module: URL): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "tshyve-bundle-"));
  try {
    const outfile = join(folder, "bundle.cjs");
    await build({
      entryPoints: [fileURLToPath(module)],
      outfile,
      bundle: true,
      platform: "node",
      format: "cjs",
      target: "node20",
      minifySyntax: true,
      sourcemap: "inline",
      logLevel: "warning",
    });
    return createRequire(outfile)(outfile) as T;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
