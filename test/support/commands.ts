// SPDX-License-Identifier: BSD-2-Clause
// The commands as users have them: built, in processes of their own, with a registry of their own.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { vi } from "vitest";
import { BHYVE, bhyve } from "../../src/cli/bhyve-command.ts";
import { BHYVECTL, bhyvectl } from "../../src/cli/bhyvectl-command.ts";
import { BHYVELOAD, bhyveload } from "../../src/cli/bhyveload-command.ts";
import { type Command, type CommandFrame, runCommand } from "../../src/cli/run-main.ts";
import { TSHYVE, tshyve } from "../../src/cli/tshyve-command.ts";
import { buildElf, PF_R, PF_X } from "./elf-builder.ts";

const BUILD = fileURLToPath(new URL("../../scripts/build.mjs", import.meta.url));
const LONGEST_WAIT_MS = 20_000;

export type CommandName = "tshyve" | "bhyve" | "bhyveload" | "bhyvectl";

const COMMANDS: Readonly<Record<CommandName, readonly [CommandFrame, Command]>> = {
  tshyve: [TSHYVE, tshyve],
  bhyve: [BHYVE, bhyve],
  bhyveload: [BHYVELOAD, bhyveload],
  bhyvectl: [BHYVECTL, bhyvectl],
};

export interface Ended {
  /** Undefined if a signal ended it. */
  readonly status: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that runs. */
export class RunningCommand {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
  stdout = "";
  stderr = "";
  #changed: () => void = () => {};

  constructor(child: ChildProcess) {
    this.process = child;
    child.stdout?.on("data", (chunk: Buffer) => {
      this.stdout += chunk.toString("latin1");
      this.#changed();
    });
    child.stderr?.on("data", (chunk: Buffer) => {
      this.stderr += chunk.toString("utf8");
    });
    this.ended = new Promise((resolve) => {
      child.on("close", (status, signal) => {
        this.#changed();
        const { stdout, stderr } = this;
        resolve({ status: status ?? undefined, signal: signal ?? undefined, stdout, stderr });
      });
    });
  }

  /** Waits until the command has written `text`; throws what it has written if it does not. */
  async printed(text: string): Promise<void> {
    const end = Date.now() + LONGEST_WAIT_MS;
    while (!this.stdout.includes(text)) {
      if (this.process.exitCode !== null || this.process.signalCode !== null || Date.now() > end) {
        throw new Error(`'${text}' was not printed, but: ${this.stdout}${this.stderr}`);
      }
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
        setTimeout(resolve, 100);
      });
    }
  }
}

/** The built commands and a directory for what they make; to be closed. */
export class CommandRoom {
  readonly directory = mkdtempSync(join(tmpdir(), "tshyve-"));
  readonly #children: ChildProcess[] = [];

  constructor() {
    const outdir = join(this.directory, "dist");
    execFileSync(process.execPath, [BUILD, "--no-types", "--standalone", `--outdir=${outdir}`]);
    writeFileSync(join(outdir, "package.json"), '{ "type": "module" }');
  }

  close(): void {
    for (const child of this.#children) child.kill("SIGKILL");
    rmSync(this.directory, { recursive: true, force: true });
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  /** Writes a file into the room; its path. */
  file(name: string, content: Uint8Array | string): string {
    writeFileSync(this.path(name), content);
    return this.path(name);
  }

  /** Starts a command in the room, with pipes; nothing to read unless `stdin` is one. */
  start(
    name: CommandName,
    args: readonly string[],
    stdin: "pipe" | "ignore" = "ignore",
  ): RunningCommand {
    return this.#started(process.execPath, [this.program(name), ...args], { stdin });
  }

  /** The built command's file. */
  program(name: CommandName): string {
    return join(this.directory, "dist", `${name}.js`);
  }

  /** Runs a line of the shell, `$1` being Node and `$2` the command's file; `uid` is whose process it is. */
  shell(
    line: string,
    name: CommandName,
    args: readonly string[] = [],
    { uid }: { readonly uid?: number | undefined } = {},
  ): Promise<Ended> {
    const words = ["-c", line, "sh", process.execPath, this.program(name), ...args];
    return this.#started("/bin/sh", words, { stdin: "ignore", uid }).ended;
  }

  #started(
    program: string,
    args: readonly string[],
    { stdin, uid }: { readonly stdin: "pipe" | "ignore"; readonly uid?: number | undefined },
  ): RunningCommand {
    const child = spawn(program, [...args], {
      cwd: this.directory,
      env: { ...process.env, TSHYVE_VMM_DIR: this.path("vmm") },
      stdio: [stdin, "pipe", "pipe"],
      ...(uid === undefined ? {} : { uid, gid: uid }),
    });
    this.#children.push(child);
    return new RunningCommand(child);
  }

  /** A whole process for a command; where it does not matter, {@link run} is many times faster. */
  spawn(name: CommandName, args: readonly string[]): Promise<Ended> {
    return this.start(name, args).ended;
  }

  /** Runs a command that needs neither input nor a thread of a VM's in this process. */
  async run(name: CommandName, args: readonly string[]): Promise<Ended> {
    vi.stubEnv("TSHYVE_VMM_DIR", this.path("vmm"));
    const stdout = capture(process.stdout);
    const stderr = capture(process.stderr);
    try {
      const [frame, command] = COMMANDS[name];
      const status = await runCommand(frame, command, args);
      return { status, signal: undefined, stdout: stdout.text, stderr: stderr.text };
    } finally {
      stdout.end();
      stderr.end();
    }
  }

  /** Loads a VM with a program at 1 MiB that is entered in 64-bit mode, by Linux's protocol. */
  async load(vm: string, program: readonly number[]): Promise<void> {
    const data = Uint8Array.from(program);
    const kernel = buildElf({
      type: 2,
      entry: BigInt(PROGRAM),
      segments: [{ vaddr: BigInt(PROGRAM), data, memSize: 0x1000, flags: PF_R | PF_X }],
    });
    const file = this.file(`${vm}.elf`, kernel);
    const { status, stderr } = await this.run("tshyve", ["linuxload", "-k", file, "-m", "32", vm]);
    if (status !== 0) throw new Error(stderr);
  }
}

/** What is written to a stream meanwhile. */
function capture(stream: NodeJS.WriteStream) {
  const captured = { text: "", end: () => spy.mockRestore() };
  const spy = vi.spyOn(stream, "write").mockImplementation((chunk) => {
    captured.text += typeof chunk === "string" ? chunk : new TextDecoder().decode(chunk);
    return true;
  });
  return captured;
}

/** Where {@link CommandRoom.load} puts programs. */
export const PROGRAM = 0x10_0000;
