// SPDX-License-Identifier: BSD-2-Clause
// The tree of configuration variables that every flag of bhyve is a shorthand for: bhyve_config(5),
// usr.sbin/bhyve/config.c. Names are dotted paths, values text; later settings override.
import { VmmError } from "../base/errors.ts";

const TRUE_WORDS: ReadonlySet<string> = new Set(["true", "yes", "on", "1"]);
const FALSE_WORDS: ReadonlySet<string> = new Set(["false", "no", "off", "0"]);
const MAX_EXPANSION = 8;

export class Config {
  readonly #values = new Map<string, string>();

  set(name: string, value: string): void {
    // Setting again moves a variable to the end: devices are made in the order of their options.
    this.#values.delete(name);
    this.#values.set(name, value);
  }

  unset(name: string): void {
    this.#values.delete(name);
  }

  /** `name=value`, as behind `-o`. Throws ERR_BAD_OPTION. */
  setAssignment(text: string): void {
    const equals = text.indexOf("=");
    if (equals <= 0) {
      throw new VmmError(
        "ERR_BAD_OPTION",
        `invalid configuration option '${text}': expected name=value`,
      );
    }
    this.set(text.slice(0, equals), text.slice(equals + 1));
  }

  /** The text of a configuration file, `-k`. Throws ERR_BAD_OPTION with the line's number. */
  setFile(path: string, text: string): void {
    text.split("\n").forEach((raw, index) => {
      const line = raw.trimStart();
      if (line === "" || line.startsWith("#")) return;
      if (!/^[^=]+=/.test(line)) {
        const where = `${path} line ${index + 1}`;
        throw new VmmError("ERR_BAD_OPTION", `${where}: invalid config option '${line}'`);
      }
      this.setAssignment(line);
    });
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** The value with `%(other)` expanded; undefined if it is not set. Throws ERR_BAD_OPTION for endless nesting. */
  get(name: string): string | undefined {
    const value = this.#values.get(name);
    return value === undefined ? undefined : this.#expand(value, 0);
  }

  #expand(value: string, depth: number): string {
    if (depth > MAX_EXPANSION) {
      throw new VmmError(
        "ERR_BAD_OPTION",
        `configuration variables refer to each other in '${value}'`,
      );
    }
    return value.replace(/\\(.)|%\(([^)]*)\)/g, (_match, escaped?: string, name?: string) => {
      if (escaped !== undefined) return escaped;
      return this.#expand(this.#values.get(name ?? "") ?? "", depth + 1);
    });
  }

  /** Throws ERR_BAD_OPTION for what is neither true nor false. */
  getBoolean(name: string, fallback: boolean): boolean {
    const value = this.get(name)?.toLowerCase();
    if (value === undefined) return fallback;
    if (TRUE_WORDS.has(value)) return true;
    if (FALSE_WORDS.has(value)) return false;
    throw new VmmError("ERR_BAD_OPTION", `Invalid value '${value}' for boolean variable '${name}'`);
  }

  /** A whole number from `minimum` up. Throws ERR_BAD_OPTION. */
  getInteger(name: string, fallback: number, minimum = 0): number {
    const value = this.get(name);
    if (value === undefined) return fallback;
    const number = Number(value);
    if (value.trim() !== "" && Number.isSafeInteger(number) && number >= minimum) return number;
    throw new VmmError(
      "ERR_BAD_OPTION",
      `Invalid value '${value}' for variable '${name}': expected a whole number from ${minimum}`,
    );
  }

  /** Names that start with `prefix`, in the order they were set. */
  names(prefix = ""): string[] {
    return [...this.#values.keys()].filter((name) => name.startsWith(prefix));
  }

  /** What `config.dump` prints: one `name=value` a line, sorted. */
  dump(): string {
    return [...this.#values]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => `${name}=${value}\n`)
      .join("");
  }

  /** The variables as a plain object, and back: what a registry entry keeps. */
  toJSON(): Record<string, string> {
    return Object.fromEntries(this.#values);
  }

  static fromJSON(values: Readonly<Record<string, string>>): Config {
    const config = new Config();
    for (const [name, value] of Object.entries(values)) config.set(name, value);
    return config;
  }
}
