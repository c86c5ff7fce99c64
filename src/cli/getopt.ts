// SPDX-License-Identifier: BSD-2-Clause
// getopt(3) as bhyve's tools use it: clustered flags, arguments attached or separate, everything behind the
// first operand or `--` is an operand. Its messages, too.
import { VmmError } from "../base/errors.ts";

export interface Option {
  readonly letter: string;
  readonly argument: string | undefined;
}

export interface ParsedOptions {
  /** In the order given. */
  readonly options: readonly Option[];
  readonly operands: readonly string[];
}

/** Thrown for what the usage text is the answer to. */
export class UsageError extends VmmError {
  constructor(message: string) {
    super("ERR_BAD_OPTION", message);
    this.name = "UsageError";
  }
}

/**
 * `letters` is a getopt string; `:` behind a letter means that it takes an argument. `optional` decides for
 * a letter without one whether the next word is its argument after all: 2012's `-S 31,uart,stdio`.
 */
export function getopt(
  argv: readonly string[],
  letters: string,
  optional: (letter: string, next: string) => boolean = () => false,
): ParsedOptions {
  const options: Option[] = [];
  let index = 0;
  while (index < argv.length) {
    const word = argv[index]!;
    if (word === "--") return { options, operands: argv.slice(index + 1) };
    if (!word.startsWith("-") || word === "-") break;
    index = parseWord(argv, index, { letters, optional, options });
  }
  return { options, operands: argv.slice(index) };
}

interface Rules {
  readonly letters: string;
  readonly optional: (letter: string, next: string) => boolean;
  readonly options: Option[];
}

/** One word of flags; the index of the next word. */
function parseWord(argv: readonly string[], index: number, rules: Rules): number {
  const word = argv[index]!;
  for (let at = 1; at < word.length; at++) {
    const letter = word[at]!;
    const place = letter === ":" ? -1 : rules.letters.indexOf(letter);
    if (place < 0) throw new UsageError(`illegal option -- ${letter}`);
    const rest = word.slice(at + 1);
    const next = argv[index + 1];
    if (rules.letters[place + 1] === ":") {
      if (rest === "" && next === undefined) {
        throw new UsageError(`option requires an argument -- ${letter}`);
      }
      rules.options.push({ letter, argument: rest === "" ? next : rest });
      return rest === "" ? index + 2 : index + 1;
    }
    if (rest === "" && next !== undefined && rules.optional(letter, next)) {
      rules.options.push({ letter, argument: next });
      return index + 2;
    }
    rules.options.push({ letter, argument: undefined });
  }
  return index + 1;
}
