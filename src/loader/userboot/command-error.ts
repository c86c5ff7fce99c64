// SPDX-License-Identifier: BSD-2-Clause
import { VmmError } from "../../base/errors.ts";

/**
 * How loud a failed command is inside a Forth script: the old loader prints a `critical` one on the spot, and lets
 * the script decide about an `error` or a `warning`. At the prompt each is printed. FreeBSD: stand/common/bootstrap.h.
 */
export type Severity = "warning" | "error" | "critical";

/** A loader command that did not work: what the loader prints, without a newline. Never leaves the loader. */
export class CommandError extends Error {
  readonly severity: Severity;

  constructor(message: string, severity: Severity = "error", options?: { cause?: unknown }) {
    super(message, options);
    this.name = "CommandError";
    this.severity = severity;
  }
}

/**
 * What to throw on where a command failed: a VmmError becomes a command that did not work, except for bugs of ours; the
 * rest stays what it is.
 */
export function asCommandError(error: unknown): unknown {
  if (!(error instanceof VmmError) || error.code === "ERR_INTERNAL") return error;
  return new CommandError(error.message, "critical", { cause: error });
}

/** The loader's words for why a file could not be had: libsa's strerror for the common case, else the sentence. */
export function reasonOf(error: unknown): string {
  if (error instanceof VmmError) {
    return error.code === "ERR_NOT_FOUND" ? "no such file or directory" : error.message;
  }
  if (error instanceof CommandError) return error.message;
  throw error;
}
