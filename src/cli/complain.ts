// SPDX-License-Identifier: BSD-2-Clause

/** Longer ones come from binary files that were taken for text. */
const LONGEST = 1000;

/** Control characters, C1 included: what comes from a file must not steer the terminal. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: those are what must not get out
const CONTROL = /[\x00-\x1f\x7f-\x9f]/g;

/** A sentence as one line that a terminal can be shown: control characters as `\xNN`, and not without end. */
export function printable(sentence: string): string {
  const line = sentence.replace(
    CONTROL,
    (control) => `\\x${control.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line;
}

/** Says on standard error what went wrong, as `command: sentence`. */
export function complain(command: string, sentence: string): void {
  process.stderr.write(`${command}: ${printable(sentence)}\n`);
}
