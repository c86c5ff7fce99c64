// SPDX-License-Identifier: BSD-2-Clause
// A terminal whose user follows a script, on a clock of its own: nothing really waits.
import type { LoaderConsole } from "../../src/loader/userboot/console.ts";

/** Text is typed at once, byte by byte; a number is milliseconds of doing nothing. */
export type Act = string | number;

export class ScriptedConsole implements LoaderConsole {
  readonly isTerminal: boolean;
  /** All that was written. */
  output = "";
  /** Milliseconds that waits have taken. */
  elapsedMs = 0;
  readonly #acts: Act[];

  constructor(acts: readonly Act[] = [], isTerminal = true) {
    this.#acts = [...acts];
    this.isTerminal = isTerminal;
  }

  write(text: string): void {
    this.output += text;
  }

  /** When the script is over, the user is gone: the input is closed. */
  async key(timeoutMs: number): Promise<number | undefined> {
    for (;;) {
      const act = this.#acts[0];
      if (act === undefined) {
        if (timeoutMs !== Number.POSITIVE_INFINITY) this.elapsedMs += timeoutMs;
        return undefined;
      }
      if (typeof act === "number") {
        if (act > timeoutMs) {
          this.#acts[0] = act - timeoutMs;
          this.elapsedMs += timeoutMs;
          return undefined;
        }
        this.#acts.shift();
        this.elapsedMs += act;
        continue;
      }
      if (act === "") {
        this.#acts.shift();
        continue;
      }
      this.#acts[0] = act.slice(1);
      return act.charCodeAt(0);
    }
  }

  /** The output without escape sequences, carriage returns as newlines, blank ends of lines cut. */
  get text(): string {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
    const plain = this.output.replace(/\x1b\[[0-9;]*[A-Za-z]/g, "");
    return plain.replace(/\r/g, "\n").replace(/[ \t]+$/gm, "");
  }

  get lines(): string[] {
    return this.text.split("\n");
  }

  /** What stands on the 80 by 25 screen after the last clearing, row by row, blank ends cut. */
  get screen(): string[] {
    const rows = Array.from({ length: 25 }, () => " ".repeat(80));
    const last = this.output.lastIndexOf("\x1b[H\x1b[J");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
    const pieces = this.output.slice(last).matchAll(/\x1b\[([0-9;]*)([A-Za-z])|([^\x1b]+)/g);
    let x = 0;
    let y = 0;
    for (const [, numbers, letter, text] of pieces) {
      if (letter === "H") {
        const [row = 1, column = 1] = (numbers || "1;1").split(";").map(Number);
        [x, y] = [column - 1, row - 1];
      }
      if (text === undefined) continue;
      const line = text.split("\n")[0]!;
      rows[y] = rows[y]!.slice(0, x) + line + rows[y]!.slice(x + line.length);
      x += line.length;
    }
    return rows.map((row) => row.trimEnd());
  }
}
