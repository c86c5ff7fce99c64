// SPDX-License-Identifier: BSD-2-Clause
// Loads the kernel and the modules that the configuration asks for. FreeBSD: stand/lua/config.lua loadKernel and
// loadModule; stand/forth/support.4th load_kernel and load_modules.
//
// A kernel is a directory below /boot, a directory, or a file; in a directory the file is one of `bootfile`. The
// directory that it came from stands first in module_path from then on.
import { CommandError } from "./command-error.ts";
import { splitCommandLine } from "./command-line.ts";
import type { Loader } from "./loader.ts";
import type { ModuleOptions } from "./loader-conf.ts";
import type { Leave } from "./outcome.ts";
import { argumentWords } from "./start-kernel.ts";

/**
 * Kernel, then modules. Modules that do not load are reported. Without a kernel the Lua loader reports that and goes on,
 * the Forth one throws CommandError. A command of the configuration may end the loader.
 */
export async function loadConfigured(loader: Loader, kernel?: string): Promise<Leave | undefined> {
  const isLua = loader.face === "lua";
  if (isLua) loader.print("Loading kernel...\n");
  try {
    loadConfiguredKernel(loader, kernel);
  } catch (error) {
    if (!(error instanceof CommandError) || !isLua) throw error;
    loader.complain(error.message);
    return undefined;
  }
  if (isLua) loader.print("Loading configured modules...\n");
  return loadConfiguredModules(loader);
}

/** The kernel named, or chosen, or configured. Throws CommandError if none loads. */
function loadConfiguredKernel(loader: Loader, kernel: string | undefined): void {
  const { environment } = loader;
  const name = kernel ?? loader.kernelChoice ?? environment.get("kernel") ?? "";
  if (name === "") {
    if (tryNames(loader, bootfiles(loader))) return;
    throw noKernel(loader, "No kernel set, failed to load from module_path");
  }
  const before = environment.get("module_path");
  for (const directory of [`/boot/${name}`, name]) {
    environment.set("module_path", directory);
    if (!tryNames(loader, bootfiles(loader))) continue;
    environment.set("module_path", [directory, ...otherDirectories(loader, before)].join(";"));
    environment.set("kernel_path", directory);
    return;
  }
  if (before === undefined) environment.discard("module_path");
  else environment.set("module_path", before);
  if (tryNames(loader, name.split(";"))) return;
  throw noKernel(loader, `Failed to load kernel '${name}'`);
}

function noKernel(loader: Loader, luaSentence: string): CommandError {
  return new CommandError(loader.face === "lua" ? luaSentence : "Unable to load a kernel!");
}

/** `bootfile`, and what it is by default. */
function bootfiles(loader: Loader): string[] {
  const names = (loader.environment.get("bootfile") ?? "").split(";");
  return [...new Set([...names, "kernel"])];
}

/** module_path without the directory of a kernel that was loaded before. */
function otherDirectories(loader: Loader, path: string | undefined): string[] {
  const old = loader.environment.get("kernel_path");
  return (path ?? "").split(";").filter((part) => part !== "" && part !== old);
}

function tryNames(loader: Loader, names: readonly string[]): boolean {
  const options = argumentWords(loader, loader.environment.get("kernel_options"));
  for (const name of names.map((part) => part.trim()).filter((part) => part !== "")) {
    try {
      loader.loaded.loadNamed(name, options);
      return true;
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      // The Lua loader is silent about what is not there; what is there and broken is always worth a line.
      if (loader.face === "forth" || error.cause !== undefined) loader.complain(error.message);
    }
  }
  return false;
}

/** Every module whose `_load` says yes. Failures are reported, and the rest is loaded all the same. */
async function loadConfiguredModules(loader: Loader): Promise<Leave | undefined> {
  const blacklist = loader.face === "lua" ? loader.conf.blacklist() : new Set<string>();
  for (const [key, options] of loader.conf.modules) {
    if (!isWanted(loader, options)) continue;
    const name = options.name ?? key;
    if (options.isForced !== true && blacklist.has(name)) {
      if (loader.conf.isVerbose) loader.print(`Not loading blacklisted module '${name}'\n`);
      continue;
    }
    const left = await loadOne(loader, name, options);
    if (left !== undefined) return left;
  }
  return undefined;
}

/** The Lua loader takes `yes` in any case; the older one knows two spellings. */
export function isWanted(loader: Loader, options: ModuleOptions): boolean {
  if (loader.face === "lua") return options.load?.toLowerCase() === "yes";
  return options.load === "YES" || options.load === "yes";
}

async function loadOne(
  loader: Loader,
  name: string,
  options: ModuleOptions,
): Promise<Leave | undefined> {
  const { isVerbose } = loader.conf;
  if (isVerbose) loader.print(`${name}...`);
  const before = await hook(loader, options.before, `before loading '${name}'`);
  if (before !== undefined) return before;
  const flags = splitCommandLine(options.flags ?? "", (v) => loader.environment.get(v)) ?? [];
  const type = options.type === undefined ? [] : ["-t", options.type];
  try {
    const left = await loader.executeWords(["load", ...type, name, ...flags]);
    if (left !== undefined) return left;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    // A script of the old loader hears of plain errors, the user does not: a missing entropy file is none of his.
    if (loader.face === "lua" || error.severity === "critical") loader.complain(error.message);
    if (isVerbose) loader.print("failed!\n");
    return hook(loader, options.error, `after '${name}' failed to load`);
  }
  if (isVerbose) loader.print("ok\n");
  return hook(loader, options.after, `after loading '${name}'`);
}

/** A command that configuration hangs on a module. */
async function hook(
  loader: Loader,
  command: string | undefined,
  when: string,
): Promise<Leave | undefined> {
  if (command === undefined || command === "") return undefined;
  try {
    return await loader.execute(command);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    loader.complain(error.message);
    loader.print(`Failed to execute '${command}' ${when}\n`);
    return undefined;
  }
}
