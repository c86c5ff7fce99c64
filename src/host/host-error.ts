// SPDX-License-Identifier: BSD-2-Clause
import { VmmError, type VmmErrorCode } from "../base/errors.ts";

/** Reasons to say that there is no such file, and not that the host failed. */
const MISSING: readonly string[] = ["ENOENT", "ENOTDIR", "ENAMETOOLONG"];

const FULL: readonly string[] = ["ENOSPC", "EDQUOT", "EFBIG"];

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  ENOTDIR: "a part of the path is not a directory",
  EEXIST: "a file is in the way",
  ENOTEMPTY: "it has files in it that are none of ours",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EISDIR: "it is a directory",
  ENAMETOOLONG: "the name is too long",
  ELOOP: "too many symbolic links",
  EMFILE: "too many files are open",
  EIO: "the host's device failed",
  ENOSPC: "the host's disk is full",
  EDQUOT: "the quota on the host's disk is used up",
  EFBIG: "the file would become larger than it may",
  EROFS: "the host's filesystem is read-only",
};

/**
 * What Node throws for a file, as one sentence: `cannot <action>: <reason>`. ERR_NOT_FOUND where there is
 * no such file, ERR_NO_SPACE where there is no room, ERR_IO else.
 */
export function hostError(action: string, cause: unknown): VmmError {
  const { code = "", message } = cause as NodeJS.ErrnoException;
  // A path may be empty, which has to be seen.
  const attempt = action.endsWith(" ") ? `${action}''` : action;
  const sentence = `cannot ${attempt}: ${reasonOf(action, code) ?? message}`;
  return new VmmError(errorCode(code), sentence, { cause });
}

function reasonOf(action: string, code: string): string | undefined {
  // What is to be written need not exist, only what it lies in.
  const isMissingParent = code === "ENOENT" && /^(write|make|create)\b/.test(action);
  return isMissingParent ? "its directory does not exist" : REASONS[code];
}

function errorCode(code: string): VmmErrorCode {
  if (MISSING.includes(code)) return "ERR_NOT_FOUND";
  return FULL.includes(code) ? "ERR_NO_SPACE" : "ERR_IO";
}
