// SPDX-License-Identifier: BSD-2-Clause
// What `--script` types, and waits for in between: a verb a line.
//
//   expect TEXT or /re/   waits; the next one looks behind it
//   send TEXT             types it as it stands: \r is Enter; \n, \t, \\ and \xHH work, too
//   type TEXT             types it, and Enter
//   sleep 2s              guest time
//   timeout 30s           guest time that each later expect may take
//   fail TEXT or /re/     from here on, ends the run with a failure when it comes
//
// Empty lines, and those that start with #, say nothing. Spaces at both ends of TEXT do not count unless it is
// quoted as in JSON. At the script's end the run is over, unless the last thing was to type: then the guest goes on
// until it ends.
import { VmmError } from "../../base/errors.ts";
import type { ConsolePattern } from "../../vmm/console/vm-console.ts";
import { durationNs } from "../../vmm/duration.ts";
import { parsePattern } from "./pattern.ts";

export type ScriptStep =
  | { readonly kind: "expect"; readonly pattern: ConsolePattern; readonly source: string }
  | { readonly kind: "fail"; readonly pattern: ConsolePattern; readonly source: string }
  | { readonly kind: "send"; readonly text: string }
  | { readonly kind: "sleep"; readonly duration: string }
  | { readonly kind: "timeout"; readonly duration: string };

const ESCAPES: Readonly<Record<string, string>> = { r: "\r", n: "\n", t: "\t", "\\": "\\" };

/** Throws ERR_BAD_OPTION with the line's number. `name` is for that. */
export function parseScript(name: string, text: string): ScriptStep[] {
  return text.split(/\r?\n/).flatMap((line, index) => {
    const trimmed = line.trim();
    if (trimmed === "" || trimmed.startsWith("#")) return [];
    try {
      return [parseStep(trimmed)];
    } catch (error) {
      if (!(error instanceof VmmError)) throw error;
      throw new VmmError("ERR_BAD_OPTION", `${name} line ${index + 1}: ${error.message}`);
    }
  });
}

function parseStep(line: string): ScriptStep {
  const [, verb = "", rest = ""] = /^(\S+)\s*(.*)$/s.exec(line) ?? [];
  switch (verb) {
    case "expect":
    case "fail":
      return { kind: verb, pattern: parsePattern(unquote(rest)), source: unquote(rest) };
    case "send":
      return { kind: "send", text: expandEscapes(unquote(rest)) };
    case "type":
      return { kind: "send", text: `${expandEscapes(unquote(rest))}\r` };
    case "sleep":
    case "timeout":
      durationNs(rest);
      return { kind: verb, duration: rest };
    default:
      throw new VmmError(
        "ERR_BAD_OPTION",
        `'${verb}' is not known: expected expect, send, type, sleep, timeout or fail`,
      );
  }
}

function unquote(text: string): string {
  if (!text.startsWith('"')) return text;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "string") return value;
  } catch {
    // Said below.
  }
  throw new VmmError("ERR_BAD_OPTION", `${text} is no text in quotes`);
}

function expandEscapes(text: string): string {
  return text.replace(/\\(?:x([0-9a-fA-F]{2})|(.))/g, (whole, code?: string, letter?: string) => {
    if (code !== undefined) return String.fromCharCode(Number.parseInt(code, 16));
    return ESCAPES[letter ?? ""] ?? whole;
  });
}
