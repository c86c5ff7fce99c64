// SPDX-License-Identifier: BSD-2-Clause
// set, show, unset, echo, read. FreeBSD: stand/common/commands.c.
import { CommandError } from "../command-error.ts";
import { readLine } from "../console.ts";
import type { Command, Loader } from "../loader.ts";
import { parseOptions } from "./options.ts";

async function set(loader: Loader, argv: readonly string[]): Promise<undefined> {
  if (argv.length !== 2) throw new CommandError("wrong number of arguments");
  loader.environment.put(argv[1]!);
}

async function unset(loader: Loader, argv: readonly string[]): Promise<undefined> {
  if (argv.length !== 2) throw new CommandError("wrong number of arguments");
  loader.environment.unset(argv[1]!);
}

async function show(loader: Loader, argv: readonly string[]): Promise<undefined> {
  const name = argv[1];
  if (name === undefined) {
    await loader.pager().lines(Array.from(loader.environment, ([n, value]) => `${n}=${value}`));
    return;
  }
  const value = loader.environment.get(name);
  if (value === undefined) throw new CommandError(`variable '${name}' not found`);
  loader.print(`${value}\n`);
}

async function echo(loader: Loader, argv: readonly string[]): Promise<undefined> {
  const { flags, rest } = parseOptions(argv, "n");
  loader.print(`${rest.join(" ")}${flags.has("n") ? "" : "\n"}`);
}

/** `read [-t seconds] [-p prompt] [variable]`: with a time-out, gives up if no key comes. */
async function read(loader: Loader, argv: readonly string[]): Promise<undefined> {
  const { values, rest } = parseOptions(argv, "p:t:");
  const limit = values.get("t");
  const seconds = limit === undefined ? Number.POSITIVE_INFINITY : Number.parseInt(limit, 10);
  if (Number.isNaN(seconds)) throw new CommandError(`bad timeout '${limit}'`);
  loader.print(values.get("p") ?? "");
  const { console } = loader;
  const first = await console.key(seconds < 0 ? Number.POSITIVE_INFINITY : seconds * 1000);
  if (first === undefined) return;
  // The key that ended the wait is the first of the line.
  let isFirst = true;
  const line = await readLine({
    isTerminal: console.isTerminal,
    write: (text) => console.write(text),
    key: (timeoutMs) => {
      if (!isFirst) return console.key(timeoutMs);
      isFirst = false;
      return Promise.resolve(first);
    },
  });
  const name = rest[0];
  if (name !== undefined && line !== undefined) loader.environment.set(name, line);
}

export const VARIABLE_COMMANDS: readonly Command[] = [
  { name: "set", summary: "set a variable", usage: "set name=value", run: set },
  { name: "show", summary: "show variable(s)", usage: "show [name]", run: show },
  { name: "unset", summary: "unset a variable", usage: "unset name", run: unset },
  { name: "echo", summary: "echo arguments", usage: "echo [-n] [text …]", run: echo },
  {
    name: "read",
    summary: "read input from the terminal",
    usage: "read [-t seconds] [-p prompt] [variable]",
    run: read,
  },
];
