// SPDX-License-Identifier: BSD-2-Clause
// Runs a command-line tool of this directory as `npm run` does. Its bundle executes several times faster than
// modules under the test runner, which look every constant up.
import { spawnSync } from "node:child_process";

export interface ToolResult {
  readonly status: number | null;
  /** Both streams. */
  readonly output: string;
  readonly lastLine: string;
}

/** `module` is its main module. */
export function runTool(module: string, args: readonly string[]): ToolResult {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["scripts/run-test-tool.mjs", module, ...args],
    { encoding: "utf8", maxBuffer: 64 << 20 },
  );
  const output = stdout + stderr;
  return { status, output, lastLine: output.trimEnd().split("\n").at(-1) ?? "" };
}
