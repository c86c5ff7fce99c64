// SPDX-License-Identifier: BSD-2-Clause
// tshyve: all commands under one name, and those that FreeBSD has elsewhere (kldload, ls /dev/vmm) or not at
// all (linuxload).
import { VmmError } from "../base/errors.ts";
import { DirectoryRegistry } from "../host/directory-registry.ts";
import { BACKTRACE, backtrace } from "./backtrace-command.ts";
import { BHYVE, bhyve } from "./bhyve-command.ts";
import { BHYVECTL, bhyvectl } from "./bhyvectl-command.ts";
import { BHYVELOAD, bhyveload } from "./bhyveload-command.ts";
import { DEMO, demo } from "./demo-command.ts";
import { FETCH, fetchImage, IMAGES, images } from "./fetch-command.ts";
import { UsageError } from "./getopt.ts";
import { JIT, jit } from "./jit-command.ts";
import { LINUXLOAD, linuxload } from "./linuxload-command.ts";
import { RUN, run } from "./run-command.ts";
import { type Command, type CommandFrame, runCommand } from "./run-main.ts";

export const TSHYVE: CommandFrame = {
  name: "tshyve",
  usage: `usage: tshyve command [argument]...

An x86-64 computer that boots kernels the way FreeBSD's bhyve does.

  tshyve kldload vmm          make the place where VMs live (TSHYVE_VMM_DIR says where)
  tshyve kldunload vmm        remove it; refused while VMs exist
  tshyve kldstat              whether it is there
  tshyve ls                   the VMs, as "ls /dev/vmm" would show them
  tshyve bhyveload ...        load a FreeBSD kernel into a VM
  tshyve linuxload ...        load a Linux kernel into a VM
  tshyve bhyve ...            run a loaded VM on this terminal
  tshyve bhyvectl ...         inspect, change or destroy a VM
  tshyve backtrace ...        who called whom in a VM's kernel
  tshyve jit ...              what guest code becomes when it is translated
  tshyve run ...              load, run and judge a guest in one process, for CI
  tshyve images               disks and kernels that can be fetched
  tshyve fetch image          download one, check it, unpack it, print where it is
  tshyve demo                 play all this with a small guest that comes along

"tshyve command --help" tells more of each.
`,
  usageStatus: 1,
  errorStatus: 1,
  hasCommands: true,
};

/** `vmm` and `vmm.ko`: the one module there is. */
function requireVmm(argv: readonly string[], command: "load" | "unload"): void {
  const [module, ...rest] = argv;
  if (module === undefined || rest.length > 0) {
    throw new UsageError(`kld${command} takes the name of one module: vmm`);
  }
  if (!/^(.*\/)?vmm(\.ko)?$/.test(module)) {
    throw new VmmError(
      "ERR_NOT_FOUND",
      `can't ${command} ${module}: there is no such module, only vmm`,
    );
  }
}

function requireNothing(argv: readonly string[], command: string): void {
  if (argv.length > 0) throw new UsageError(`${command} takes no arguments, not '${argv[0]}'`);
}

const COMMANDS: Readonly<Record<string, Command>> = {
  kldload: (argv) => {
    requireVmm(argv, "load");
    new DirectoryRegistry().load();
    return 0;
  },
  kldunload: (argv) => {
    requireVmm(argv, "unload");
    const registry = new DirectoryRegistry();
    if (!registry.isLoaded()) {
      throw new VmmError("ERR_NOT_FOUND", "can't unload vmm: it is not loaded");
    }
    registry.unload();
    return 0;
  },
  kldstat: (argv) => {
    requireNothing(argv, "kldstat");
    const registry = new DirectoryRegistry();
    process.stdout.write("Id Refs Name\n");
    if (registry.isLoaded()) {
      process.stdout.write(` 1 ${String(1 + registry.list().length).padStart(4)} vmm.ko\n`);
    }
    return 0;
  },
  ls: (argv) => {
    requireNothing(argv, "ls");
    for (const name of new DirectoryRegistry().list()) process.stdout.write(`${name}\n`);
    return 0;
  },
  bhyveload: (argv) => runCommand(BHYVELOAD, bhyveload, argv),
  linuxload: (argv) => runCommand(LINUXLOAD, linuxload, argv),
  bhyve: (argv) => runCommand(BHYVE, bhyve, argv),
  backtrace: (argv) => runCommand(BACKTRACE, backtrace, argv),
  bhyvectl: (argv) => runCommand(BHYVECTL, bhyvectl, argv),
  jit: (argv) => runCommand(JIT, jit, argv),
  run: (argv) => runCommand(RUN, run, argv),
  images: (argv) => runCommand(IMAGES, images, argv),
  fetch: (argv) => runCommand(FETCH, fetchImage, argv),
  demo: (argv) => runCommand(DEMO, demo, argv),
};

/** Commands of which {@link TSHYVE}'s usage tells all. */
const IN_USAGE: ReadonlySet<string> = new Set(["kldload", "kldunload", "kldstat", "ls"]);

export function tshyve(argv: readonly string[]): Promise<number> | number {
  const [name, ...rest] = argv;
  if (name === undefined) throw new UsageError("expected a command");
  const isHelp = name === "help" || name === "-h";
  if (isHelp || (IN_USAGE.has(name) && rest.includes("--help"))) {
    process.stdout.write(TSHYVE.usage);
    return 0;
  }
  if (!Object.hasOwn(COMMANDS, name)) throw new UsageError(`'${name}' is not a command`);
  return COMMANDS[name]!(rest);
}
