// SPDX-License-Identifier: BSD-2-Clause
// Runs one of the command-line tools under test/: node scripts/run-test-tool.mjs <module.ts> [argument…].
// The module is bundled on the fly, since the Node versions we support do not run TypeScript; it exports
// `main(args)`, whose result is the exit status.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";

const [entry, ...args] = process.argv.slice(2);
const directory = await mkdtemp(join(tmpdir(), "tshyve-tool-"));
try {
  const outfile = join(directory, "tool.mjs");
  await build({
    entryPoints: [resolve(entry)],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    // As in the build: constants reach the interpreter's switch as literals.
    minifySyntax: true,
    sourcemap: "inline",
    // package.json says of the published files that they do nothing by being imported; tests do.
    ignoreAnnotations: true,
    logLevel: "warning",
    // iced-x86 finds its WebAssembly beside itself; what vitest exports belongs to one process.
    external: ["iced-x86", "vitest"],
    plugins: [{ name: "keep-installed", setup: keepInstalled }],
  });
  const { main } = await import(pathToFileURL(outfile).href);
  process.exitCode = await main(args);
} finally {
  await rm(directory, { recursive: true, force: true });
}

/** A bundle in the temporary directory must not look for packages there. */
function keepInstalled(setup) {
  const places = { "iced-x86": "iced-x86/iced_x86.js", vitest: "vitest/dist/index.js" };
  setup.onResolve({ filter: /^(iced-x86|vitest)$/ }, ({ path }) => ({
    path: pathToFileURL(resolve("node_modules", places[path])).href,
    external: true,
  }));
}
