// SPDX-License-Identifier: BSD-2-Clause
// help and ?. FreeBSD: stand/common/commands.c.
//
// The image's help file, if it carries one, has sections headed `# Ttopic [Ssubtopic] [Ddescription]`, each up to the
// next line that starts with #. Without it, or for a topic it does not have, help says how the command is used.
import { CommandError } from "../command-error.ts";
import type { Command, Loader } from "../loader.ts";

const HELP_FILES = ["/boot/loader.help.userboot", "/boot/loader.help"];

interface HelpEntry {
  readonly topic: string;
  readonly subtopic: string | undefined;
  readonly description: string | undefined;
  readonly lines: readonly string[];
}

/** Total: lines outside of any section are passed over. */
export function parseHelp(text: string): HelpEntry[] {
  const entries: HelpEntry[] = [];
  let lines: string[] | undefined;
  for (const line of text.split("\n")) {
    if (!line.startsWith("#")) {
      lines?.push(line);
      continue;
    }
    lines = undefined;
    const head = /^# T(\S+)(?: S(\S+))?(?: D(.*))?/.exec(line);
    if (head === null) continue;
    lines = [];
    entries.push({ topic: head[1]!, subtopic: head[2], description: head[3], lines });
  }
  return entries;
}

async function help(loader: Loader, argv: readonly string[]): Promise<undefined> {
  if (argv.length > 3) throw new CommandError("usage is 'help <topic> [<subtopic>]");
  const [, topic = "help", subtopic] = argv;
  const entries = readHelp(loader);
  if (topic === "index") {
    await loader.pager().lines(entries.map(summaryLine));
    return;
  }
  const matching = entries.filter((entry) => entry.topic === topic);
  const lines = matching.flatMap((entry) => {
    if (entry.subtopic === subtopic) return entry.lines;
    return subtopic === undefined ? [summaryLine(entry)] : [];
  });
  if (lines.length === 0 && subtopic === undefined) lines.push(...ownHelp(loader, topic));
  if (lines.length === 0) throw new CommandError(`no help available for '${topic}'`);
  await loader.pager().lines(lines);
}

function readHelp(loader: Loader): HelpEntry[] {
  const device = loader.environment.get("loaddev") ?? "";
  const path = HELP_FILES.map((file) => device + file).find((file) => loader.files.isFile(file));
  const own = listed(loader).map(({ name, summary, usage }) => ({
    topic: name,
    subtopic: undefined,
    description: summary,
    lines: usage.split("\n").map((line) => `\t${line}`),
  }));
  return path === undefined ? own : parseHelp(loader.files.readText(path));
}

function ownHelp(loader: Loader, topic: string): string[] {
  const command = loader.commands.get(topic);
  return command === undefined ? [] : command.usage.split("\n").map((line) => `\t${line}`);
}

function summaryLine({ topic, subtopic, description }: HelpEntry): string {
  const name = subtopic === undefined ? topic : `${topic} ${subtopic}`;
  return `    ${name.padEnd(30)} ${description ?? ""}`.trimEnd();
}

function listed(loader: Loader): Command[] {
  return [...loader.commands.values()].filter((command) => command.summary !== "");
}

async function listCommands(loader: Loader): Promise<undefined> {
  const rows = listed(loader).map(({ name, summary }) => `  ${name.padEnd(15)}  ${summary}`);
  await loader.pager().lines(["Available commands:", ...rows]);
}

export const HELP_COMMANDS: readonly Command[] = [
  { name: "?", summary: "list commands", usage: "?", run: listCommands },
  {
    name: "help",
    summary: "detailed help",
    usage: "help [topic [subtopic]]\nhelp index",
    run: help,
  },
];
