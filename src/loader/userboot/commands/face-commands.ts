// SPDX-License-Identifier: BSD-2-Clause
// The words of a Forth loader.rc that stand for whole steps of a start, and the two that a module's error command may be.
// FreeBSD: stand/forth/loader.4th, beastie.4th, check-password.4th, delay.4th.
import { KEY_CTRL_C, KEY_ENTER, KEY_ESCAPE } from "../console.ts";
import { loadConfigured } from "../load-configured.ts";
import type { Command, Loader } from "../loader.ts";
import { runMenu } from "../menu.ts";
import type { Leave } from "../outcome.ts";
import { checkPassword } from "../password.ts";

const DEFAULT_DELAY_S = 2;

async function initialize(loader: Loader): Promise<Leave | undefined> {
  return loader.conf.load();
}

/** initialize, then kernel and modules, if any configuration was read. */
async function start(loader: Loader): Promise<Leave | undefined> {
  const left = await loader.conf.load();
  if (left !== undefined || !loader.conf.hasReadAny) return left;
  return loadConfigured(loader);
}

/** The menu, or what it would do without being asked. */
async function beastieStart(loader: Loader): Promise<Leave | undefined> {
  if (loader.environment.isYes("beastie_disable") || !loader.console.isTerminal) {
    const isLoaded = loader.environment.has("kernelname");
    return isLoaded || !loader.conf.hasReadAny ? undefined : loadConfigured(loader);
  }
  if (loader.environment.has("loader_delay") && !(await waitFirst(loader))) return undefined;
  return runMenu(loader);
}

/** The pause that loader_delay asks for; false if Ctrl-C or Escape put an end to it. */
async function waitFirst(loader: Loader): Promise<boolean> {
  const configured = Number.parseInt(loader.environment.get("loader_delay") ?? "", 10);
  const seconds = Number.isNaN(configured) ? DEFAULT_DELAY_S : configured;
  loader.print("Loading Menu (Ctrl-C to Abort)\n");
  let isWanted = true;
  for (let left = seconds; left > 0; left--) {
    loader.print(".");
    const key = await loader.console.key(1000);
    if (key === KEY_CTRL_C || key === KEY_ESCAPE) isWanted = false;
    if (key === KEY_CTRL_C || key === KEY_ESCAPE || key === KEY_ENTER) break;
  }
  loader.print("\n");
  return isWanted;
}

async function nothing(): Promise<undefined> {}

function word(name: string, run: Command["run"]): Command {
  return { name, summary: "", usage: "", run };
}

/** Not listed by `?`: they are for scripts. */
export const FORTH_WORDS: readonly Command[] = [
  word("initialize", initialize),
  word("start", start),
  word("check-password", checkPassword),
  word("beastie-start", beastieStart),
  word("drop", nothing),
  word("maybe-resetcons", nothing),
  word("maybe-efi-resizecons", nothing),
  word("retry", nothing),
  word("ignore", nothing),
];
