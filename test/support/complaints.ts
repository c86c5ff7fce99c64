// SPDX-License-Identifier: BSD-2-Clause
// What a command owes to a user who made a mistake: one sentence, a status, and everything as it was.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { expect } from "vitest";
import type { CommandName, CommandRoom, Ended } from "./commands.ts";

/** A mistake: a command line in words of no spaces, and what comes of it. */
export interface Mistake {
  readonly line: string;
  readonly status: number;
  /** Part of the sentence. */
  readonly says: string | RegExp;
  /** The usage follows the sentence. */
  readonly hasUsage?: boolean;
}

export function commandOf({ line }: Mistake): [CommandName, string[]] {
  const [name, ...args] = line.split(" ").map((word) => (word === "''" ? "" : word));
  return [name as CommandName, args];
}

/** tshyve's commands of more than a line, which speak for themselves. */
const OWN_COMMANDS: readonly string[] = ["linuxload", "run", "backtrace", "jit", "images", "fetch"];

/** Who complains: `tshyve bhyve` does as `bhyve`, `tshyve ls` as `tshyve`. */
function speakerOf(line: string): string {
  const [name, command = ""] = line.split(" ");
  if (name !== "tshyve") return name!;
  if (OWN_COMMANDS.includes(command)) return `tshyve ${command}`;
  return ["bhyveload", "bhyve", "bhyvectl"].includes(command) ? command : name;
}

/** One sentence, of the command's; a usage behind it if there has to be one; no traces of our own code. */
export function expectComplaint(mistake: Mistake, { status, stderr }: Ended): void {
  const speaker = speakerOf(mistake.line);
  const [sentence = "", ...rest] = stderr.trimEnd().split("\n");
  expect([status, sentence]).toEqual([mistake.status, expect.stringMatching(mistake.says)]);
  expect(sentence.startsWith(`${speaker}: `)).toBe(true);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: none of those may get to a terminal
  expect(sentence).not.toMatch(/[\x00-\x1f\x7f-\x9f]|internal error|undefined|NaN|\[object/);
  expect(stderr).not.toMatch(/^\s+at /m);
  if (mistake.hasUsage === true) expect(rest[0]).toMatch(/^usage: /i);
  else expect(rest).toEqual([]);
}

/** Marks of runners come and go, as they must; what they say is not what a VM is. */
const PASSING = /(^|\/)(runner\.\d+|control\.sock)$/;

/** Every file below some directories, by what is in it. */
export function contentsOf(room: CommandRoom, names: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  const walk = (path: string) => {
    const name = relative(room.directory, path);
    if (statSync(path).isDirectory()) {
      found.set(`${name}/`, "");
      for (const entry of readdirSync(path)) walk(join(path, entry));
    } else if (!PASSING.test(name)) {
      found.set(name, createHash("sha256").update(readFileSync(path)).digest("hex"));
    }
  };
  for (const name of names) if (existsSync(room.path(name))) walk(room.path(name));
  return found;
}
