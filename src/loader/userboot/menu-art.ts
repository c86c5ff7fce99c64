// SPDX-License-Identifier: BSD-2-Clause
// What the boot menu is decorated with: a brand, a logo, a frame. Drawings of our own; places and names of styles are
// those of stand/lua/drawer.lua and stand/forth/frames.4th.

/** `FreeBSD`, 47 columns by 5 rows. */
export const BRAND: readonly string[] = [
  "#####                     ####    ####  #####",
  "#      # ##   ###    ###  #   #  #      #    #",
  "####   ##    #   #  #   # ####    ###   #    #",
  "#      #     ####   ####  #   #      #  #    #",
  "#      #      ###    ###  ####   ####   #####",
];

/** A horned sphere, 28 columns by 13 rows. */
export const LOGO: readonly string[] = [
  " (\\                      /)",
  " | \\_..---''''''---.._  / |",
  "  \\ .'               `./ /",
  "  .'                   `/",
  " /     .-'''-.           \\",
  "|    .'       `.          |",
  "|   /                     |",
  "|   |                     |",
  "|                         |",
  " \\                       /",
  "  `.                   .'",
  "    `-._           _.-'",
  "        `'--...--'`",
];

export interface Frame {
  readonly horizontal: string;
  readonly vertical: string;
  /** Top left, top right, bottom left, bottom right. */
  readonly corners: readonly [string, string, string, string];
}

const ASCII: Frame = { horizontal: "-", vertical: "|", corners: ["+", "+", "+", "+"] };

/** By the values of loader_menu_frame; the older loader draws `double` with equals signs on a serial line. */
export const FRAMES: Readonly<Record<string, Frame>> = {
  ascii: ASCII,
  asciidouble: { ...ASCII, horizontal: "=" },
  single: { horizontal: "─", vertical: "│", corners: ["┌", "┐", "└", "┘"] },
  double: { horizontal: "═", vertical: "║", corners: ["╔", "╗", "╚", "╝"] },
};
