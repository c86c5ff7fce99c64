// SPDX-License-Identifier: BSD-2-Clause
// Command options as getopt(3) takes them: `-l`, `-lv`, `-t type`, `-ttype`, up to the first other word or `--`.
import { CommandError } from "../command-error.ts";

export interface Options {
  readonly flags: ReadonlySet<string>;
  readonly values: ReadonlyMap<string, string>;
  /** What follows the options. */
  readonly rest: readonly string[];
}

/** `spec` lists the letters; one with a colon behind it takes a value. Throws CommandError for any other. */
export function parseOptions(argv: readonly string[], spec: string): Options {
  const flags = new Set<string>();
  const values = new Map<string, string>();
  let index = 1;
  for (; index < argv.length; index++) {
    const word = argv[index]!;
    if (word === "--") {
      index++;
      break;
    }
    if (!word.startsWith("-") || word === "-") break;
    for (let i = 1; i < word.length; i++) {
      const letter = word[i]!;
      const at = letter === ":" ? -1 : spec.indexOf(letter);
      if (at < 0) throw new CommandError(`${argv[0]}: illegal option -- ${letter}`);
      if (spec[at + 1] !== ":") {
        flags.add(letter);
        continue;
      }
      const value = i + 1 < word.length ? word.slice(i + 1) : argv[++index];
      if (value === undefined) {
        throw new CommandError(`${argv[0]}: option requires an argument -- ${letter}`);
      }
      values.set(letter, value);
      break;
    }
  }
  return { flags, values, rest: argv.slice(index) };
}
