// SPDX-License-Identifier: BSD-2-Clause
import type { Face } from "../face.ts";
import type { Command } from "../loader.ts";
import { BOOT_COMMANDS } from "./boot-commands.ts";
import { CONF_COMMANDS } from "./conf-commands.ts";
import { FORTH_WORDS } from "./face-commands.ts";
import { FILE_COMMANDS } from "./file-commands.ts";
import { HELP_COMMANDS } from "./help-commands.ts";
import { LOAD_COMMANDS } from "./load-commands.ts";
import { VARIABLE_COMMANDS } from "./variable-commands.ts";

/** Every command of a loader with that face, by name. */
export function commandsOf(face: Face): ReadonlyMap<string, Command> {
  const commands = [
    ...HELP_COMMANDS,
    ...BOOT_COMMANDS,
    ...LOAD_COMMANDS,
    ...FILE_COMMANDS,
    ...VARIABLE_COMMANDS,
    ...CONF_COMMANDS,
    ...(face === "forth" ? FORTH_WORDS : []),
  ];
  return new Map(commands.map((command) => [command.name, command]));
}
