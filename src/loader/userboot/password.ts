// SPDX-License-Identifier: BSD-2-Clause
// Passwords that configuration may put before booting (bootlock_password) or before anything but booting (password), and
// the passphrase for an encrypted disk. FreeBSD: stand/lua/password.lua, stand/forth/check-password.4th.
import { KEY_BACKSPACE, KEY_CTRL_U, KEY_DELETE, KEY_ENTER, KEY_LINEFEED } from "./console.ts";
import { loadConfigured } from "./load-configured.ts";
import type { Loader } from "./loader.ts";
import type { Leave } from "./outcome.ts";
import { autoboot } from "./start-kernel.ts";

const WRONG_PAUSE_MS = 3000;

/** Asks for whatever is configured; comes back when all is well. A Leave: the countdown ran out, or input ended. */
export async function checkPassword(loader: Loader): Promise<Leave | undefined> {
  const { environment, face } = loader;
  const bootlock = environment.get("bootlock_password");
  if (bootlock !== undefined) {
    const prompt = face === "lua" ? "Bootlock password: " : "Boot Password: ";
    if (!(await demand(loader, prompt, bootlock))) return { kind: "quit" };
  }
  if (environment.isYes("geom_eli_passphrase_prompt")) {
    const phrase = await readHidden(loader, "GELI Passphrase: ");
    if (phrase === undefined) return { kind: "quit" };
    environment.set("kern.geom.eli.passphrase", phrase);
  }
  const password = environment.get("password");
  if (password === undefined) return undefined;
  if (!environment.has("kernelname")) {
    const left = await loadConfigured(loader);
    if (left !== undefined) return left;
  }
  const left = await autoboot(loader, undefined, undefined);
  if (left !== undefined) return left;
  const prompt = face === "lua" ? "Loader password: " : "Password: ";
  return (await demand(loader, prompt, password)) ? undefined : { kind: "quit" };
}

/** Asks until it is right; false if the input ended. */
async function demand(loader: Loader, prompt: string, password: string): Promise<boolean> {
  for (;;) {
    const given = await readHidden(loader, prompt);
    if (given === undefined) return false;
    if (given === password) return true;
    loader.print("loader: incorrect password\n");
    while ((await loader.console.key(WRONG_PAUSE_MS)) !== undefined);
  }
}

/** A line without echo; undefined if the input ended. */
async function readHidden(loader: Loader, prompt: string): Promise<string | undefined> {
  loader.print(prompt);
  let line = "";
  for (;;) {
    const key = await loader.console.key(Number.POSITIVE_INFINITY);
    if (key === undefined) return undefined;
    if (key === KEY_ENTER || key === KEY_LINEFEED) {
      loader.print("\n");
      return line;
    }
    if (key === KEY_CTRL_U) line = "";
    else if (key === KEY_BACKSPACE || key === KEY_DELETE) line = line.slice(0, -1);
    else if (line.length < 255) line += String.fromCharCode(key);
  }
}
