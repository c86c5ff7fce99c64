// SPDX-License-Identifier: BSD-2-Clause
import type { LoaderConsole } from "../../loader/userboot/console.ts";
import type { GuestConsole } from "./guest-console.ts";

/**
 * FreeBSD's loader on a program's console. It draws no menu, and its countdowns take no time: who has typed
 * nothing by then will not. At a prompt it takes what was typed before, then what `more` waits for; without that
 * its user is gone.
 */
export function consoleLoader(console: GuestConsole, more?: () => Promise<void>): LoaderConsole {
  return {
    isTerminal: false,
    write: (text) => console.print(text.replaceAll("\n", "\r\n")),
    async key(timeoutMs) {
      if (!console.hasInput && timeoutMs === Number.POSITIVE_INFINITY) await more?.();
      const byte = console.read();
      return byte < 0 ? undefined : byte;
    },
  };
}
