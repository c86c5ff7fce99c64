// SPDX-License-Identifier: BSD-2-Clause
// Intel's own ACPI tools as referees: iasl takes a table apart and compiles it again, acpiexec loads a
// DSDT and evaluates it. Debian's package acpica-tools has both.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const TIME_LIMIT_MS = 30_000;

function run(command: string, args: readonly string[], cwd?: string): string {
  const { error, stdout, stderr } = spawnSync(command, args, {
    ...(cwd === undefined ? {} : { cwd }),
    encoding: "utf8",
    input: "",
    timeout: TIME_LIMIT_MS,
  });
  if (error !== undefined) throw error;
  return stdout + stderr;
}

/** Whether the command can be started here. */
export function isOnPath(command: "iasl" | "acpiexec"): boolean {
  return spawnSync(command, ["-v"], { input: "", timeout: TIME_LIMIT_MS }).error === undefined;
}

function inTemporaryFolder<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "tshyve-acpi-"));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export interface Recompiled {
  /** What iasl had to say about the source that it had made itself. */
  readonly messages: string;
  readonly bytes: Uint8Array;
}

/** Disassembles a table and compiles the result, name paths left as they are written. */
export function recompile(table: Uint8Array): Recompiled {
  return inTemporaryFolder((folder) => {
    writeFileSync(join(folder, "table.aml"), table);
    run("iasl", ["-d", "table.aml"], folder);
    const messages = run("iasl", ["-on", "-p", "again", "table.dsl"], folder);
    return { messages, bytes: new Uint8Array(readFileSync(join(folder, "again.aml"))) };
  });
}

/**
 * Loads a DSDT and runs commands of acpiexec's debugger, in which operation regions are plain memory.
 * What each printed is returned, in order.
 */
export function evaluate(dsdt: Uint8Array, commands: readonly string[]): string[] {
  return inTemporaryFolder((folder) => {
    writeFileSync(join(folder, "dsdt.aml"), dsdt);
    const output = run("acpiexec", ["-b", commands.join(";"), "dsdt.aml"], folder);
    const parts = output.split(/^(?:Evaluating (?=\\)|Device: )/m).slice(1);
    if (parts.length !== commands.length) {
      throw new Error(`${commands.length} commands gave ${parts.length} answers:\n${output}`);
    }
    return parts;
  });
}
