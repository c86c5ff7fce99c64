// SPDX-License-Identifier: BSD-2-Clause
// From the name of a kernel or module to a file: the directories of module_path, their linker.hints, the suffixes.
// FreeBSD: stand/common/module.c file_search, mod_searchmodule.
import { VmmError } from "../../base/errors.ts";
import {
  chooseHint,
  LINKER_HINTS_MAX,
  type LinkerHint,
  parseLinkerHints,
} from "../freebsd/linker-hints.ts";
import type { VersionRange } from "../freebsd/preloaded-file.ts";
import { DeviceTable } from "./devices.ts";
import type { Environment } from "./environment.ts";
import type { LoaderFiles } from "./loader-files.ts";

const DEFAULT_PATH = "/boot/kernel;/boot/modules";
const MODULE_SUFFIXES = [".ko", "", ".debug"];
const NO_SUFFIX = [""];

export class ModuleSearch {
  readonly #files: LoaderFiles;
  readonly #environment: Environment;
  readonly #warn: (text: string) => void;
  /** By path of the hints file, device included. */
  readonly #hints = new Map<string, readonly LinkerHint[]>();

  /** `warn` hears, once each, of hints that cannot be read. */
  constructor(files: LoaderFiles, environment: Environment, warn: (text: string) => void) {
    this.#files = files;
    this.#environment = environment;
    this.#warn = warn;
  }

  /** The file of a kernel or module by name or path; undefined if there is none. */
  findKld(name: string): string | undefined {
    return this.#find(name, MODULE_SUFFIXES);
  }

  /** A file as it is named, looked for in the module directories unless it has a path. */
  findRaw(name: string): string | undefined {
    return this.#find(name, NO_SUFFIX);
  }

  /** The file that provides a module: by linker.hints first, else by a file of that name. */
  findModule(name: string, range: VersionRange | undefined): string | undefined {
    for (const directory of this.directories()) {
      const hint = chooseHint(this.#hintsOf(directory), name, range);
      const found =
        hint === undefined
          ? this.#lookup(directory, name, MODULE_SUFFIXES)
          : this.#lookup(directory, hint.file, NO_SUFFIX);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** module_path, taken apart; each directory once. */
  directories(): string[] {
    const path = this.#environment.get("module_path") ?? DEFAULT_PATH;
    const directories = path.split(";").filter((part) => part !== "");
    return [...new Set(directories.map((part) => part.replace(/(.)\/+$/, "$1")))];
  }

  #find(name: string, suffixes: readonly string[]): string | undefined {
    if (hasPath(name)) return this.#files.isFile(name) ? name : undefined;
    for (const directory of this.directories()) {
      const found = this.#lookup(directory, name, suffixes);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #lookup(directory: string, name: string, suffixes: readonly string[]): string | undefined {
    const base = directory.endsWith("/") ? `${directory}${name}` : `${directory}/${name}`;
    return suffixes.map((suffix) => base + suffix).find((path) => this.#files.isFile(path));
  }

  #hintsOf(directory: string): readonly LinkerHint[] {
    const path = `${directory}/linker.hints`;
    const key = DeviceTable.hasDevice(path) ? path : `${this.#environment.get("currdev")}${path}`;
    let hints = this.#hints.get(key);
    if (hints === undefined) {
      hints = this.#readHints(path);
      this.#hints.set(key, hints);
    }
    return hints;
  }

  #readHints(path: string): readonly LinkerHint[] {
    const stat = this.#files.stat(path);
    if (stat?.kind !== "file" || stat.size > LINKER_HINTS_MAX) return [];
    try {
      const source = this.#files.open(path);
      if (source.size > LINKER_HINTS_MAX) return [];
      return parseLinkerHints(source.read(0, source.size));
    } catch (error) {
      if (!(error instanceof VmmError)) throw error;
      this.#warn(`${path}: ${error.message}, not used\n`);
      return [];
    }
  }
}

/** True for a name with a directory or device: it is not looked for anywhere else. */
export function hasPath(name: string): boolean {
  return name.includes("/") || DeviceTable.hasDevice(name);
}
