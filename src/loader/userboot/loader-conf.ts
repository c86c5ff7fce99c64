// SPDX-License-Identifier: BSD-2-Clause
// Reads the loader's configuration: /boot/defaults/loader.conf, the files that it and they name, the directories of
// *.conf files, nextboot. FreeBSD: stand/lua/config.lua (13.x, with local_loader_conf_files of 14) and
// stand/forth/support.4th; conf-syntax.ts has the language.
//
//   lua     says which file it loads; a malformed line is reported and the next one read
//   forth   says nothing; a malformed line is reported and ends its file
//
// An image without /boot/defaults/loader.conf gets the few defaults that matter. A file is read once, even if it
// names itself. nextboot.conf is honoured, but not disarmed: the loader writes to no filesystem.
import { CommandError, reasonOf } from "./command-error.ts";
import { splitCommandLine } from "./command-line.ts";
import {
  type ConfDialect,
  type ConfStatement,
  expandLuaValue,
  type ModuleField,
  parseConfLine,
  unquote,
} from "./conf-syntax.ts";
import type { Environment } from "./environment.ts";
import type { LoaderFiles } from "./loader-files.ts";
import type { Leave } from "./outcome.ts";

const DEFAULTS_FILE = "/boot/defaults/loader.conf";

const STANDARD_FILES = ["/boot/device.hints", "/boot/loader.conf", "/boot/loader.conf.local"];
const STANDARD_VARIABLES = [
  ["kernel", "kernel"],
  ["bootfile", "kernel"],
  ["module_path", "/boot/modules"],
] as const;

/** What configuration says of a module; `isForced` by a command at the prompt, past the blacklist. */
export type ModuleOptions = { -readonly [F in ModuleField]?: string } & { isForced?: boolean };

export interface ConfCollaborators {
  readonly dialect: ConfDialect;
  readonly environment: Environment;
  readonly files: LoaderFiles;
  print(text: string): void;
  /** Runs a loader command, for `exec=`; what it throws is reported. */
  execute(line: string): Promise<Leave | undefined>;
}

export class LoaderConf {
  /** By module, in the order of their first mention. */
  readonly modules = new Map<string, ModuleOptions>();
  /** True once any file was read to its end: without one, the Forth loader loads nothing by itself. */
  hasReadAny = false;
  isVerbose = false;
  readonly #with: ConfCollaborators;
  /** Values before configuration changed them, for {@link reload}. */
  readonly #before = new Map<string, string | undefined>();
  readonly #set = new Map<string, string>();
  #named: string | undefined;

  constructor(collaborators: ConfCollaborators) {
    this.#with = collaborators;
  }

  /** Everything, from the defaults on. Errors are printed; a Leave comes from an `exec="boot"` and its like. */
  async load(): Promise<Leave | undefined> {
    const left = (await this.readFile(DEFAULTS_FILE)) ?? (await this.#nextboot());
    if (this.#with.dialect === "lua") {
      this.isVerbose = this.#with.environment.isYes("verbose_loading");
    }
    return left;
  }

  /** As if from the start: forgets modules, and takes back variables that nobody has changed since. */
  async reload(): Promise<Leave | undefined> {
    this.modules.clear();
    const { environment } = this.#with;
    for (const [name, value] of this.#set) {
      if (environment.get(name) !== value) continue;
      const before = this.#before.get(name);
      if (before === undefined) environment.discard(name);
      else environment.set(name, before);
    }
    this.#set.clear();
    this.#before.clear();
    return this.load();
  }

  /** One file, and those it leads to. */
  async readFile(path: string): Promise<Leave | undefined> {
    const seen = new Set<string>();
    const left = await this.#readTree(path, seen);
    if (left !== undefined || this.#with.dialect === "forth") return left;
    return (
      (await this.#readDirectories(seen)) ??
      (await this.#readList(this.#with.environment.get("local_loader_conf_files"), seen))
    );
  }

  /** Names of modules that configuration may not load: module_blacklist. */
  blacklist(): Set<string> {
    const list = this.#with.environment.get("module_blacklist") ?? "";
    return new Set(list.match(/[-A-Za-z0-9_]+/g) ?? []);
  }

  optionsOf(module: string): ModuleOptions {
    let options = this.modules.get(module);
    if (options === undefined) {
      options = {};
      this.modules.set(module, options);
    }
    return options;
  }

  async #readTree(path: string, seen: Set<string>): Promise<Leave | undefined> {
    if (seen.has(path)) return undefined;
    seen.add(path);
    const { dialect, files, print } = this.#with;
    if (dialect === "lua") print(`Loading ${path}\n`);
    this.#named = undefined;
    let left: Leave | undefined;
    if (files.isFile(path)) left = await this.#readText(path);
    else if (path === DEFAULTS_FILE) this.#useStandards();
    else if (dialect === "forth" && this.isVerbose) {
      print(`Warning: unable to open file ${path}\n`);
    }
    return left ?? this.#readList(this.#named, seen);
  }

  async #readList(list: string | undefined, seen: Set<string>): Promise<Leave | undefined> {
    for (const name of list?.match(/\S+/g) ?? []) {
      const left = await this.#readTree(name, seen);
      if (left !== undefined) return left;
    }
    return undefined;
  }

  async #readDirectories(seen: Set<string>): Promise<Leave | undefined> {
    const { environment, files, print } = this.#with;
    for (const name of environment.get("loader_conf_dirs")?.match(/\S+/g) ?? []) {
      if (!files.isDirectory(name)) {
        print(`Failed to load conf dir '${name}': not a directory\n`);
        continue;
      }
      const names = files.namesIn(name).filter((entry) => entry.endsWith(".conf"));
      for (const path of names.map((entry) => `${name}/${entry}`)) {
        const left = files.isFile(path) ? await this.#readTree(path, seen) : undefined;
        if (left !== undefined) return left;
      }
    }
    return undefined;
  }

  #useStandards(): void {
    for (const [name, value] of STANDARD_VARIABLES) {
      if (!this.#with.environment.has(name)) this.#setVariable(name, value);
    }
    this.#named = STANDARD_FILES.join(" ");
    this.hasReadAny = true;
  }

  async #readText(path: string): Promise<Leave | undefined> {
    const { dialect, print } = this.#with;
    const text = this.#textOf(path);
    if (text === undefined) return undefined;
    let isSound = true;
    for (const [i, line] of text.split("\n").entries()) {
      const at = { path, number: i + 1, line };
      const done = await this.#perform(parseConfLine(line, dialect), at);
      if (done.left !== undefined) return done.left;
      isSound &&= done.isSound;
      if (!isSound && dialect === "forth") return undefined;
    }
    if (!isSound) print(`Failed to parse config: '${path}'\n`);
    this.hasReadAny = true;
    return undefined;
  }

  async #perform(statement: ConfStatement, at: ConfPosition): Promise<Performed> {
    switch (statement.kind) {
      case "blank":
        return { isSound: true };
      case "malformed":
        this.#reportSyntax(statement.column, at);
        return { isSound: false };
      case "module":
        this.optionsOf(statement.module)[statement.field] = statement.value;
        return { isSound: true };
      case "exec":
        return { isSound: true, left: await this.#exec(statement.command) };
      case "variable":
        return { isSound: this.#assign(statement.name, statement.value, at) };
    }
  }

  async #exec(command: string): Promise<Leave | undefined> {
    try {
      return await this.#with.execute(command);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      this.#with.print(`${error.message}\nFailed to exec '${command}'\n`);
      return undefined;
    }
  }

  #reportSyntax(column: number, { path, number, line }: ConfPosition): void {
    const { dialect, print } = this.#with;
    if (dialect === "lua") print(`Malformed line (${number}):\n\t'${line}'\n`);
    else {
      print(`Warning: syntax error on file ${path}, line ${number}\n`);
      print(`${line}\n${" ".repeat(column)}^\n`);
    }
  }

  /** False if the value makes no sense; that it cannot be stored is reported, and no syntax error. */
  #assign(name: string, value: string, at: ConfPosition): boolean {
    const { dialect, environment, print } = this.#with;
    const lookup = (variable: string) => environment.get(variable);
    if (dialect === "lua") {
      const expanded = expandLuaValue(value, lookup);
      if (expanded.ok) this.#store(name, expanded.value);
      else print(`Failed to parse variable '${name}': ${expanded.reason}\n`);
      return true;
    }
    if (name === "nextboot_enable") return true;
    if (name === "verbose_loading") {
      this.isVerbose = /^(?:YES|yes)$/.test(unquote(value));
      return true;
    }
    const words = splitCommandLine(`set ${name}=${value}`, lookup);
    if (words?.length !== 2) {
      print(`Warning: bad definition on file ${at.path}, line ${at.number}\n${at.line}\n`);
      return false;
    }
    this.#store(name, words[1]!.slice(name.length + 1));
    return true;
  }

  #store(name: string, value: string): void {
    if (name === "loader_conf_files") this.#named = value;
    // The Lua loader keeps this one out of the kernel's environment.
    if (name === "loader_conf_files" && this.#with.dialect === "lua") return;
    try {
      this.#setVariable(name, value);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      this.#with.print(`Failed to set '${name}' to '${value.slice(0, 80)}': ${error.message}\n`);
    }
  }

  #setVariable(name: string, value: string): void {
    const { environment } = this.#with;
    const before = environment.get(name);
    environment.set(name, value);
    if (!this.#set.has(name)) this.#before.set(name, before);
    this.#set.set(name, environment.get(name) ?? value);
  }

  /** One more file, if nextboot(8) has armed it in its first line. */
  async #nextboot(): Promise<Leave | undefined> {
    const { dialect, environment, files } = this.#with;
    const path = environment.get("nextboot_conf");
    const setting = environment.get("nextboot_enable")?.toLowerCase();
    if (path === undefined || setting === "no" || !files.isFile(path)) return undefined;
    const [first] = (this.#textOf(path) ?? "").split("\n", 1);
    const armed = parseConfLine(first!, dialect);
    const isArmed =
      armed.kind === "variable" &&
      armed.name === "nextboot_enable" &&
      unquote(armed.value).toLowerCase() === "yes";
    if (!isArmed && setting !== "yes") return undefined;
    const left = await this.#readText(path);
    environment.set("nextboot_enable", "NO");
    return left;
  }

  /** Undefined, and reported, if it cannot be read. */
  #textOf(path: string): string | undefined {
    try {
      return this.#with.files.readText(path);
    } catch (error) {
      this.#with.print(`Warning: error reading file ${path}: ${reasonOf(error)}\n`);
      return undefined;
    }
  }
}

interface ConfPosition {
  readonly path: string;
  readonly number: number;
  readonly line: string;
}

interface Performed {
  readonly isSound: boolean;
  readonly left?: Leave | undefined;
}
