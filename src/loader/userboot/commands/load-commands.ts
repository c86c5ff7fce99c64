// SPDX-License-Identifier: BSD-2-Clause
// load, unload, lsmod. FreeBSD: stand/common/module.c.
import { hex } from "../../../base/bits.ts";
import { CommandError } from "../command-error.ts";
import type { Command, Loader } from "../loader.ts";
import { parseOptions } from "./options.ts";

async function load(loader: Loader, argv: readonly string[]): Promise<undefined> {
  if (argv.length === 1) throw new CommandError("no filename specified", "critical");
  const { flags, values, rest } = parseOptions(argv, "dkt:");
  const [name, ...args] = rest;
  const type = values.get("t");
  if (type !== undefined) {
    if (name === undefined || args.length > 0 || type === "") {
      throw new CommandError("invalid load type", "critical");
    }
    loader.loaded.loadRaw(name, type);
    return;
  }
  if (name === undefined) throw new CommandError("no filename specified", "critical");
  if (flags.has("k")) loader.loaded.loadKld(name, args);
  else loader.loaded.loadNamed(name, args);
}

async function unload(loader: Loader): Promise<undefined> {
  loader.loaded.unload();
}

async function lsmod(loader: Loader, argv: readonly string[]): Promise<undefined> {
  const isVerbose = parseOptions(argv, "v").flags.has("v");
  await loader.pager().lines(lsmodLines(loader, isVerbose));
}

function* lsmodLines(loader: Loader, isVerbose: boolean): Generator<string> {
  for (const file of loader.loaded.list) {
    yield ` ${hex(file.address)}: ${file.name} (${file.type}, ${hex(file.sizeBytes)})`;
    if (file.args !== undefined) yield `    args: ${file.args}`;
    if (file.modules.length > 0) {
      yield `  modules: ${file.modules.map((m) => `${m.name}.${m.version} `).join("")}`;
    }
    if (!isVerbose) continue;
    for (const { type, data } of file.metadata) {
      yield `      ${hex(type, 4)}, ${hex(data.length)}`;
    }
  }
}

export const LOAD_COMMANDS: readonly Command[] = [
  {
    name: "load",
    summary: "load a kernel or module",
    usage: "load [-k] name [argument …]\nload -t type file",
    run: load,
  },
  { name: "unload", summary: "unload all modules", usage: "unload", run: unload },
  { name: "lsmod", summary: "list loaded modules", usage: "lsmod [-v]", run: lsmod },
];
