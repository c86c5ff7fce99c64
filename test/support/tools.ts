// SPDX-License-Identifier: BSD-2-Clause
import { execFileSync } from "node:child_process";
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { it } from "vitest";

/** Where makers of filesystems are, also for a user whose PATH leaves these out. */
const EXTRA_PATHS = ["/usr/sbin", "/sbin"];

/** Its path; undefined if the host does not have it. */
export function findTool(name: string): string | undefined {
  const { PATH = "" } = process.env;
  const folders = [...PATH.split(delimiter), ...EXTRA_PATHS];
  return folders
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** Runs a tool of the host and returns what it printed; throws if it fails. */
export type RunTool = (args: readonly string[], input?: string) => string;

/** A test that needs a tool of the host and a folder to work in, removed afterwards. Skipped without the tool. */
export function testWithTool(
  tool: string,
  title: string,
  body: (run: RunTool, folder: string) => void,
): void {
  const path = findTool(tool);
  if (path === undefined) {
    it.skip(`${title} (skipped: ${tool} is not on PATH)`, () => {});
    return;
  }
  it(title, { timeout: 60_000 }, () => {
    const folder = mkdtempSync(join(tmpdir(), "tshyve-tool-"));
    const run: RunTool = (args, input = "") =>
      execFileSync(path, args, { cwd: folder, input, stdio: "pipe", encoding: "utf8" });
    try {
      body(run, folder);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}
