// SPDX-License-Identifier: BSD-2-Clause
// Draws the boot menu on an ANSI terminal of 80 by 25. Places are those of stand/lua/drawer.lua and stand/forth/menu.4th,
// and the variables loader_brand_x, loader_logo_y and their like move them. Columns and rows count from 1.
import type { Environment } from "./environment.ts";
import type { Face } from "./face.ts";
import { BRAND, FRAMES, LOGO } from "./menu-art.ts";

const ESC = "\x1b[";
const MENU_X = 5;
const MENU_Y = 10;
const FRAME_WIDTH = 42;
const FRAME_HEIGHT = 13;
const ORIGIN_X = MENU_X - 3;
const ORIGIN_Y = MENU_Y - 1;
/** Without a logo the menu moves towards the middle. */
const NO_LOGO_SHIFT = 17;

/** A row of the menu: numbered or a heading. */
export interface ScreenRow {
  readonly number: number | undefined;
  readonly text: string;
}

export class MenuScreen {
  readonly #environment: Environment;
  readonly #face: Face;
  readonly #write: (text: string) => void;

  constructor(environment: Environment, face: Face, write: (text: string) => void) {
    this.#environment = environment;
    this.#face = face;
    this.#write = write;
  }

  /** Colours, and bold and reverse letters, may be used. */
  get hasColor(): boolean {
    const setting = this.#environment.get("loader_color")?.toLowerCase();
    return setting !== "no" && setting !== "0";
  }

  /** The whole screen; the cursor ends at its bottom. */
  draw(rows: readonly ScreenRow[]): void {
    this.#write(`${ESC}H${ESC}J`);
    if (this.#environment.get("loader_brand") !== "none") {
      this.#drawing(BRAND, this.#place("loader_brand", 2 + this.#shift, 2));
    }
    if (this.#hasLogo) this.#drawing(LOGO, this.#place("loader_logo", 48, 8), "31");
    this.#frame();
    for (const [i, row] of rows.entries()) {
      const number = row.number === undefined ? "" : `${row.number}. `;
      this.#at(MENU_X + this.#shift, MENU_Y + 1 + i, number + row.text);
    }
    this.parkCursor();
  }

  /** A countdown below the menu; undefined wipes it away. */
  countdown(seconds: number | undefined): void {
    const [x, y] = this.#place("loader_menu_timeout", 4 + this.#shift, 23);
    const text =
      seconds === undefined
        ? " ".repeat(44)
        : `Autoboot in ${seconds} seconds. [Space] to pause `.padEnd(44);
    this.#at(x, y, text);
    this.parkCursor();
  }

  parkCursor(): void {
    this.#write(`${ESC}25;1H`);
  }

  /** A letter that is a key: bold, or without colours as the face marks it. */
  hot(letter: string): string {
    if (this.hasColor) return `${ESC}1m${letter}${ESC}22m`;
    return this.#face === "forth" ? `[${letter}]` : letter;
  }

  bold(text: string): string {
    return this.hasColor ? `${ESC}1m${text}${ESC}22m` : text;
  }

  colored(text: string, color: "green" | "red" | "blue"): string {
    const code = { red: 31, green: 32, blue: 34 }[color];
    return this.hasColor ? `${ESC}${code}m${text}${ESC}39m` : text;
  }

  get #hasLogo(): boolean {
    return this.#environment.get("loader_logo") !== "none";
  }

  get #shift(): number {
    return this.#hasLogo ? 0 : NO_LOGO_SHIFT;
  }

  #place(variable: string, x: number, y: number): readonly [number, number] {
    const value = (axis: string, fallback: number) => {
      const number = Number.parseInt(this.#environment.get(`${variable}_${axis}`) ?? "", 10);
      return number >= 1 && number <= 999 ? number : fallback;
    };
    return [value("x", x), value("y", y)];
  }

  #at(x: number, y: number, text: string): void {
    this.#write(`${ESC}${y};${x}H${text}`);
  }

  #drawing(rows: readonly string[], [x, y]: readonly [number, number], color?: string): void {
    const [on, off] = color && this.hasColor ? [`${ESC}${color}m`, `${ESC}m`] : ["", ""];
    for (const [i, row] of rows.entries()) this.#at(x, y + i, on + row + off);
  }

  #frame(): void {
    const byDefault = this.#face === "forth" ? "asciidouble" : "ascii";
    const frame = FRAMES[this.#environment.get("loader_menu_frame") ?? byDefault];
    const x = ORIGIN_X + this.#shift;
    if (frame !== undefined) {
      const [topLeft, topRight, bottomLeft, bottomRight] = frame.corners;
      const line = frame.horizontal.repeat(FRAME_WIDTH - 1);
      this.#at(x, ORIGIN_Y, topLeft + line + topRight);
      for (let i = 1; i < FRAME_HEIGHT; i++) {
        this.#at(x, ORIGIN_Y + i, frame.vertical);
        this.#at(x + FRAME_WIDTH, ORIGIN_Y + i, frame.vertical);
      }
      this.#at(x, ORIGIN_Y + FRAME_HEIGHT, bottomLeft + line + bottomRight);
    }
    this.#title(x);
  }

  #title(x: number): void {
    const title = this.#environment.get("loader_menu_title") ?? "Welcome to FreeBSD";
    if (title === "") return;
    const text = title.slice(0, FRAME_WIDTH - 4);
    const align = this.#environment.get("loader_menu_title_align")?.toLowerCase();
    let column = x + FRAME_WIDTH / 2 - Math.floor(text.length / 2);
    if (align === "left") column = x + 2;
    if (align === "right") column = x + FRAME_WIDTH - text.length - 1;
    this.#at(column - 1, ORIGIN_Y, ` ${text} `);
  }
}
