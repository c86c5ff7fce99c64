// SPDX-License-Identifier: BSD-2-Clause
// What has been loaded into guest memory so far, and how more is added: a kernel first, then modules with what they
// need, then any files. FreeBSD: stand/common/module.c.
//
// Each file starts on the page behind the one before.
import { alignUp } from "../../base/bits.ts";
import { VmmError } from "../../base/errors.ts";
import type { GuestMemory } from "../../mmu/guest-memory.ts";
import { ET_REL, parseElf } from "../elf.ts";
import { loadKernel } from "../freebsd/kernel.ts";
import { loadModule } from "../freebsd/module.ts";
import {
  checkRoom,
  KERNEL_TYPE,
  type PreloadedFile,
  type VersionRange,
} from "../freebsd/preloaded-file.ts";
import { copyFileToGuest } from "../guest-copy.ts";
import { CommandError, reasonOf } from "./command-error.ts";
import type { Environment } from "./environment.ts";
import type { Face } from "./face.ts";
import { kernelLine, moduleLine, rawLine } from "./load-lines.ts";
import type { LoaderFiles } from "./loader-files.ts";
import { hasPath, type ModuleSearch } from "./module-search.ts";

const PAGE = 4096;
const DEEPEST_DEPENDENCY = 64;

export interface LoadedFilesParts {
  readonly memory: GuestMemory;
  readonly files: LoaderFiles;
  readonly search: ModuleSearch;
  readonly environment: Environment;
  readonly face: Face;
  print(text: string): void;
}

export class LoadedFiles {
  #list: PreloadedFile[] = [];
  /** How many files are being loaded because the one before needs them. */
  #depth = 0;
  readonly #parts: LoadedFilesParts;

  constructor(parts: LoadedFilesParts) {
    this.#parts = parts;
  }

  get list(): readonly PreloadedFile[] {
    return this.#list;
  }

  get kernel(): PreloadedFile | undefined {
    return this.#list.find((file) => file.type === KERNEL_TYPE);
  }

  /** Forgets everything. What lies in guest memory is overwritten by what is loaded next. */
  unload(): void {
    this.#list = [];
    this.#parts.environment.discard("kernelname");
  }

  /** The file with a module of that name, of a version in the range if one is given. */
  findModule(name: string, range: VersionRange | undefined): PreloadedFile | undefined {
    return this.#list.find((file) =>
      file.modules.some(
        (module) => module.name === name && (range === undefined || isIn(range, module.version)),
      ),
    );
  }

  /** Loads what a name means to `load`: a file if it has a path, else the module of that name. Throws CommandError. */
  loadNamed(name: string, args: readonly string[]): void {
    if (hasPath(name)) this.loadKld(name, args);
    else this.loadModule(name, undefined, args);
  }

  /**
   * Loads a kernel or module from a file, given by path or by name on module_path, and the modules it depends on; not
   * again, if it is there. Throws CommandError, and then nothing of it stays.
   */
  loadKld(name: string, args: readonly string[]): void {
    const path = this.#parts.search.findKld(name);
    if (path === undefined) throw new CommandError(`can't find '${name}'`, "critical");
    if (this.#list.some((file) => file.name === path)) return;
    const count = this.#list.length;
    if (++this.#depth > DEEPEST_DEPENDENCY) {
      this.#depth--;
      throw new CommandError(`${path} is needed too deep in a chain of modules`, "critical");
    }
    try {
      const file = this.#place(path);
      if (args.length > 0) file.args = args.join(" ");
      this.#list.push(file);
      this.#loadDependencies(file);
    } catch (error) {
      this.#list.length = count;
      throw error;
    } finally {
      this.#depth--;
    }
  }

  /** Loads the module of that name, unless it is there. Throws CommandError. */
  loadModule(name: string, range: VersionRange | undefined, args: readonly string[]): void {
    if (this.findModule(name, range) !== undefined) return;
    const path = this.#parts.search.findModule(name, range);
    if (path === undefined) throw new CommandError(`can't find '${name}'`, "critical");
    this.loadKld(path, args);
  }

  /** Loads a file as it is, under a type the kernel may know. Throws CommandError. */
  loadRaw(name: string, type: string): void {
    if (this.#list.some((file) => file.name === name && file.type === type)) {
      throw new CommandError(`warning: file '${name}' already loaded`, "warning");
    }
    if (this.#list.length === 0) throw new CommandError("can't load file before kernel");
    const path = this.#parts.search.findRaw(name);
    if (path === undefined) throw new CommandError(`can't find '${name}'`);
    const file = this.#guarded(path, "error", () => this.#placeRaw(path, type));
    this.#list.push(file);
    this.#parts.print(rawLine(file));
  }

  /** A kernel if none is there yet and the file is not relocatable, else a module. */
  #place(path: string): PreloadedFile {
    const { memory, files, environment, face, print } = this.#parts;
    return this.#guarded(path, "critical", () => {
      const elf = parseElf(files.open(path), path);
      if (elf.type === ET_REL) {
        if (this.kernel === undefined) {
          throw new VmmError("ERR_BAD_IMAGE", "can't load module before kernel");
        }
        const file = loadModule(memory, elf, this.#nextAddress());
        print(moduleLine(file));
        return file;
      }
      if (this.#list.length > 0) throw new VmmError("ERR_BAD_IMAGE", "kernel already loaded");
      const { file, report } = loadKernel(memory, elf);
      environment.set("kernelname", path);
      print(kernelLine(path, report, face));
      return file;
    });
  }

  #placeRaw(path: string, type: string): PreloadedFile {
    const { memory, files } = this.#parts;
    const source = files.open(path);
    const address = alignUp(this.#nextAddress(), PAGE);
    checkRoom(memory, address, source.size, path);
    copyFileToGuest(memory, address, { source, offset: 0, length: source.size }, path);
    return {
      name: path,
      type,
      address,
      sizeBytes: source.size,
      metadata: [],
      modules: [],
      dependencies: [],
    };
  }

  #nextAddress(): number {
    const last = this.#list.at(-1);
    return last === undefined ? 0 : last.address + last.sizeBytes;
  }

  #loadDependencies(file: PreloadedFile): void {
    for (const dependency of file.dependencies) {
      if (this.findModule(dependency.name, dependency) !== undefined) continue;
      this.#parts.print(`loading required module '${dependency.name}'\n`);
      this.loadModule(dependency.name, dependency, []);
      if (this.findModule(dependency.name, dependency) === undefined) {
        throw new CommandError(
          `module '${dependency.name}' exists but with wrong version`,
          "critical",
        );
      }
    }
  }

  #guarded(path: string, severity: "error" | "critical", load: () => PreloadedFile): PreloadedFile {
    try {
      return load();
    } catch (error) {
      if (!(error instanceof VmmError)) throw error;
      throw new CommandError(`can't load file '${path}': ${reasonOf(error)}`, severity, {
        cause: error,
      });
    }
  }
}

function isIn(range: VersionRange, version: number): boolean {
  return version === range.preferred || (version >= range.minimum && version <= range.maximum);
}
