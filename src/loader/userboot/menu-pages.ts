// SPDX-License-Identifier: BSD-2-Clause
// What stands in the boot menu: the main page and the page of boot options, in the words of either face.
// FreeBSD: stand/lua/menu.lua, stand/forth/menu.rc and menu-commands.4th. No boot environments and no chain loading: there
// is no ZFS here. ACPI can be switched on amd64, too, which the stock userboot leaves out.
import { boot } from "./boot-flow.ts";
import type { Loader } from "./loader.ts";
import type { MenuScreen } from "./menu-screen.ts";
import {
  ACPI,
  consoleName,
  kernelNames,
  type MenuSwitch,
  nextConsole,
  SAFE,
  SINGLE_USER,
  VERBOSE,
} from "./menu-state.ts";
import type { Leave } from "./outcome.ts";

/** What an item leads to: another page, the prompt, out of the loader; undefined: the page stays. */
export type MenuResult = MenuPage | Leave | { readonly kind: "prompt" } | undefined;

export type MenuRow =
  | { readonly kind: "text"; readonly text: string }
  | {
      readonly kind: "item";
      readonly text: string;
      /** Lower case; the item's number works as well. */
      readonly keys: readonly string[];
      act(): Promise<MenuResult>;
    };

export interface MenuPage {
  /** As things stand now. */
  rows(): MenuRow[];
}

/** The first page. Remembers how the switches stand, for "system defaults". */
export function mainPage(loader: Loader, screen: MenuScreen): MenuPage {
  const defaults = {
    isSingle: SINGLE_USER.isOn(loader.environment),
    isVerbose: VERBOSE.isOn(loader.environment),
  };
  const carousel = new KernelCarousel(loader);
  const page: MenuPage = {
    rows: () => mainRows({ loader, screen, carousel, options: () => options }),
  };
  const options: MenuPage = {
    rows: () => optionRows({ loader, screen, back: page, defaults }),
  };
  return page;
}

interface MainParts {
  readonly loader: Loader;
  readonly screen: MenuScreen;
  readonly carousel: KernelCarousel;
  options(): MenuPage;
}

function mainRows({ loader, screen, carousel, options }: MainParts): MenuRow[] {
  const { environment, face } = loader;
  const isLua = face === "lua";
  const reboot = isLua ? `${screen.hot("R")}eboot` : "Reboot";
  const configure = isLua
    ? `Boot ${screen.hot("O")}ptions`
    : `Configure Boot ${screen.hot("O")}ptions...`;
  return [
    ...bootItems(loader, screen),
    item(`${screen.hot("Esc")}ape to loader prompt`, ["\x1b"], async () => toPrompt(loader)),
    item(reboot, ["r"], async () => ({ kind: "rebooted" })),
    ...(isLua
      ? [
          item(`${screen.hot("C")}ons: ${consoleName(environment)}`, ["c"], async () => {
            nextConsole(environment);
            return undefined;
          }),
        ]
      : []),
    text(""),
    text("Options:"),
    item(carousel.label(screen), ["k"], async () => {
      carousel.next();
      return undefined;
    }),
    item(configure, ["o"], async () => options()),
  ];
}

/** Multi user and single user, whichever is configured first and on Enter. */
function bootItems(loader: Loader, screen: MenuScreen): MenuRow[] {
  const isSingleFirst = SINGLE_USER.isOn(loader.environment);
  const user = loader.face === "lua" ? "user" : "User";
  const prompt = loader.environment.get("loader_menu_multi_user_prompt") ?? `Multi ${user}`;
  const start = (isSingle: boolean) => async () => {
    SINGLE_USER.set(loader.environment, isSingle);
    return boot(loader, ["boot"]);
  };
  const enter = ` ${screen.bold("[Enter]")}`;
  const multi = isSingleFirst
    ? item(
        loader.face === "lua"
          ? `${screen.hot("B")}oot ${prompt}`
          : `Boot ${screen.hot("M")}ulti User`,
        ["b", "m"],
        start(false),
      )
    : item(
        loader.face === "lua" || screen.hasColor
          ? `${screen.hot("B")}oot ${prompt}${enter}`
          : `Boot ${prompt}${enter}`,
        ["b"],
        start(false),
      );
  const single = item(
    `Boot ${screen.hot("S")}ingle ${user}${isSingleFirst ? enter : ""}`,
    ["s"],
    start(true),
  );
  return isSingleFirst ? [single, multi] : [multi, single];
}

function toPrompt(loader: Loader): MenuResult {
  loader.environment.set("autoboot_delay", "NO");
  if (loader.face === "forth") {
    loader.print(
      "\nTo get back to the menu, type `menu' and press ENTER\n" +
        "or type `boot' and press ENTER to start FreeBSD.\n\n",
    );
  }
  return { kind: "prompt" };
}

interface OptionParts {
  readonly loader: Loader;
  readonly screen: MenuScreen;
  readonly back: MenuPage;
  readonly defaults: { readonly isSingle: boolean; readonly isVerbose: boolean };
}

function optionRows({ loader, screen, back, defaults }: OptionParts): MenuRow[] {
  const { environment, face } = loader;
  const isLua = face === "lua";
  const toggle = (label: string, key: string, control: MenuSwitch) => {
    const isOn = control.isOn(environment);
    const state = isOn
      ? screen.colored("On", "green")
      : screen.colored("off", isLua ? "red" : "blue");
    return item(`${label}${state}`, [key], async () => {
      control.set(environment, !isOn);
      return undefined;
    });
  };
  const backLabel = isLua ? "Back to main menu" : "Back to Main Menu";
  const label = (lua: string, forth: string) => (isLua ? lua : forth);
  return [
    item(`${backLabel} ${screen.bold("[Backspace]")}`, [], async () => back),
    item(`Load System ${screen.hot("D")}efaults`, ["d"], async () => {
      ACPI.set(environment, true);
      SAFE.set(environment, false);
      SINGLE_USER.set(environment, isLua && defaults.isSingle);
      VERBOSE.set(environment, isLua && defaults.isVerbose);
      return undefined;
    }),
    text(""),
    text("Boot Options:"),
    toggle(screen.hot("A") + label("CPI       :", "CPI Support "), "a", ACPI),
    toggle(`Safe ${screen.hot("M")}${label("ode  :", "ode... ")}`, "m", SAFE),
    toggle(screen.hot("S") + label("ingle user:", "ingle User. "), "s", SINGLE_USER),
    toggle(screen.hot("V") + label("erbose    :", "erbose..... "), "v", VERBOSE),
  ];
}

/** The kernels in turn. */
class KernelCarousel {
  readonly #loader: Loader;
  #index = 0;

  constructor(loader: Loader) {
    this.#loader = loader;
  }

  label(screen: MenuScreen): string {
    const names = kernelNames(this.#loader);
    const name = names[this.#index];
    if (name === undefined) return "Kernel: ";
    const isDefault = this.#index === 0;
    const shown = screen.colored(name, isDefault ? "green" : "blue");
    const prefix = isDefault && (this.#loader.face === "lua" || screen.hasColor) ? "default/" : "";
    return `${screen.hot("K")}ernel: ${prefix}${shown} (${this.#index + 1} of ${names.length})`;
  }

  /** A kernel that is in memory makes room for the one chosen. */
  next(): void {
    const names = kernelNames(this.#loader);
    if (names.length === 0) return;
    this.#index = (this.#index + 1) % names.length;
    this.#loader.loaded.unload();
    this.#loader.kernelChoice = names[this.#index];
  }
}

function text(value: string): MenuRow {
  return { kind: "text", text: value };
}

function item(label: string, keys: readonly string[], act: () => Promise<MenuResult>): MenuRow {
  return { kind: "item", text: label, keys, act };
}
