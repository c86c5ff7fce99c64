// SPDX-License-Identifier: BSD-2-Clause
// The loader has had two faces: scripted in Forth (to 11.x, and an option since), and in Lua (12.x on). They differ in
// banner, configuration language, menu and some words. The scripts of an image are not run: both faces are written
// here, and follow what the image's files say. FreeBSD: stand/forth, stand/lua, stand/common/newvers.sh.

export type Face = "lua" | "forth";

/** What an image of that generation carries. */
export const LUA_SCRIPT = "/boot/lua/loader.lua";

/** The line that names the loader. */
export function banner(face: Face): string {
  return face === "lua"
    ? "FreeBSD/amd64 User boot lua, Revision 1.2\n"
    : "FreeBSD/amd64 User boot, Revision 1.1\n";
}

/** The answer to a word that is no command. */
export function unknownCommand(face: Face, word: string): string {
  return face === "lua" ? "unknown command" : `${word} not found`;
}

/** The answer to a line with an open quote or brace. */
export function unparsable(face: Face, line: string): string {
  return face === "lua" ? `Failed to parse '${line}'` : "Parse error!";
}
