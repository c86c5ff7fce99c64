// SPDX-License-Identifier: BSD-2-Clause
import { VmmError } from "../base/errors.ts";

/** Reasons to say that there is no such file, and not that the host failed. */
const MISSING: readonly string[] = ["ENOENT", "ENOTDIR", "ENAMETOOLONG"];

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  ENOTDIR: "a part of the path is not a directory",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EISDIR: "it is a directory",
  ENAMETOOLONG: "the name is too long",
  ELOOP: "too many symbolic links",
  EMFILE: "too many files are open",
  EIO: "the host's device failed",
};

/**
 * What Node throws for a file, as one sentence: `cannot <action>: <reason>`. ERR_NOT_FOUND where there is
 * no such file, ERR_IO else.
 */
export function hostError(action: string, cause: unknown): VmmError {
  const { code = "", message } = cause as NodeJS.ErrnoException;
  const sentence = `cannot ${action}: ${REASONS[code] ?? message}`;
  return new VmmError(MISSING.includes(code) ? "ERR_NOT_FOUND" : "ERR_IO", sentence, { cause });
}
