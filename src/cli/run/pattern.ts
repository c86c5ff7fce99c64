// SPDX-License-Identifier: BSD-2-Clause
import { VmmError } from "../../base/errors.ts";
import type { ConsolePattern } from "../../vmm/console/vm-console.ts";

/** Text, or an expression between slashes: `login:`, `/^# $/m`. Throws ERR_BAD_OPTION. */
export function parsePattern(text: string): ConsolePattern {
  const match = /^\/(.+)\/([a-z]*)$/s.exec(text);
  if (match === null) {
    if (text === "")
      throw new VmmError(
        "ERR_BAD_OPTION",
        "an empty text is always there: expected one to wait for",
      );
    return text;
  }
  try {
    return new RegExp(match[1]!, match[2]);
  } catch (error) {
    throw new VmmError("ERR_BAD_OPTION", `${text} is no expression: ${(error as Error).message}`);
  }
}
