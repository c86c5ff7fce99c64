// SPDX-License-Identifier: BSD-2-Clause
// Commands on the configuration: read-conf, reload-conf, enable-, disable- and toggle-module, show-module-options,
// disable-device. FreeBSD: stand/lua/cli.lua, stand/forth/loader.4th.
import { CommandError } from "../command-error.ts";
import { isWanted } from "../load-configured.ts";
import type { Command, Loader } from "../loader.ts";
import type { ModuleOptions } from "../loader-conf.ts";
import type { Leave } from "../outcome.ts";

async function readConf(loader: Loader, argv: readonly string[]): Promise<Leave | undefined> {
  return loader.conf.readFile(wordOf(argv, "file"));
}

async function reloadConf(loader: Loader): Promise<Leave | undefined> {
  return loader.conf.reload();
}

function wordOf(argv: readonly string[], what: string): string {
  const word = argv[1];
  if (word === undefined) throw new CommandError(`usage error: ${argv[0]} ${what}`);
  return word;
}

function setWanted(loader: Loader, module: string, isOn: boolean): void {
  const options = loader.conf.optionsOf(module);
  options.load = isOn ? "YES" : "NO";
  options.isForced = isOn;
  loader.print(`${module} will ${isOn ? "" : "not "}be loaded\n`);
}

async function enableModule(loader: Loader, argv: readonly string[]): Promise<undefined> {
  setWanted(loader, wordOf(argv, "module"), true);
}

async function disableModule(loader: Loader, argv: readonly string[]): Promise<undefined> {
  const module = wordOf(argv, "module");
  if (loader.conf.modules.has(module)) setWanted(loader, module, false);
  else throw new CommandError(`${module} was not found`);
}

async function toggleModule(loader: Loader, argv: readonly string[]): Promise<undefined> {
  const module = wordOf(argv, "module");
  setWanted(loader, module, !isWanted(loader, loader.conf.modules.get(module) ?? {}));
}

async function showModuleOptions(loader: Loader, argv: readonly string[]): Promise<undefined> {
  const only = argv[1];
  const blacklist = loader.conf.blacklist();
  const lines: string[] = [];
  for (const [module, options] of loader.conf.modules) {
    if (only !== undefined && module !== only) continue;
    if (lines.length > 0) lines.push("");
    const isBarred = blacklist.has(options.name ?? module) && options.isForced !== true;
    const status = isBarred ? "Blacklisted" : isWanted(loader, options) ? "Load" : "Don't load";
    lines.push(...describe(module, options), `Status:      ${status}`);
  }
  if (only !== undefined && lines.length === 0) throw new CommandError(`${only} was not found`);
  await loader.pager().lines(lines);
}

function describe(module: string, options: ModuleOptions): string[] {
  const rows: [string, string | undefined][] = [
    ["Name:", module],
    ["Path:", options.name],
    ["Type:", options.type],
    ["Flags:", options.flags],
    ["Before load:", options.before],
    ["After load:", options.after],
    ["Error:", options.error],
  ];
  return rows.filter(([, value]) => value).map(([label, value]) => `${label.padEnd(13)}${value}`);
}

async function disableDevice(loader: Loader, argv: readonly string[]): Promise<undefined> {
  const match = /^(\w*[A-Za-z])(\d+)$/.exec(wordOf(argv, "device"));
  if (match !== null) loader.environment.set(`hint.${match[1]}.${match[2]}.disabled`, "1");
}

export const CONF_COMMANDS: readonly Command[] = [
  {
    name: "read-conf",
    summary: "read a configuration file",
    usage: "read-conf file",
    run: readConf,
  },
  {
    name: "reload-conf",
    summary: "read the configuration again",
    usage: "reload-conf",
    run: reloadConf,
  },
  {
    name: "enable-module",
    summary: "enable loading of a module",
    usage: "enable-module module",
    run: enableModule,
  },
  {
    name: "disable-module",
    summary: "disable loading of a module",
    usage: "disable-module module",
    run: disableModule,
  },
  {
    name: "toggle-module",
    summary: "toggle loading of a module",
    usage: "toggle-module module",
    run: toggleModule,
  },
  {
    name: "show-module-options",
    summary: "show module load data",
    usage: "show-module-options [module]",
    run: showModuleOptions,
  },
  {
    name: "show-module",
    summary: "show load data of one module",
    usage: "show-module module",
    run: showModuleOptions,
  },
  {
    name: "disable-device",
    summary: "disable a device by a hint",
    usage: "disable-device device",
    run: disableDevice,
  },
];
