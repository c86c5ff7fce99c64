// SPDX-License-Identifier: BSD-2-Clause
// Files of commands: `include`, /boot/boot.conf, /boot/loader.rc. FreeBSD: stand/common/interp_simple.c.
//
// A line that starts with `\` (or, from the Lua times on, `#`) is a comment; `@` in front of a command was to keep it off
// the screen and is dropped, `-` keeps its failure from ending the script. Scripts are not echoed.
//
// Forth and Lua code is not run. A loader.rc is Forth, but the stock ones are lists of words that stand for whole steps:
// those are known (see face-commands.ts), files of Forth code that a script includes are passed over, and lines that
// start with any other word are counted and reported.
import { CommandError, reasonOf } from "./command-error.ts";
import type { Loader } from "./loader.ts";
import type { Leave } from "./outcome.ts";

/** Runs a file of commands to its first failure. Throws CommandError if it cannot be read, or at that failure. */
export async function runScript(loader: Loader, path: string): Promise<Leave | undefined> {
  if (isCode(path)) {
    if (loader.face === "forth" && loader.files.isFile(path)) return undefined;
    throw new CommandError(`'${path}' is a script in another language, which is not run here`);
  }
  for (const line of scriptLines(loader, path)) {
    const isQuiet = line.startsWith("@");
    const ignoresErrors = line.startsWith("-");
    try {
      const left = await loader.execute(isQuiet || ignoresErrors ? line.slice(1) : line);
      if (left !== undefined) return left;
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      if (!ignoresErrors) {
        throw new CommandError(
          `Error while including ${path}, in the line:\n${line}\n${error.message}`,
        );
      }
      loader.print(`${error.message}\n`);
    }
  }
  return undefined;
}

/** Runs a loader.rc: the lines that are commands; the others are Forth, and only counted. */
export async function runLoaderRc(loader: Loader, path: string): Promise<Leave | undefined> {
  let skipped = 0;
  for (const line of scriptLines(loader, path)) {
    const words = line.trim().split(/\s+/);
    const isCommand = loader.commands.has(words[0]!);
    if (!isCommand) {
      skipped++;
      continue;
    }
    const { left } = await loader.tryLine(line);
    if (left !== undefined) return left;
  }
  if (skipped > 0) loader.print(`${path}: ${skipped} lines of Forth were not run\n`);
  return undefined;
}

function isCode(path: string): boolean {
  return path.endsWith(".4th") || path.endsWith(".lua");
}

function scriptLines(loader: Loader, path: string): string[] {
  let text: string;
  try {
    text = loader.files.readText(path);
  } catch (error) {
    throw new CommandError(`can't open '${path}': ${reasonOf(error)}`);
  }
  return text.split(/[\r\n]+/).filter((line) => !/^\s*(?:\\|#|$)/.test(line));
}
