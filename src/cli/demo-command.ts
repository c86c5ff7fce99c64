// SPDX-License-Identifier: BSD-2-Clause
// tshyve demo: the life of a VM, from kldload to --destroy, with the teaching guest on its own disk and in a
// registry of its own. Each command is shown and then run as its own process, as a user would run it. On a
// terminal the user has the guest's prompt; otherwise the demo types.
import { type ChildProcess, spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { VmmError } from "../base/errors.ts";
import { hostError } from "../host/host-error.ts";
import { ERROR_STATUS, SUSPEND_STATUS } from "../vmm/suspend.ts";
import { UsageError } from "./getopt.ts";
import { GuestOutput } from "./guest-output.ts";
import type { CommandFrame } from "./run-main.ts";
import { writeOut } from "./terminal.ts";

export const DEMO: CommandFrame = {
  name: "tshyve demo",
  usage: `usage: tshyve demo

Plays a whole session with a small kernel that comes with tshyve: load, run, destroy. On a terminal you have
the guest's prompt ("help" tells what it can do, "poweroff" ends it); without one the demo types by itself.
Everything happens in a temporary directory; your own VMs are left alone.

Status: 0 all went as it should, 1 something did not.
`,
  usageStatus: 1,
  errorStatus: 1,
};

const IMAGE = new URL("../images/teach/teach.img.gz", import.meta.url);
const VM = "guest0";
const DISK = "teach.img";
const PROMPT = "teach> ";

const KLDLOAD = ["tshyve", "kldload", "vmm"];
const LS = ["tshyve", "ls"];
const LOAD = ["bhyveload", "-m", "64M", "-d", DISK, VM];
const RUN = [
  ...["bhyve", "-A", "-m", "64M", "-s", "0,hostbridge", "-s", `1,virtio-blk,${DISK}`],
  ...["-s", "31,lpc", "-l", "com1,stdio", VM],
];
const DESTROY = ["bhyvectl", `--vm=${VM}`, "--destroy"];

/** What the demo types, a line at each prompt. */
const TYPED = ["help", "mem", "pci", "disk write hello from the guest", "disk", "fault", "time"];
const LAST_TYPED = "poweroff";

const MEANINGS = new Map([
  [SUSPEND_STATUS.reset, "reset"],
  [SUSPEND_STATUS.poweroff, "powered off"],
  [SUSPEND_STATUS.halt, "halted"],
  [SUSPEND_STATUS.triplefault, "triple fault"],
  [ERROR_STATUS, "error"],
]);

/** Longer than any machine takes to the prompt, for a guest that never gets there. */
const PATIENCE_MS = 120_000;

export async function demo(argv: readonly string[]): Promise<number> {
  if (argv.length > 0) throw new UsageError("expected no arguments");
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tshyve-demo-"));
  const session = new Session(folder);
  const clean = () => session.end();
  const leave = () => process.exit(130);
  process.on("exit", clean);
  process.on("SIGINT", leave);
  process.on("SIGTERM", leave);
  try {
    unpackImage(path.join(folder, DISK));
    return await play(session);
  } finally {
    process.off("SIGINT", leave);
    process.off("SIGTERM", leave);
    process.off("exit", clean);
    session.end();
  }
}

function unpackImage(target: string): void {
  try {
    fs.writeFileSync(target, gunzipSync(fs.readFileSync(IMAGE)));
  } catch (cause) {
    throw hostError(`unpack ${fileURLToPath(IMAGE)} to ${target}`, cause);
  }
}

/** As bhyve's example script does: after a reset, load and run again. */
async function play(session: Session): Promise<number> {
  const { isTerminal } = session;
  await session.succeed(KLDLOAD);
  await session.succeed(LS);
  let status: number;
  do {
    await session.succeed(LOAD);
    await session.succeed(LS);
    status = await session.run(RUN, isTerminal ? undefined : [...TYPED, LAST_TYPED]);
    await writeOut(`\n[status ${status}: ${MEANINGS.get(status) ?? "unknown"}]\n`);
  } while (status === SUSPEND_STATUS.reset);
  await session.succeed(LS);
  await session.succeed(DESTROY);
  await session.succeed(LS);
  const isGood = isTerminal ? status < ERROR_STATUS : status === SUSPEND_STATUS.poweroff;
  return isGood ? 0 : 1;
}

/** The commands of a demo, one at a time, and the folder they work in. */
class Session {
  /** Somebody is there who types and reads. */
  readonly isTerminal = Boolean(process.stdin.isTTY && process.stdout.isTTY);
  readonly #folder: string;
  readonly #environment: NodeJS.ProcessEnv;
  #child: ChildProcess | undefined;

  constructor(folder: string) {
    this.#folder = folder;
    this.#environment = { ...process.env, TSHYVE_VMM_DIR: path.join(folder, "vmm") };
  }

  /** Runs a command that has to go well. */
  async succeed(command: readonly string[]): Promise<void> {
    const status = await this.run(command, undefined);
    if (status === 0) return;
    throw new VmmError("ERR_VM_STATE", `${command[0]} failed with status ${status}`);
  }

  /** Shows a command and runs it on this terminal, or with lines for the guest's prompt. Its status. */
  async run(command: readonly string[], lines: readonly string[] | undefined): Promise<number> {
    await writeOut(`$ ${command.join(" ")}\n`);
    const [name, ...rest] = command;
    const program = fileURLToPath(new URL(`./${name}.js`, import.meta.url));
    const child = spawn(process.execPath, [program, ...rest], {
      cwd: this.#folder,
      env: this.#environment,
      stdio:
        lines === undefined
          ? [this.isTerminal ? "inherit" : "ignore", "inherit", "inherit"]
          : ["pipe", "pipe", "inherit"],
    });
    this.#child = child;
    const typing = lines === undefined ? undefined : typeAtPrompts(child, lines);
    const status = await statusOf(child, command[0]!);
    await typing;
    this.#child = undefined;
    return status;
  }

  end(): void {
    this.#child?.kill();
    fs.rmSync(this.#folder, { recursive: true, force: true });
  }
}

function statusOf(child: ChildProcess, name: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => child.kill(), PATIENCE_MS);
    child.on("error", (cause) => reject(hostError(`run ${name}`, cause)));
    child.on("close", (status) => {
      clearTimeout(timer);
      resolve(status ?? ERROR_STATUS);
    });
  });
}

/** Passes a guest's output on, and types a line whenever its prompt stands there. */
async function typeAtPrompts(child: ChildProcess, lines: readonly string[]): Promise<void> {
  const { stdin, stdout } = child;
  const output = new GuestOutput();
  const left = [...lines];
  let tail = "";
  // It may end before it has read what was typed last.
  stdin?.on("error", () => {});
  for await (const chunk of stdout ?? []) {
    await output.write(chunk);
    tail = (tail + chunk.toString("latin1")).slice(-PROMPT.length);
    if (tail !== PROMPT) continue;
    tail = "";
    const line = left.shift();
    if (line === undefined) stdin?.end();
    else stdin?.write(`${line}\r`);
  }
  output.end();
}
