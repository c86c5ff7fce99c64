// SPDX-License-Identifier: BSD-2-Clause
// Builds dist/: the library, the commands and the VM's thread, flat, so that they find each other; and the
// library's type declarations. `--no-types` leaves those out. `--outdir=DIR` builds elsewhere: what tests run.
// `--standalone` puts all packages in, for a place from which they cannot be found.
import { execFileSync } from "node:child_process";
import { chmodSync, lstatSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const { values: options } = parseArgs({
  options: {
    "no-types": { type: "boolean" },
    outdir: { type: "string" },
    standalone: { type: "boolean" },
  },
});
const dist = options.outdir ?? `${root}dist`;
const COMMANDS = ["tshyve", "bhyveload", "bhyve", "bhyvectl"];

const common = {
  absWorkingDir: root,
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  sourcemap: true,
  // Constants have to reach the interpreter's switch as literals: V8 makes no jump table otherwise.
  minifySyntax: true,
  outdir: dist,
  logLevel: "warning",
};

rmSync(dist, { recursive: true, force: true });
await build({
  ...common,
  entryPoints: {
    index: "src/index.ts",
    vitest: "src/vitest.ts",
    "vm-worker": "src/host/vm-worker.ts",
    "compile-worker": "src/host/compile-worker.ts",
    ...Object.fromEntries(COMMANDS.map((name) => [name, `src/cli/${name}.ts`])),
  },
  splitting: true,
  packages: options.standalone === true ? "bundle" : "external",
  // The matchers are for who has it.
  external: ["vitest"],
});
for (const name of COMMANDS) chmodSync(`${dist}/${name}.js`, 0o755);
if (options.outdir === undefined) linkCommands();
if (options["no-types"] !== true) {
  const tsc = `${root}node_modules/typescript/bin/tsc`;
  const project = ["-p", "tsconfig.types.json", "--outDir", path.resolve(dist, "types")];
  execFileSync(process.execPath, [tsc, ...project], { cwd: root, stdio: "inherit" });
}

/** In a clone npm links the commands of every package but this one. With these, `npx bhyve` needs no copy of it. */
function linkCommands() {
  const modules = lstatSync(`${root}node_modules`, { throwIfNoEntry: false });
  if (modules?.isDirectory() !== true || process.platform === "win32") return;
  mkdirSync(`${root}node_modules/.bin`, { recursive: true });
  for (const name of COMMANDS) {
    const link = `${root}node_modules/.bin/${name}`;
    rmSync(link, { force: true });
    symlinkSync(`../../dist/${name}.js`, link);
  }
}
