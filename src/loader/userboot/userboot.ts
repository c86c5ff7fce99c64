// SPDX-License-Identifier: BSD-2-Clause
// FreeBSD's boot loader on the host's side, as bhyveload runs userboot.so: devices in, a kernel in guest memory and the
// state to enter it with out. FreeBSD: stand/userboot/userboot/main.c, stand/common/interp.c.
//
// A re-implementation: it honours the files of an image (loader.conf, device.hints, fstab, linker.hints, loader.rc's
// words), and does not run the Forth and Lua code in it. Which of the two loaders it plays follows from what the image
// carries. No ZFS, no gzip here (a filesystem may unpack), no swap of interpreters: both faces are built in.
import { VmmError } from "../../base/errors.ts";
import type { GuestMemory } from "../../mmu/guest-memory.ts";
import { CommandError } from "./command-error.ts";
import { expandPrompt } from "./command-line.ts";
import { commandsOf } from "./commands/catalog.ts";
import { type LoaderConsole, readLine } from "./console.ts";
import { DeviceTable, initialDevice, type LoaderDevice } from "./devices.ts";
import { Environment, putHostVariables } from "./environment.ts";
import { banner, type Face, LUA_SCRIPT } from "./face.ts";
import { loadConfigured } from "./load-configured.ts";
import { Loader } from "./loader.ts";
import { LoaderFiles } from "./loader-files.ts";
import { runMenu } from "./menu.ts";
import type { Leave } from "./outcome.ts";
import { checkPassword } from "./password.ts";
import { runLoaderRc, runScript } from "./script.ts";
import { autobootMaybe } from "./start-kernel.ts";

const LOADER_RC = "/boot/loader.rc";
const BOOT_CONF = "/boot/boot.conf";
const LOCAL_LUA = "/boot/lua/local.lua";
// biome-ignore lint/suspicious/noTemplateCurlyInString: it is the loader's own syntax for variables
const DEFAULT_PROMPT = "${interpret}";
/** What a stock loader.rc comes to: for images without one. */
const STOCK_WORDS = ["start", "check-password", "beastie-start"];

/** What bhyveload puts into every loader's environment, from FreeBSD 10 on. */
const HOST_VARIABLES = ["smbios.bios.vendor=BHYVE", "boot_serial=1"];

export interface UserbootOptions {
  readonly memory: GuestMemory;
  readonly console: LoaderConsole;
  /** Disks in the order of `-d`, each before its parts, and the host's directory if there is one. */
  readonly devices: readonly LoaderDevice[];
  /** The `-e name=value` list, as given. */
  readonly variables?: readonly string[];
  /** {@link HOST_VARIABLES} unless given. */
  readonly hostVariables?: readonly string[];
  /** By what the image carries unless given. */
  readonly face?: Face;
}

/** Runs the loader to its end. Throws only for what is no business of the guest's: a bug, the terminal. */
export async function runUserboot(options: UserbootOptions): Promise<Leave> {
  const { console, memory } = options;
  const environment = new Environment();
  const devices = new DeviceTable(options.devices);
  const current = `${initialDevice(options.devices)}:`;
  setUpVariables(environment, devices, console, current);
  const own = options.hostVariables ?? HOST_VARIABLES;
  putHostVariables(environment, { own, given: options.variables ?? [] }, (assignment, reason) =>
    console.write(`${assignment}: ${reason}\n`),
  );
  const hasLua = new LoaderFiles(devices, environment).isFile(LUA_SCRIPT);
  const face = options.face ?? (hasLua ? "lua" : "forth");
  environment.set("script.lang", face);
  const commands = commandsOf(face);
  const loader = new Loader({ memory, console, devices, environment, face, commands });
  loader.print(`Consoles: userboot  \n\n${banner(face)}`);
  return (
    (await attempt(loader, () => (face === "lua" ? startLua(loader) : startForth(loader)))) ??
    (await interact(loader))
  );
}

/** Runs a step; a command that failed in it is reported, and the next step has its turn. */
async function attempt(
  loader: Loader,
  step: () => Promise<Leave | undefined>,
): Promise<Leave | undefined> {
  try {
    return await step();
  } catch (error) {
    const isOrdinary =
      error instanceof CommandError || (error instanceof VmmError && error.code !== "ERR_INTERNAL");
    if (!isOrdinary) throw error;
    loader.complain(error.message);
    return undefined;
  }
}

/** stand/lua/loader.lua, in our own words. */
async function startLua(loader: Loader): Promise<Leave | undefined> {
  const left = await loader.conf.load();
  if (left !== undefined) return left;
  if (loader.files.isFile(LOCAL_LUA)) loader.print(`${LOCAL_LUA}: Lua code is not run\n`);
  const refused = await checkPassword(loader);
  if (refused !== undefined) return refused;
  if (loader.environment.isYes("beastie_disable") || !loader.console.isTerminal) {
    return loader.environment.has("kernelname") ? undefined : loadConfigured(loader);
  }
  const chosen = await attempt(loader, () => runMenu(loader));
  if (chosen === undefined) loader.print("Exiting menu!\n");
  return chosen;
}

/** The image's loader.rc, else its boot.conf, else what a stock loader.rc does. */
async function startForth(loader: Loader): Promise<Leave | undefined> {
  if (loader.files.isFile(LOADER_RC)) return runLoaderRc(loader, LOADER_RC);
  if (loader.files.isFile(BOOT_CONF)) return runScript(loader, BOOT_CONF);
  for (const word of STOCK_WORDS) {
    const left = await loader.executeWords([word]);
    if (left !== undefined) return left;
  }
  return undefined;
}

/** Autoboot, once; then the prompt, to the end. */
async function interact(loader: Loader): Promise<Leave> {
  const { console, environment } = loader;
  loader.print("\n");
  const booted = await autobootMaybe(loader);
  if (booted !== undefined) return booted;
  loader.print("\nType '?' for a list of commands, 'help' for more detailed help.\n");
  if (!environment.has("prompt")) environment.set("prompt", DEFAULT_PROMPT);
  if (!environment.has("interpret")) environment.set("interpret", "OK");
  for (;;) {
    const prompt = environment.get("prompt") ?? ">";
    loader.print(`${expandPrompt(prompt, (name) => environment.get(name))} `);
    const line = await readLine(console);
    if (line === undefined) return quit(loader);
    loader.renewBudget();
    const { left } = await loader.tryLine(line);
    if (left !== undefined) return left;
  }
}

/** There is nobody any more who could say what to do about it. */
function quit({ complaint, files: { unreadable } }: Loader): Leave {
  if (complaint === undefined) return { kind: "quit" };
  const reason = unreadable === undefined ? "" : ` (${unreadable})`;
  return { kind: "quit", complaint: `${complaint}${reason}` };
}

/** What the loader itself sets, and the checks on what must stay sensible. */
function setUpVariables(
  environment: Environment,
  devices: DeviceTable,
  console: LoaderConsole,
  current: string,
): void {
  environment.guard("console", "userboot", {
    canUnset: false,
    onSet: (value) => checkConsoles(value, console),
  });
  environment.guard("currdev", current, {
    canUnset: false,
    onSet: (value) => {
      const name = value.replace(/:.*$/, "");
      if (devices.find(name) === undefined) throw new CommandError("device not configured");
      return `${name}:`;
    },
  });
  environment.guard("loaddev", current, {
    canUnset: false,
    onSet: () => {
      throw new CommandError("operation not permitted");
    },
  });
  environment.set("LINES", "24");
}

const CONSOLES = ["userboot", "comconsole"];

/** Both names mean the one terminal there is. A list without either is refused, aloud, and the old one stays. */
function checkConsoles(value: string, console: LoaderConsole): string | undefined {
  const names = value.split(/[ ,]+/).filter((name) => name !== "");
  const unknown = names.filter((name) => !CONSOLES.includes(name));
  for (const name of unknown) console.write(`console ${name} is invalid!\n`);
  const isUsable = names.length > unknown.length;
  if (!isUsable) console.write("no valid consoles!\n");
  if (!isUsable || unknown.length > 0) {
    console.write(`Available consoles:\n${CONSOLES.map((name) => `    ${name}\n`).join("")}`);
  }
  return isUsable ? value : undefined;
}
