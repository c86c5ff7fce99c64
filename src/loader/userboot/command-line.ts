// SPDX-License-Identifier: BSD-2-Clause
// Cuts a command line into words, as the loader does. FreeBSD: stand/common/interp_backslash.c and interp_parse.c.
//
// Two passes. First backslashes: \b \f \n \r \s \t \v, three octal digits, 0x and one or two hexadecimal digits;
// \\ is one backslash, \z nothing, a backslash before ' " or $ stays, before anything else it goes. Then words: ' and
// " quote (each is plain text inside the other), a backslash takes the next character as it is, and outside of ' ' a
// variable is $name (up to the next blank), ${name} or $(name). What a variable held is not looked at again.
//
// A word that comes out empty is dropped, even a quoted one: so it is in the original.

/** Characters of a line after expansion; the original stops at 1 KiB a word. */
const LONGEST_LINE = 0x1_0000;

/** The words; undefined if a quote or a brace stays open, or variables make the line far too long. */
export function splitCommandLine(
  line: string,
  lookup: (name: string) => string | undefined,
): string[] | undefined {
  const scanner = new WordScanner(expandBackslashes(line), lookup);
  return scanner.run() ? scanner.words : undefined;
}

class WordScanner {
  readonly words: string[] = [];
  readonly #text: string;
  readonly #lookup: (name: string) => string | undefined;
  #at = 0;
  #word = "";
  #room = LONGEST_LINE;
  #inSingle = false;
  #inDouble = false;

  constructor(text: string, lookup: (name: string) => string | undefined) {
    this.#text = text;
    this.#lookup = lookup;
  }

  /** False if the line is malformed. */
  run(): boolean {
    while (this.#at < this.#text.length) {
      if (this.#text[this.#at] === "$" && !this.#inSingle) {
        if (!this.#variable()) return false;
      } else {
        this.#character();
      }
    }
    this.#endWord();
    return !this.#inSingle && !this.#inDouble && this.#room >= 0;
  }

  #character(): void {
    const c = this.#text[this.#at++]!;
    if (c === "\\" && this.#at < this.#text.length) {
      this.#word += this.#text[this.#at++]!;
    } else if (c === "'") {
      this.#inSingle = !this.#inSingle;
      if (this.#inDouble) this.#word += c;
    } else if (c === '"') {
      this.#inDouble = !this.#inDouble;
      if (this.#inSingle) this.#word += c;
    } else if (/\s/.test(c) && !this.#inSingle && !this.#inDouble) {
      this.#endWord();
    } else {
      this.#word += c;
    }
  }

  #variable(): boolean {
    const open = this.#text[this.#at + 1];
    const close = open === "{" ? "}" : open === "(" ? ")" : undefined;
    const start = this.#at + (close === undefined ? 1 : 2);
    let end = start;
    if (close === undefined) {
      while (end < this.#text.length && !/\s/.test(this.#text[end]!)) end++;
    } else {
      end = this.#text.indexOf(close, start);
      if (end < 0) return false;
    }
    const value = this.#lookup(this.#text.slice(start, end)) ?? "";
    this.#word += value;
    this.#room -= value.length;
    this.#at = close === undefined ? end : end + 1;
    return this.#room >= 0;
  }

  #endWord(): void {
    if (this.#word !== "") this.words.push(this.#word);
    this.#word = "";
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\",
  "'": "\\'",
  '"': '\\"',
  $: "\\$",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  s: " ",
  t: "\t",
  v: "\v",
  z: "",
};

function expandBackslashes(line: string): string {
  return line.replace(
    /\\(?:([0-3][0-7]{2})|0[xX]([0-9a-fA-F]{1,2})|([\s\S]))/g,
    (_, octal?: string, hexadecimal?: string, other?: string) => {
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8));
      if (hexadecimal !== undefined) return String.fromCharCode(Number.parseInt(hexadecimal, 16));
      return ESCAPES[other!] ?? other!;
    },
  );
}

/** A prompt knows only ${name}; the rest is text. Cut to a line's length. */
export function expandPrompt(prompt: string, lookup: (name: string) => string | undefined): string {
  let text = "";
  for (const [part, name] of prompt.matchAll(/\$\{([^}]*)\}?|\$|[^$]+/g)) {
    text = (text + (name === undefined ? part : (lookup(name) ?? ""))).slice(0, 80);
  }
  return text;
}
