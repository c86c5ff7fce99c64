// SPDX-License-Identifier: BSD-2-Clause
// Files by the loader's paths, relative to the current device (`currdev`). Errors are VmmErrors.
import { VmmError } from "../../base/errors.ts";
import type { ByteSource } from "../byte-source.ts";
import type { FileKind, FileStat } from "../fs/file-system.ts";
import type { DevicePath, DeviceTable } from "./devices.ts";
import type { Environment } from "./environment.ts";

/** Configuration, scripts and help are text: more than this is something else. */
const LONGEST_TEXT = 0x10_0000;

export class LoaderFiles {
  readonly devices: DeviceTable;
  readonly #environment: Environment;
  /** Why the first file that was looked for could not be looked at; one that is not there is no reason. */
  unreadable: string | undefined;

  constructor(devices: DeviceTable, environment: Environment) {
    this.devices = devices;
    this.#environment = environment;
  }

  /** Undefined if it is not there, or its device is not, or cannot be read. */
  stat(path: string): FileStat | undefined {
    try {
      const at = this.#resolve(path);
      return this.devices.fileSystemOf(at.device).stat(at.path);
    } catch (error) {
      this.#note(error);
      return undefined;
    }
  }

  isFile(path: string): boolean {
    return this.stat(path)?.kind === "file";
  }

  isDirectory(path: string): boolean {
    return this.stat(path)?.kind === "directory";
  }

  /** Throws ERR_NOT_FOUND, or ERR_BAD_IMAGE. */
  open(path: string): ByteSource {
    const at = this.#resolve(path);
    return this.devices.fileSystemOf(at.device).open(at.path);
  }

  /** Throws ERR_NOT_FOUND, or ERR_BAD_IMAGE. */
  list(path: string): { readonly name: string; readonly kind: FileKind }[] {
    const at = this.#resolve(path);
    return this.devices.fileSystemOf(at.device).list(at.path);
  }

  /** The names in a directory; none if it is not there or cannot be read. */
  namesIn(path: string): string[] {
    try {
      return this.list(path).map((entry) => entry.name);
    } catch (error) {
      this.#note(error);
      return [];
    }
  }

  /** A file as text (UTF-8, damage replaced). Throws ERR_NOT_FOUND, or ERR_BAD_IMAGE above 1 MiB. */
  readText(path: string): string {
    if (this.isDirectory(path)) throw new VmmError("ERR_NOT_FOUND", `${path} is a directory`);
    const source = this.open(path);
    if (source.size > LONGEST_TEXT) {
      throw new VmmError("ERR_BAD_IMAGE", `${path} has ${source.size} bytes, too many for a text`);
    }
    return new TextDecoder().decode(source.read(0, source.size));
  }

  #note(error: unknown): void {
    if (!(error instanceof VmmError)) throw error;
    if (error.code !== "ERR_NOT_FOUND") this.unreadable ??= error.message;
  }

  #resolve(path: string): DevicePath {
    const at = this.devices.resolve(path, this.#environment.get("currdev") ?? "");
    if (at === undefined) throw new VmmError("ERR_NOT_FOUND", `${path}: device not configured`);
    return at;
  }
}
