// SPDX-License-Identifier: BSD-2-Clause
// The word `boot` as a user means it. FreeBSD: stand/lua/core.lua and cli.lua, stand/forth/loader.4th.
import { loadConfigured } from "./load-configured.ts";
import type { Loader } from "./loader.ts";
import type { Leave } from "./outcome.ts";
import { startKernel } from "./start-kernel.ts";

/** `boot [kernel] [-flags] [name=value …]`: the first word without dash and = is a kernel. */
export function bootArguments(argv: readonly string[]) {
  const words = argv.slice(1);
  const isKernel = words[0] !== undefined && !words[0].startsWith("-") && !words[0].includes("=");
  return { kernel: isKernel ? words[0] : undefined, args: isKernel ? words.slice(1) : words };
}

/** Makes sure that a kernel is in memory: the one named, or what is configured. Throws CommandError. */
export async function ensureKernel(
  loader: Loader,
  kernel: string | undefined,
): Promise<Leave | undefined> {
  if (kernel !== undefined) {
    loader.loaded.unload();
    if (loader.face === "lua") loader.kernelChoice = kernel;
  }
  if (loader.environment.has("kernelname")) return undefined;
  return loadConfigured(loader, kernel);
}

/** What `boot` and the menus do: start what is in memory, else what is named or configured. Throws CommandError. */
export async function boot(loader: Loader, argv: readonly string[]): Promise<Leave | undefined> {
  const { kernel, args } = bootArguments(argv);
  const left = await ensureKernel(loader, kernel);
  if (left !== undefined) return left;
  if (loader.face === "forth") loader.print("Booting...\n");
  return startKernel(loader, args);
}
