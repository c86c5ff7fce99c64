// SPDX-License-Identifier: BSD-2-Clause
// Modules as the build makes them, for tests that run many instructions: constants reach the interpreter's switch as
// literals, without which V8 makes no jump table of it and runs it many times slower.
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { PROJECT } from "./project.ts";

/** Bundles a module of the project, given by its path from the root, and loads it. It must not use `import.meta`. */
export async function importBundled<T>(path: string): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "tshyve-bundle-"));
  const outfile = join(folder, "bundle.cjs");
  try {
    await build({
      absWorkingDir: PROJECT,
      entryPoints: [path],
      outfile,
      bundle: true,
      platform: "node",
      format: "cjs",
      target: "node20",
      minifySyntax: true,
      sourcemap: "inline",
      logLevel: "warning",
    });
    return createRequire(import.meta.url)(outfile) as T;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
