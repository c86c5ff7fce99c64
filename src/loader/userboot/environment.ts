// SPDX-License-Identifier: BSD-2-Clause
// The loader's variables, all of which become the kernel's environment. FreeBSD: stand/libsa/environment.c: the list
// is sorted by name, a variable may be set and empty, and a few have hooks that check a new value or refuse one.
import { CommandError } from "./command-error.ts";

/** What guards a variable. */
export interface VariableHooks {
  /** The value to store, or undefined to keep the old one. Throws CommandError to refuse. */
  onSet?(value: string): string | undefined;
  readonly canUnset: boolean;
}

/** Names and values together, in characters: a configuration that doubles a variable line by line ends here. */
const MOST_CHARACTERS = 0x10_0000;

export class Environment {
  readonly #values = new Map<string, string>();
  readonly #hooks = new Map<string, VariableHooks>();
  #characters = 0;

  get(name: string): string | undefined {
    return this.#values.get(name);
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** Throws CommandError if the variable's hook refuses, or all variables together become too long. */
  set(name: string, value: string): void {
    const hooks = this.#hooks.get(name);
    const accepted = hooks?.onSet === undefined ? value : hooks.onSet(value);
    if (accepted !== undefined) this.#store(name, accepted);
  }

  /** `name=value`; without `=`, an empty value. */
  put(assignment: string): void {
    const equals = assignment.indexOf("=");
    if (equals < 0) this.set(assignment, "");
    else this.set(assignment.slice(0, equals), assignment.slice(equals + 1));
  }

  /** Throws CommandError if there is no such variable, or it must stay. */
  unset(name: string): void {
    if (!this.#values.has(name)) throw new CommandError("no such file or directory");
    if (this.#hooks.get(name)?.canUnset === false) {
      throw new CommandError("operation not permitted");
    }
    this.#remove(name);
  }

  /** Removes it if it is there and may go. */
  discard(name: string): void {
    if (this.#hooks.get(name)?.canUnset !== false) this.#remove(name);
  }

  /** Sets it past its hook, and from now on asks the hook. */
  guard(name: string, value: string, hooks: VariableHooks): void {
    this.#store(name, value);
    this.#hooks.set(name, hooks);
  }

  /** True only for `YES`, in any case. */
  isYes(name: string): boolean {
    return this.get(name)?.toLowerCase() === "yes";
  }

  /** Name and value, in the order of strcmp: upper case before lower. */
  *[Symbol.iterator](): IterableIterator<readonly [name: string, value: string]> {
    const names = [...this.#values.keys()].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    for (const name of names) yield [name, this.#values.get(name)!];
  }

  #store(name: string, value: string): void {
    const old = this.#values.get(name);
    const growth = value.length - (old === undefined ? -name.length : old.length);
    if (this.#characters + growth > MOST_CHARACTERS) {
      throw new CommandError(`no room for variable '${name.slice(0, 40)}'`);
    }
    this.#characters += growth;
    this.#values.set(name, value);
  }

  #remove(name: string): void {
    const old = this.#values.get(name);
    if (old === undefined) return;
    this.#characters -= name.length + old.length;
    this.#values.delete(name);
  }
}

/**
 * Puts the `-e name=value` list in. bhyveload keeps it as a stack, with its own settings on top, and the loader
 * takes from the top: of two settings of one variable the one given first wins, and any beats bhyveload's own.
 * `refused` hears of those that a variable's hook does not take.
 */
export function putHostVariables(
  environment: Environment,
  variables: { readonly own: readonly string[]; readonly given: readonly string[] },
  refused: (assignment: string, reason: string) => void,
): void {
  for (const assignment of [...variables.own.toReversed(), ...variables.given.toReversed()]) {
    try {
      environment.put(assignment);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      refused(assignment, error.message);
    }
  }
}
