// SPDX-License-Identifier: BSD-2-Clause
// boot, boot-conf, autoboot, menu, reboot, quit. FreeBSD: stand/common/boot.c,
// stand/lua/cli.lua, stand/forth/loader.4th.
import { boot, bootArguments, ensureKernel } from "../boot-flow.ts";
import { CommandError } from "../command-error.ts";
import { loadConfigured } from "../load-configured.ts";
import type { Command, Loader } from "../loader.ts";
import { runMenu } from "../menu.ts";
import type { Leave } from "../outcome.ts";
import { autoboot } from "../start-kernel.ts";

async function bootConf(loader: Loader, argv: readonly string[]): Promise<Leave | undefined> {
  const { kernel, args } = bootArguments(argv);
  if (loader.face === "forth") loader.loaded.unload();
  const left = await ensureKernel(loader, kernel);
  if (left !== undefined) return left;
  const file = loader.loaded.kernel;
  if (file !== undefined && args.length > 0) file.args = args.join(" ");
  return autoboot(loader, undefined, undefined);
}

async function autobootCommand(loader: Loader, argv: readonly string[]) {
  if (argv.length > 3) throw new CommandError("too many arguments");
  const [, delay, prompt] = argv;
  if (delay !== undefined && !/^[-+]?\d+$/.test(delay)) {
    throw new CommandError(`bad delay '${delay}'`);
  }
  if (loader.face === "lua" && !loader.environment.has("kernelname")) {
    const left = await loadConfigured(loader);
    if (left !== undefined) return left;
  }
  return autoboot(loader, delay === undefined ? undefined : Number(delay), prompt);
}

export const BOOT_COMMANDS: readonly Command[] = [
  {
    name: "boot",
    summary: "boot a file or loaded kernel",
    usage: "boot [kernel] [-asvdCDghmprP] [name=value …]",
    run: boot,
  },
  {
    name: "boot-conf",
    summary: "load kernel and modules, then autoboot",
    usage: "boot-conf [kernel] [-flags]",
    run: bootConf,
  },
  {
    name: "autoboot",
    summary: "boot automatically after a delay",
    usage: "autoboot [seconds [prompt]]",
    run: autobootCommand,
  },
  { name: "menu", summary: "show the boot menu", usage: "menu", run: (loader) => runMenu(loader) },
  {
    name: "reboot",
    summary: "reboot the system",
    usage: "reboot",
    run: async () => ({ kind: "rebooted" }),
  },
  { name: "quit", summary: "exit the loader", usage: "quit", run: async () => ({ kind: "quit" }) },
];
