// SPDX-License-Identifier: BSD-2-Clause
// bhyve: runs a VM that was loaded, on this terminal, until it stops. FreeBSD: usr.sbin/bhyve/bhyverun.c.
import { VmmError } from "../base/errors.ts";
import { DEVICE_CATALOG, LPC_CATALOG } from "../devices/catalog.ts";
import { serveControl } from "../host/control-server.ts";
import { DirectoryRegistry } from "../host/directory-registry.ts";
import type { VmOutcome } from "../host/vm-protocol.ts";
import { VmThread } from "../host/vm-thread.ts";
import { vmWorker } from "../host/vm-worker-start.ts";
import type { Config } from "../vmm/config.ts";
import { machineConfig } from "../vmm/machine-config.ts";
import { ERROR_STATUS, SUSPEND_STATUS } from "../vmm/suspend.ts";
import { parseBhyveOptions } from "./bhyve-options.ts";
import { complain, printable } from "./complain.ts";
import { GuestOutput } from "./guest-output.ts";
import type { CommandFrame } from "./run-main.ts";
import { dieOf, enterRawMode } from "./terminal.ts";
import { VmSignals } from "./vm-signals.ts";

export const BHYVE: CommandFrame = {
  name: "bhyve",
  usage: `usage: bhyve [-aACDeHhIPSuWwxY] [-c [cpus=]n[,sockets=n][,cores=n][,threads=n]]
             [-k file] [-K layout] [-l lpcdev[,conf]] [-m size] [-o name=value]
             [-p vcpu:hostcpu] [-s slot,device[,conf]] [-S slot,uart[,conf]]
             [-U uuid] vmname

Runs a VM that bhyveload (or tshyve linuxload) has loaded.

  -a  xAPIC mode, the default      -o  a configuration variable
  -A  ACPI tables                  -s  PCI slot: "-s help" lists devices
  -c  virtual CPUs                 -S  with a slot, a UART at its ISA
  -D  destroy on power-off             address, as in 2012
  -e  exit on unhandled I/O        -u  RTC keeps UTC time
  -k  read variables from a file   -U  UUID
  -l  LPC device: "-l help"        -w  ignore unknown MSRs
  -m  memory; the size it was      -W  virtio uses MSI
      loaded with                  -x  x2APIC mode
  -M  2012's MiB above 4 GiB       -Y  no MP table

Shown by bhyvectl and changing nothing else, as there is no host processor to tell:
-H as capability hlt_exit, -P as pause_exit, -S without a slot as wired memory.
Accepted for the sake of old scripts: -C, -I, -K, -p, and 2012's -n names, -p hostcpu,
-t hz, -z hz.

Variables of tshyve's own: engine=interpreter|translator|auto, clock=host|virtual,
cpu=x86-64-v2|x86-64-v3, trace=insn+exit+irq+port+mmio+fault, trace.file=path,
seed=n, config.dump=1.

Signals: SIGTERM presses the power button of a guest that listens for it; without one,
and for SIGINT, SIGHUP and a closed output, the VM is stopped and its state kept.

Status: 0 reset, 1 powered off, 2 halted, 3 triple fault, 4 error.
`,
  usageStatus: 1,
  errorStatus: ERROR_STATUS,
};

function list(catalog: Readonly<Record<string, { readonly description: string }>>): number {
  for (const [name, { description }] of Object.entries(catalog)) {
    process.stdout.write(`${name.padEnd(16)}${description}\n`);
  }
  return 0;
}

export async function bhyve(argv: readonly string[]): Promise<number> {
  if (argv.includes("-h")) {
    process.stdout.write(BHYVE.usage);
    return 0;
  }
  const asks = (flag: string) => argv.some((word, i) => word === "help" && argv[i - 1] === flag);
  if (asks("-s")) return list(DEVICE_CATALOG);
  if (asks("-l")) return list(LPC_CATALOG);
  const config = parseBhyveOptions(argv);
  if (config.getBoolean("config.dump", false)) {
    process.stdout.write(config.dump());
    return 1;
  }
  return run(new DirectoryRegistry(), config);
}

/** How a run ended; `signal` if one has stopped it. */
interface Ending {
  readonly outcome: VmOutcome;
  readonly signal: NodeJS.Signals | undefined;
}

async function run(registry: DirectoryRegistry, config: Config): Promise<number> {
  const { name, memoryBytes } = machineConfig(config);
  requireLoaded(registry, name, config.has("memory.size") ? memoryBytes : undefined);
  const lease = registry.acquire(name);
  try {
    // Only the holder of the lease can rely on what the record says.
    const record = requireLoaded(registry, name, undefined);
    if (!config.has("memory.size")) config.set("memory.size", `${record.memoryBytes}b`);
    const { outcome, signal } = await runThread(registry, config, name);
    lease.release();
    if (signal !== undefined) return dieOf(signal);
    const status = statusOf(outcome);
    if (config.getBoolean("destroy_on_poweroff", false) && status === SUSPEND_STATUS.poweroff) {
      registry.destroy(name);
    }
    return status;
  } finally {
    lease.release();
  }
}

function requireLoaded(registry: DirectoryRegistry, name: string, memoryBytes: number | undefined) {
  if (!registry.exists(name)) {
    throw new VmmError("ERR_VM_NOT_FOUND", `VM ${name} does not exist: run bhyveload first`);
  }
  const record = registry.read(name);
  if (record.stage !== "loaded") {
    const why = {
      empty: "no kernel is loaded",
      suspended: "it has run",
      crashed: "its runner died",
    };
    throw new VmmError(
      "ERR_VM_STATE",
      `virtual machine ${name} cannot be booted: ${why[record.stage]}; run bhyveload first`,
    );
  }
  if (memoryBytes !== undefined && memoryBytes !== record.memoryBytes) {
    const megabytes = (bytes: number) => `${bytes / 2 ** 20} MiB`;
    throw new VmmError(
      "ERR_BAD_OPTION",
      `Unable to setup memory (22): VM ${name} was loaded with ${megabytes(record.memoryBytes)}, not ${megabytes(memoryBytes)}`,
    );
  }
  return record;
}

async function runThread(
  registry: DirectoryRegistry,
  config: Config,
  name: string,
): Promise<Ending> {
  const output = new GuestOutput();
  const thread = new VmThread({
    directory: registry.directory,
    name,
    config: config.toJSON(),
    worker: vmWorker(),
    output: (bytes) => output.write(bytes),
    warn: (message) => process.stderr.write(`bhyve: ${printable(message)}\n`),
  });
  const restoreTerminal = enterRawMode();
  const keyboard = connectKeyboard(thread);
  const signals = new VmSignals(thread);
  const control = await serveControl(registry.socketPath(name), thread);
  try {
    const outcome = await thread.outcome;
    return { outcome, signal: outcome.kind === "stopped" ? signals.endedBy : undefined };
  } finally {
    control.close();
    signals.close();
    keyboard.close();
    output.end();
    restoreTerminal();
  }
}

/** Standard input is the guest's keyboard; its end is nothing to the guest. */
function connectKeyboard(thread: VmThread): { close(): void } {
  const { stdin } = process;
  const onData = (chunk: Buffer) => {
    if (!thread.type(chunk)) stdin.pause();
  };
  const onError = () => {};
  thread.onRoom(() => stdin.resume());
  stdin.on("error", onError);
  stdin.on("data", onData);
  return {
    close: () => {
      stdin.off("data", onData);
      stdin.pause();
    },
  };
}

function statusOf(outcome: VmOutcome): number {
  switch (outcome.kind) {
    case "suspended":
      return SUSPEND_STATUS[outcome.how];
    case "exited":
      return outcome.status;
    case "stopped":
      return SUSPEND_STATUS.poweroff;
    default:
      if (outcome.code === "ERR_INTERNAL") process.stderr.write(`bhyve: ${outcome.message}\n`);
      else complain(BHYVE.name, outcome.message);
      return ERROR_STATUS;
  }
}
