// SPDX-License-Identifier: BSD-2-Clause
// The boot menu: shows a page, counts down, answers keys. The pages are in menu-pages.ts, one set for each face.
// FreeBSD: stand/lua/menu.lua, stand/forth/menu.4th.
import { boot } from "./boot-flow.ts";
import { CommandError } from "./command-error.ts";
import { KEY_BACKSPACE, KEY_DELETE, KEY_ENTER, KEY_LINEFEED } from "./console.ts";
import type { Loader } from "./loader.ts";
import { type MenuPage, mainPage } from "./menu-pages.ts";
import { MenuScreen } from "./menu-screen.ts";
import type { Leave } from "./outcome.ts";
import { configuredDelay } from "./start-kernel.ts";

/**
 * Shows the menu until the user has decided. Undefined: the prompt is next. Throws CommandError if what was chosen
 * fails, or there is no terminal.
 */
export async function runMenu(loader: Loader): Promise<Leave | undefined> {
  if (!loader.console.isTerminal) throw new CommandError("the menu needs a terminal");
  const noDelay = loader.environment.get("autoboot_delay")?.toLowerCase() === "no";
  const delay = noDelay ? undefined : configuredDelay(loader);
  if (delay !== undefined && delay < 0) return boot(loader, ["boot"]);
  const screen = new MenuScreen(loader.environment, loader.face, (text) => loader.print(text));
  const main = mainPage(loader, screen);
  draw(screen, main);
  let key: number | undefined;
  if (delay !== undefined) {
    const counted = await countDown(loader, screen, delay);
    if (counted === "over") return runTimeoutCommand(loader);
    key = counted;
  }
  return new MenuSession(loader, screen, main).run(key);
}

/** The key that stopped it, or `over`: time is up, or Enter. */
async function countDown(
  loader: Loader,
  screen: MenuScreen,
  delayS: number,
): Promise<number | "over"> {
  for (let left = delayS; left > 0; left--) {
    // The older menu has room for one digit.
    screen.countdown(loader.face === "forth" ? Math.min(left, 9) : left);
    const key = await loader.console.key(1000);
    if (key === undefined) continue;
    if (isEnter(key)) return "over";
    screen.countdown(undefined);
    return key;
  }
  return "over";
}

async function runTimeoutCommand(loader: Loader): Promise<Leave | undefined> {
  const command = loader.environment.get("menu_timeout_command");
  return command === undefined ? boot(loader, ["boot"]) : loader.execute(command);
}

function draw(screen: MenuScreen, page: MenuPage): void {
  let number = 0;
  screen.draw(
    page.rows().map((row) => ({
      number: row.kind === "item" ? ++number : undefined,
      text: row.text,
    })),
  );
}

class MenuSession {
  readonly #loader: Loader;
  readonly #screen: MenuScreen;
  readonly #main: MenuPage;
  #page: MenuPage;

  constructor(loader: Loader, screen: MenuScreen, main: MenuPage) {
    this.#loader = loader;
    this.#screen = screen;
    this.#main = main;
    this.#page = main;
  }

  /** `first` is a key that was typed already. */
  async run(first: number | undefined): Promise<Leave | undefined> {
    let key = first ?? (await this.#loader.console.key(Number.POSITIVE_INFINITY));
    for (;;) {
      if (key === undefined) return { kind: "quit" };
      this.#loader.renewBudget();
      if (isEnter(key)) return boot(this.#loader, ["boot"]);
      const result = await this.#press(key);
      if (result === "prompt") return undefined;
      if (typeof result === "object") return result;
      key = await this.#loader.console.key(Number.POSITIVE_INFINITY);
    }
  }

  async #press(key: number): Promise<Leave | "prompt" | undefined> {
    const isBack = key === KEY_BACKSPACE || key === KEY_DELETE;
    if (isBack && this.#page !== this.#main) {
      this.#page = this.#main;
    } else {
      const letter = String.fromCharCode(key).toLowerCase();
      const items = this.#page.rows().filter((row) => row.kind === "item");
      const item = items.find((row, i) => row.keys.includes(letter) || `${i + 1}` === letter);
      if (item === undefined) return undefined;
      this.#screen.parkCursor();
      const result = await item.act();
      if (result !== undefined && "kind" in result) {
        return result.kind === "prompt" ? "prompt" : result;
      }
      if (result !== undefined) this.#page = result;
    }
    draw(this.#screen, this.#page);
    return undefined;
  }
}

function isEnter(key: number): boolean {
  return key === KEY_ENTER || key === KEY_LINEFEED;
}
