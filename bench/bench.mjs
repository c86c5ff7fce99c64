// SPDX-License-Identifier: BSD-2-Clause
// `npm run bench`: builds tshyve and the harness as they stand, and runs it.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
execFileSync(process.execPath, [`${root}scripts/build.mjs`, "--no-types"], { stdio: "inherit" });
await build({
  absWorkingDir: root,
  entryPoints: ["bench/harness/main.ts"],
  outfile: "dist/bench.js",
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  logLevel: "warning",
});
const { main } = await import(`${root}dist/bench.js`);
process.exitCode = await main(process.argv.slice(2), root);
