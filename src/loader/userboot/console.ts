// SPDX-License-Identifier: BSD-2-Clause
// The loader's terminal: what the host must provide, and the two things the loader builds on it, line input and paging.
// FreeBSD: stand/libsa/gets.c, stand/libsa/pager.c.

/** The terminal, or whatever stands in for it. */
export interface LoaderConsole {
  /** False for a pipe or a file: then the loader draws nothing, and does not page. */
  readonly isTerminal: boolean;
  /** Text with `\n` line ends and ANSI escapes; a terminal in raw mode wants a `\r` added to each, which is the host's to do. */
  write(text: string): void;
  /**
   * The next byte typed; undefined if none came in `timeoutMs`. With Infinity, undefined means that none can ever
   * come again: the input was closed.
   */
  key(timeoutMs: number): Promise<number | undefined>;
}

export const KEY_CTRL_C = 3;
export const KEY_BACKSPACE = 8;
export const KEY_LINEFEED = 10;
export const KEY_ENTER = 13;
export const KEY_CTRL_R = 18;
export const KEY_CTRL_U = 21;
export const KEY_CTRL_W = 23;
export const KEY_ESCAPE = 27;
export const KEY_DELETE = 127;

const LONGEST_INPUT = 255;

/** Reads a line, echoing it; undefined when the input is closed. Backspace, ^U, ^W and ^R edit. */
export async function readLine(console: LoaderConsole): Promise<string | undefined> {
  let line = "";
  for (;;) {
    const key = await console.key(Number.POSITIVE_INFINITY);
    if (key === undefined) return undefined;
    switch (key & 0x7f) {
      case KEY_ENTER:
      case KEY_LINEFEED:
        console.write("\n");
        return line;
      case KEY_BACKSPACE:
      case KEY_DELETE:
        if (line === "") break;
        line = line.slice(0, -1);
        console.write("\b \b");
        break;
      case KEY_CTRL_R:
        console.write(`\n${line}`);
        break;
      case KEY_CTRL_U:
      case KEY_CTRL_W:
        line = "";
        console.write("\n");
        break;
      default:
        if (line.length >= LONGEST_INPUT) break;
        line += String.fromCharCode(key);
        console.write(String.fromCharCode(key));
    }
  }
}

const PAGER_PROMPT = " --more--  <space> page down <enter> line down <q> quit ";

/** Output that stops when the screen is full. */
export class Pager {
  readonly #console: LoaderConsole;
  readonly #pageLines: number;
  #freeLines: number;
  #isOver = false;

  /** `lines` is the screen's height, as in the variable LINES. */
  constructor(console: LoaderConsole, lines: string | undefined) {
    this.#console = console;
    const height = Number.parseInt(lines ?? "24", 10);
    this.#pageLines = Math.max(1, (Number.isNaN(height) ? 24 : height) - 1);
    this.#freeLines = this.#pageLines;
  }

  /** One line, without its newline. True if the reader has had enough: write no more. */
  async line(text: string): Promise<boolean> {
    if (this.#isOver) return true;
    this.#console.write(`${text}\n`);
    if (!this.#console.isTerminal || --this.#freeLines > 0) return false;
    this.#console.write(PAGER_PROMPT);
    await this.#wait();
    this.#console.write(`\r${" ".repeat(PAGER_PROMPT.length)}\r`);
    return this.#isOver;
  }

  /** Line by line, until the reader has had enough. */
  async lines(texts: Iterable<string>): Promise<void> {
    for (const text of texts) if (await this.line(text)) return;
  }

  async #wait(): Promise<void> {
    for (;;) {
      const key = await this.#console.key(Number.POSITIVE_INFINITY);
      if (key === KEY_ENTER || key === KEY_LINEFEED) this.#freeLines = 1;
      else if (key === 0x20) this.#freeLines = this.#pageLines;
      else if (key === undefined || key === 0x71 || key === 0x51) this.#isOver = true;
      else continue;
      return;
    }
  }
}
