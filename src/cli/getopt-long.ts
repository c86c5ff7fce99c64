// SPDX-License-Identifier: BSD-2-Clause
// getopt_long(3) without short options, as bhyvectl uses it: `--name=value` or `--name value`, unambiguous
// beginnings of names will do, operands may stand anywhere. Its messages, too.
import { UsageError } from "./getopt.ts";

export interface LongOption {
  readonly name: string;
  /** optional: behind `=` alone. */
  readonly hasArgument: boolean | "optional";
}

export interface ParsedLongOptions {
  /** The last value of each option given; "" where it has no argument. */
  readonly values: ReadonlyMap<string, string>;
  readonly operands: readonly string[];
}

/** Throws UsageError. */
export function getoptLong(
  argv: readonly string[],
  options: readonly LongOption[],
): ParsedLongOptions {
  const values = new Map<string, string>();
  const operands: string[] = [];
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index]!;
    if (word === "--") {
      operands.push(...argv.slice(index + 1));
      break;
    }
    if (!word.startsWith("--")) {
      if (word.startsWith("-") && word !== "-") {
        throw new UsageError(`illegal option -- ${word.charAt(1)}`);
      }
      operands.push(word);
      continue;
    }
    const equals = word.indexOf("=");
    const { name, hasArgument } = find(equals < 0 ? word : word.slice(0, equals), options);
    if (!hasArgument && equals >= 0) {
      throw new UsageError(`option \`--${name}' doesn't allow an argument`);
    }
    if (equals >= 0) values.set(name, word.slice(equals + 1));
    else if (hasArgument !== true) values.set(name, "");
    else if (index + 1 < argv.length) values.set(name, argv[++index]!);
    else throw new UsageError(`option \`--${name}' requires an argument`);
  }
  return { values, operands };
}

function find(word: string, options: readonly LongOption[]): LongOption {
  const given = word.slice(2);
  const exact = options.find(({ name }) => name === given);
  if (exact !== undefined) return exact;
  const [first, ...others] = options.filter(({ name }) => name.startsWith(given));
  if (first === undefined) throw new UsageError(`unrecognized option \`${word}'`);
  if (others.length > 0) throw new UsageError(`option \`${word}' is ambiguous`);
  return first;
}
