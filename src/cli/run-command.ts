// SPDX-License-Identifier: BSD-2-Clause
// tshyve run: a guest from files to a verdict in one process, for tests of kernels in CI. No registry entry is
// left, disks are not written, and on the virtual clock every run goes the same way.
import fs from "node:fs";
import { hostError } from "../host/host-error.ts";
import type { Vmm } from "../host/vmm.ts";
import { OutputFile } from "../host/write-all.ts";
import { durationNs, durationText } from "../vmm/duration.ts";
import { GuestOutput } from "./guest-output.ts";
import { readCapsule, writeCapsule } from "./run/capsule.ts";
import { prepareGuest } from "./run/guest.ts";
import { junitXml } from "./run/junit.ts";
import { parseRunOptions } from "./run/options.ts";
import type { RunRequest, RunTraces } from "./run/request.ts";
import { isSuccess, VERDICT_STATUS, verdict } from "./run/verdict.ts";
import { type EarlierRun, type RunReport, Watch } from "./run/watch.ts";
import type { CommandFrame } from "./run-main.ts";
import { enterRawMode } from "./terminal.ts";

export const RUN: CommandFrame = {
  name: "tshyve run",
  usage: `usage: tshyve run --freebsd image | --linux kernel [--initrd file] [--append text] | --guest teach
                  [-m size] [-s slot,device[,conf]]... [-l lpcdev[,conf]]... [-o name=value]...
                  [--expect text|/re/]... [--fail text|/re/]... [--script file]
                  [--timeout 90s] [--wall-timeout 5m] [--max-instructions n]
                  [--log file] [--junit file] [--capsule dir | --no-capsule] [-- command ...]
       tshyve run --replay dir [--max-instructions n] [--log file] [--junit file]

Loads a guest, runs it, watches its console, and says how it went. Nothing is left behind.

  --freebsd image     disk image with a FreeBSD kernel: raw, or qcow2 if it is named so; path,overlay=file keeps
                      what the guest writes in that file, and path,format=raw|qcow2 says what it is
  --linux kernel      bzImage or vmlinux; --system-map names its functions in backtraces
  --guest teach       the guest that comes with tshyve
  --expect pattern    text, or an expression between slashes, that has to be printed; several in this order
  --fail pattern      must not be printed
  --timeout time      guest time: 90s, 500ms, 2m (default 10m unless somebody can type)
  --wall-timeout time real time
  --max-instructions  how many the guest may retire
  --script file       lines of: expect pattern, send text, type line, sleep time, timeout time, fail pattern
  --log file          console output, also there
  --junit file        the result for a CI server
  --capsule dir       where a failure is written down (default tshyve-failure)
  --replay dir        runs a failure again, to the same instruction
  --write-disks       writes go to the images; otherwise they are forgotten, but for disks with an overlay=file
  --allow-panic       a kernel's panic does not end the run
  -- command          typed at the guest's first prompt; for Linux, what init is started with

Without --script and command, what is typed here goes to the guest; Ctrl-] ends the run. While there is somebody
who can type, an idle guest's time goes as ours does.

Status: 0 all that was expected was printed (without --expect: powered off), 2 --fail was printed, 4 error,
6 panic, 8 the guest ended too early, 10 --timeout, 12 --wall-timeout, 14 --max-instructions, 16 triple fault,
18 halted, 20 reset, 22 idle for ever, 24 a replay went another way, 64 usage, 130 interrupted. Every odd status
is the guest's own, written to port 0xF4 with -l pc-testdev: code c is status 2c + 1.
`,
  usageStatus: VERDICT_STATUS.usage,
  errorStatus: VERDICT_STATUS.error,
};

const NAME = "run";
const KEY_END = 0x1d; // Ctrl-]

export async function run(argv: readonly string[]): Promise<number> {
  const { request, replay, maxInstructions, traces } = parseRunOptions(argv);
  if (request !== undefined) return new Session(request, traces).run();
  return repeat(replay!, maxInstructions, traces);
}

/** Runs a capsule's run again. */
async function repeat(
  folder: string,
  maxInstructions: number | undefined,
  traces: RunTraces,
): Promise<number> {
  const capsule = readCapsule(folder);
  const session = new Session(capsule.request, { ...traces, capsule: undefined });
  return session.repeat(capsule, maxInstructions, (vmm) => {
    if (maxInstructions !== undefined) return verdict("met", "the replay came to its limit");
    return vmm.stateDigest() === capsule.stateDigest
      ? verdict("met", "the replay came to the same instruction, in the same state")
      : verdict("diverged", "the replay came to another state: a file has changed, or tshyve has");
  });
}

/** One run, with everything of this process that takes part in it. */
class Session {
  readonly #request: RunRequest;
  readonly #traces: RunTraces;
  readonly #began = performance.now();
  readonly #stdout = new GuestOutput();
  #log: OutputFile | undefined;
  #hasInput = false;

  constructor(request: RunRequest, traces: RunTraces) {
    this.#request = request;
    this.#traces = traces;
  }

  async run(): Promise<number> {
    const { script } = this.#request;
    return this.#withGuest(async (vmm, files) => {
      const watch = this.#watch(vmm);
      const { wallTimeout } = this.#request;
      const timer =
        wallTimeout === undefined
          ? undefined
          : setTimeout(
              () => watch.decide(verdict("wall-timeout", `${wallTimeout} of real time are over`)),
              durationNs(wallTimeout) / 1e6,
            );
      const isTyped = script === undefined && this.#request.command.length === 0;
      const stop = isTyped ? this.#connectInput(watch) : () => {};
      try {
        const report = await watch.run();
        this.#finish(vmm, report, files);
        return report.verdict.status;
      } finally {
        clearTimeout(timer);
        stop();
      }
    });
  }

  async repeat(
    earlier: EarlierRun,
    maxInstructions: number | undefined,
    judge: (vmm: Vmm) => RunReport["verdict"],
  ): Promise<number> {
    return this.#withGuest(async (vmm) => {
      const repeated = await this.#watch(vmm).repeat(earlier, maxInstructions);
      const report = { ...repeated, verdict: judge(vmm) };
      process.stderr.write(`\n${vmm.backtrace().join("\n")}\n`);
      this.#finish(vmm, report, []);
      return report.verdict.status;
    });
  }

  async #withGuest(use: (vmm: Vmm, files: readonly string[]) => Promise<number>): Promise<number> {
    const { vmm, load, files } = await prepareGuest(this.#request, NAME);
    vmm.on("warning", (message) => process.stderr.write(`${RUN.name}: ${message}\n`));
    const { log } = this.#traces;
    if (log !== undefined) this.#log = new OutputFile(log);
    try {
      await vmm.load(load, { output: (bytes) => this.#output(bytes) });
      return await use(vmm, files);
    } finally {
      this.#stdout.end();
      this.#log?.close();
      await vmm.destroy();
    }
  }

  #watch(vmm: Vmm): Watch {
    const watch = new Watch(vmm, this.#request, {
      output: (bytes) => this.#output(bytes),
      hasInput: () => this.#hasInput,
    });
    const interrupt = () => watch.decide(verdict("interrupted", "somebody ended the run"));
    process.once("SIGINT", interrupt);
    process.once("SIGTERM", interrupt);
    return watch;
  }

  async #output(bytes: Uint8Array): Promise<void> {
    this.#log?.write(bytes);
    await this.#stdout.write(bytes);
  }

  /** This process's stdin is the guest's terminal. */
  #connectInput(watch: Watch): () => void {
    const { stdin } = process;
    const restore = enterRawMode();
    this.#hasInput = true;
    const onData = (chunk: Buffer) => {
      const end = stdin.isTTY ? chunk.indexOf(KEY_END) : -1;
      if (end >= 0) watch.decide(verdict("interrupted", "somebody ended the run"));
      else watch.type(chunk);
    };
    const onEnd = () => {
      this.#hasInput = false;
      watch.inputChanged();
    };
    stdin.on("data", onData).on("end", onEnd).on("error", onEnd);
    return () => {
      stdin.off("data", onData).off("end", onEnd).off("error", onEnd);
      stdin.pause();
      restore();
    };
  }

  #finish(vmm: Vmm, report: RunReport, files: readonly string[]): void {
    const { junit, capsule } = this.#traces;
    const { verdict: decided } = report;
    process.stderr.write(`\n${RUN.name}: ${decided.message} (status ${decided.status})\n`);
    process.stderr.write(`${RUN.name}: ${this.#figures(vmm)}\n`);
    if (junit !== undefined) {
      const text = junitXml({ report, guestNs: vmm.guestTimeNs, console: vmm.console.text });
      writeFile(junit, text);
    }
    if (capsule === undefined || isSuccess(decided)) return;
    const request = this.#request;
    const folder = writeCapsule(capsule, vmm, { request, report, files });
    process.stderr.write(`${RUN.name}: see ${folder}; tshyve run --replay ${folder} repeats it\n`);
  }

  /** The last line: what the run took. */
  #figures(vmm: Vmm): string {
    const stats = vmm.stats();
    const exits = Object.entries(EXIT_NAMES)
      .map(([label, name]) => `${label} ${stats[name] ?? 0}`)
      .join(", ");
    const wall = durationText((performance.now() - this.#began) * 1e6);
    return `${vmm.instructions} instructions, ${durationText(vmm.guestTimeNs)} of guest time in ${wall}; exits: ${exits}`;
  }
}

const EXIT_NAMES = {
  inout: "number of times in/out was intercepted",
  mmio: "vm exits for instruction emulation",
  hlt: "number of times hlt was intercepted",
  rdmsr: "number of times rdmsr was intercepted",
  wrmsr: "number of times wrmsr was intercepted",
  interrupts: "vm exits due to external interrupt",
  exceptions: "number of vm exits due to exceptions",
} as const;

function writeFile(path: string, text: string): void {
  try {
    fs.writeFileSync(path, text);
  } catch (cause) {
    throw hostError(`write ${path}`, cause);
  }
}
