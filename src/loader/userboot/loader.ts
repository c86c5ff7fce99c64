// SPDX-License-Identifier: BSD-2-Clause
// The loader as its commands see it: its parts, and the way a line becomes a command. FreeBSD: stand/common/interp.c.
import type { GuestMemory } from "../../mmu/guest-memory.ts";
import { asCommandError, CommandError } from "./command-error.ts";
import { splitCommandLine } from "./command-line.ts";
import { type LoaderConsole, Pager } from "./console.ts";
import type { DeviceTable } from "./devices.ts";
import type { Environment } from "./environment.ts";
import { type Face, unknownCommand, unparsable } from "./face.ts";
import { LoadedFiles } from "./loaded-files.ts";
import { LoaderConf } from "./loader-conf.ts";
import { LoaderFiles } from "./loader-files.ts";
import { ModuleSearch } from "./module-search.ts";
import type { Leave } from "./outcome.ts";

/** Scripts that run scripts end here. */
const DEEPEST_NESTING = 16;
/** Commands between two lines from the user: an image's scripts must come to an end. */
const MOST_COMMANDS = 10_000;

/** A word of the loader's language. */
export interface Command {
  readonly name: string;
  /** For `?`: one line; empty for a word that only scripts use. */
  readonly summary: string;
  /** For `help`: the forms it takes. */
  readonly usage: string;
  /** `argv[0]` is the name. Throws CommandError; a Leave ends the loader. */
  run(loader: Loader, argv: readonly string[]): Promise<Leave | undefined>;
}

export interface LoaderParts {
  readonly memory: GuestMemory;
  readonly console: LoaderConsole;
  readonly devices: DeviceTable;
  readonly environment: Environment;
  readonly face: Face;
  readonly commands: ReadonlyMap<string, Command>;
}

export class Loader {
  readonly memory: GuestMemory;
  readonly console: LoaderConsole;
  readonly environment: Environment;
  readonly face: Face;
  readonly commands: ReadonlyMap<string, Command>;
  readonly files: LoaderFiles;
  readonly loaded: LoadedFiles;
  readonly conf: LoaderConf;
  /** A kernel chosen in the menu or by `boot name`, instead of the variable `kernel`. */
  kernelChoice: string | undefined;
  /** An autoboot happens by itself at most once. */
  hasTriedAutoboot = false;
  /** The first complaint since the user's last line: what came of it is said behind it. */
  complaint: string | undefined;
  #nesting = 0;
  #commandsLeft = MOST_COMMANDS;

  constructor(parts: LoaderParts) {
    const { memory, console, devices, environment, face, commands } = parts;
    this.memory = memory;
    this.console = console;
    this.environment = environment;
    this.face = face;
    this.commands = commands;
    this.files = new LoaderFiles(devices, environment);
    const print = (text: string) => this.print(text);
    const search = new ModuleSearch(this.files, environment, print);
    this.loaded = new LoadedFiles({ memory, files: this.files, search, environment, face, print });
    this.conf = new LoaderConf({
      dialect: face,
      environment,
      files: this.files,
      print,
      execute: (line) => this.execute(line),
    });
  }

  print(text: string): void {
    this.console.write(text);
  }

  /** Tells the user what went wrong. */
  complain(sentence: string): void {
    this.complaint ??= sentence;
    this.print(`${sentence}\n`);
  }

  /** A fresh page of output. */
  pager(): Pager {
    return new Pager(this.console, this.environment.get("LINES"));
  }

  /** The user is there: scripts may run again. */
  renewBudget(): void {
    this.#commandsLeft = MOST_COMMANDS;
    this.complaint = undefined;
  }

  /** Runs one line. Throws CommandError: for a line that cannot be parsed, an unknown word, a command that failed. */
  async execute(line: string): Promise<Leave | undefined> {
    const words = splitCommandLine(line, (name) => this.environment.get(name));
    if (words === undefined) throw new CommandError(unparsable(this.face, line));
    return this.executeWords(words);
  }

  /** The same, cut into words already. */
  async executeWords(words: readonly string[]): Promise<Leave | undefined> {
    const [name] = words;
    if (name === undefined) return undefined;
    const command = this.commands.get(name);
    if (command === undefined) throw new CommandError(unknownCommand(this.face, name));
    if (this.#nesting >= DEEPEST_NESTING) throw new CommandError("scripts run scripts too deeply");
    if (--this.#commandsLeft < 0) throw new CommandError("too many commands in scripts");
    this.#nesting++;
    try {
      return await command.run(this, words);
    } catch (error) {
      throw asCommandError(error);
    } finally {
      this.#nesting--;
    }
  }

  /** Runs one line and prints what went wrong; true if nothing did. */
  async tryLine(
    line: string,
  ): Promise<{ readonly left?: Leave | undefined; readonly ok: boolean }> {
    try {
      return { left: await this.execute(line), ok: true };
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      this.complain(error.message);
      return { ok: false };
    }
  }
}
