// SPDX-License-Identifier: BSD-2-Clause
// ls, more, lsdev, include, try-include. FreeBSD: stand/common/ls.c, commands.c, interp_simple.c.

import type { FileKind } from "../../fs/file-system.ts";
import { CommandError, reasonOf } from "../command-error.ts";
import { DeviceTable, type LoaderDevice } from "../devices.ts";
import type { Command, Loader } from "../loader.ts";
import type { Leave } from "../outcome.ts";
import { runScript } from "../script.ts";
import { parseOptions } from "./options.ts";

const TYPE_LETTERS: Readonly<Record<FileKind, string>> = {
  file: " ",
  directory: "d",
  symlink: "l",
  other: "?",
};

async function ls(loader: Loader, argv: readonly string[]): Promise<undefined> {
  const { flags, rest } = parseOptions(argv, "l");
  const isLong = flags.has("l");
  const path = rest[0] ?? "";
  const { files } = loader;
  const stat = files.stat(path);
  if (stat !== undefined && stat.kind !== "directory") {
    loader.print(`${lsLine(path, stat.kind, isLong ? stat.size : undefined)}\n`);
    return;
  }
  const isBareDevice = path === "" || (DeviceTable.hasDevice(path) && path.endsWith(":"));
  const directory = isBareDevice ? `${path}/` : path;
  try {
    const entries = files.list(directory);
    await loader.pager().lines(lsLines(loader, directory, entries, isLong));
  } catch (error) {
    throw new CommandError(`open '${directory}' failed: ${reasonOf(error)}`);
  }
}

function* lsLines(
  loader: Loader,
  directory: string,
  entries: readonly { readonly name: string; readonly kind: FileKind }[],
  isLong: boolean,
): Generator<string> {
  yield directory;
  for (const { name, kind } of entries) {
    const size = isLong ? (loader.files.stat(`${directory}/${name}`)?.size ?? 0) : undefined;
    yield lsLine(name, kind, size);
  }
}

function lsLine(name: string, kind: FileKind, size: number | undefined): string {
  const letter = TYPE_LETTERS[kind];
  return size === undefined ? ` ${letter}  ${name}` : ` ${letter} ${`${size}`.padStart(8)} ${name}`;
}

async function more(loader: Loader, argv: readonly string[]): Promise<undefined> {
  const pager = loader.pager();
  for (const path of argv.slice(1)) {
    let text: string;
    try {
      text = loader.files.readText(path);
    } catch (error) {
      loader.print(`can't open '${path}': ${reasonOf(error)}\n`);
      throw new CommandError(`error showing ${path}`);
    }
    const lines = text.replace(/\n$/, "").split("\n");
    const page = [`*** FILE ${path} BEGIN ***`, ...lines, `*** FILE ${path} END ***`];
    for (const line of page) if (await pager.line(line)) return;
  }
}

async function lsdev(loader: Loader, argv: readonly string[]): Promise<undefined> {
  const isVerbose = parseOptions(argv, "v").flags.has("v");
  await loader.pager().lines(lsdevLines(loader.files.devices.list, isVerbose));
}

function* lsdevLines(devices: readonly LoaderDevice[], isVerbose: boolean): Generator<string> {
  for (const kind of ["host", "disk"] as const) {
    const ofKind = devices.filter((device) => device.kind === kind);
    if (ofKind.length > 0) yield `${kind} devices:`;
    for (const { name, depth, description, sizeBytes } of ofKind) {
      const indent = " ".repeat(4 + 2 * depth);
      const line = `${indent}${name}:${depth === 0 ? "   " : " "}${description}`;
      const tab = line.length < 24 ? "\t\t" : "\t";
      yield isVerbose && kind === "disk" ? `${line}${tab}${displaySize(sizeBytes)}` : line;
    }
  }
}

/** Four digits and a unit, as the loader shows sizes. */
function displaySize(sizeBytes: number): string {
  let size = Math.floor(sizeBytes / 1024);
  let unit = "K";
  for (const larger of ["M", "G", "T"]) {
    if (size < 10_000) break;
    size = Math.floor(size / 1024);
    unit = larger;
  }
  return `${`${size}`.padStart(4)}${unit}B`;
}

async function include(loader: Loader, argv: readonly string[]): Promise<Leave | undefined> {
  for (const path of argv.slice(1)) {
    const left = await runScript(loader, path);
    if (left !== undefined) return left;
  }
  return undefined;
}

/** Like include, but a file that is missing or fails is passed over. */
async function tryInclude(loader: Loader, argv: readonly string[]): Promise<Leave | undefined> {
  for (const path of argv.slice(1)) {
    if (!loader.files.isFile(path)) continue;
    try {
      const left = await runScript(loader, path);
      if (left !== undefined) return left;
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
    }
  }
  return undefined;
}

export const FILE_COMMANDS: readonly Command[] = [
  { name: "ls", summary: "list files", usage: "ls [-l] [path]", run: ls },
  { name: "more", summary: "show contents of a file", usage: "more file …", run: more },
  { name: "lsdev", summary: "list all devices", usage: "lsdev [-v]", run: lsdev },
  { name: "include", summary: "read commands from a file", usage: "include file …", run: include },
  {
    name: "try-include",
    summary: "try to read commands from a file",
    usage: "try-include file …",
    run: tryInclude,
  },
];
