// SPDX-License-Identifier: BSD-2-Clause
// The last lines of every command: arguments in, exit status out, errors as one sentence.
import { VmmError } from "../base/errors.ts";
import { hostError } from "../host/host-error.ts";
import { complain } from "./complain.ts";
import { UsageError } from "./getopt.ts";
import { outputWritten, watchOutput } from "./terminal.ts";

/** A command: its status, or an error to be said. */
export type Command = (argv: readonly string[]) => Promise<number> | number;

export interface CommandFrame {
  readonly name: string;
  readonly usage: string;
  /** Status for a wrong command line, and for everything else that goes wrong. */
  readonly usageStatus: number;
  readonly errorStatus: number;
  /** Its first word is a command with a usage of its own. */
  readonly hasCommands?: boolean;
}

/** Runs a command and returns its status; what it throws is said on stderr. */
export async function runCommand(
  frame: CommandFrame,
  command: Command,
  argv: readonly string[],
): Promise<number> {
  if (asksForHelp(frame, argv)) {
    process.stdout.write(frame.usage);
    return 0;
  }
  try {
    return await command(argv);
  } catch (error) {
    if (error instanceof UsageError) {
      complain(frame.name, error.message);
      process.stderr.write(frame.usage);
      return frame.usageStatus;
    }
    if (error instanceof VmmError) {
      complain(frame.name, error.message);
      return frame.errorStatus;
    }
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stderr.write(`${frame.name}: internal error: ${detail}\n`);
    return frame.errorStatus;
  }
}

/** Words behind `--` are somebody else's, and so are those behind a command's name. */
function asksForHelp({ hasCommands = false }: CommandFrame, argv: readonly string[]): boolean {
  const end = hasCommands ? 1 : argv.indexOf("--");
  return (end < 0 ? argv : argv.slice(0, end)).includes("--help");
}

/** Makes a module a program. */
export async function main(frame: CommandFrame, command: Command): Promise<void> {
  watchOutput(
    (cause) => complain(frame.name, hostError("write the output", cause).message),
    frame.errorStatus,
  );
  process.exitCode = await runCommand(frame, command, process.argv.slice(2));
  await outputWritten();
  // Input that nobody reads any more must not keep the process.
  process.stdin.unref?.();
  process.exit();
}
