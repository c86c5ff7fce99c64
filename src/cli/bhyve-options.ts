// SPDX-License-Identifier: BSD-2-Clause
// bhyve's command line as configuration variables, in the dialects of 2012, 10.x, 13.x and 15.x. Letters that
// changed their meaning are told apart by what follows them: `-S 31,uart,stdio` is a slot of 2012's, `-S`
// alone wires memory. FreeBSD: usr.sbin/bhyve/bhyverun.c, fbsdrun.c, bhyve.8.
import fs from "node:fs";
import { VmmError } from "../base/errors.ts";
import { hostError } from "../host/host-error.ts";
import { MIB } from "../mmu/guest-memory.ts";
import { Config } from "../vmm/config.ts";
import { setLpcDevice, setPciSlot } from "../vmm/machine-config.ts";
import { parseMemorySize } from "../vmm/memory-size.ts";
import { checkVmName } from "../vmm/registry.ts";
import { getopt, type Option, UsageError } from "./getopt.ts";

/** 13.2's and 15's letters, and those of 2012 and 10.x that they dropped. */
const LETTERS = "abehuwxABCDHIPSWYk:o:p:g:G:c:s:m:M:n:l:K:U:f:r:t:z:";

const HIGH_MEMORY = "memory.high";

/** A slot or a CPU, in 2012's way: digits and commas, no spaces. */
const LEGACY_SLOT = /^\d+(:\d+)?,[\w-]+/;

const FLAG_VARIABLES: Readonly<Record<string, readonly [name: string, value: string]>> = {
  a: ["x86.x2apic", "false"],
  A: ["acpi_tables", "true"],
  C: ["memory.guest_in_core", "true"],
  D: ["destroy_on_poweroff", "true"],
  e: ["x86.strictio", "true"],
  H: ["x86.vmexit_on_hlt", "true"],
  P: ["x86.vmexit_on_pause", "true"],
  S: ["memory.wired", "true"],
  u: ["rtc.use_localtime", "false"],
  w: ["x86.strictmsr", "false"],
  W: ["virtio_msix", "false"],
  x: ["x86.x2apic", "true"],
  Y: ["x86.mptable", "false"],
};

/** Understood, and of no effect on this kind of machine. */
const IGNORED: ReadonlySet<string> = new Set(["I", "t", "z"]);
/** Understood, and not there yet. */
const UNSUPPORTED: Readonly<Record<string, string>> = {
  B: "a breakpoint at the guest's entry (-B) is not supported",
  b: "the bvm console (-b) is not supported: use -l com1,stdio",
  g: "the bvm debug port (-g) is not supported",
  G: "the gdb stub (-G) is not supported yet",
  f: "fw_cfg items (-f) need a boot ROM, which is not supported yet",
  r: "resuming from a snapshot (-r) is not supported yet",
};

export function parseBhyveOptions(argv: readonly string[]): Config {
  const { options, operands } = getopt(
    argv,
    LETTERS,
    (letter, next) => letter === "S" && LEGACY_SLOT.test(next),
  );
  const config = new Config();
  for (const option of options) apply(config, option);
  addHighMemory(config);
  const [name, ...rest] = operands;
  if (name !== undefined) config.set("name", name);
  if (rest.length > 0)
    throw new UsageError(`expected the name of one VM, got also ${rest.join(" ")}`);
  const vm = config.get("name");
  if (vm === undefined) throw new UsageError("expected the name of a VM");
  checkVmName(vm);
  return config;
}

function apply(config: Config, { letter, argument }: Option): void {
  if (letter === "S" && argument !== undefined) {
    setPciSlot(config, argument, true);
    return;
  }
  const flag = FLAG_VARIABLES[letter];
  if (flag !== undefined) config.set(...flag);
  else if (UNSUPPORTED[letter] !== undefined)
    throw new VmmError("ERR_UNSUPPORTED", UNSUPPORTED[letter]);
  else if (!IGNORED.has(letter)) applyArgument(config, letter, argument ?? "");
}

function applyArgument(config: Config, letter: string, argument: string): void {
  switch (letter) {
    case "c":
      setTopology(config, argument);
      break;
    case "k":
      config.setFile(argument, readConfigFile(argument));
      break;
    case "l":
      setLpcDevice(config, argument);
      break;
    case "K":
      config.set("keyboard.layout", argument);
      break;
    case "m":
      config.set("memory.size", argument);
      break;
    case "M":
      config.set(HIGH_MEMORY, argument);
      break;
    case "n":
      checkNumaDomain(argument);
      break;
    case "p":
      setPinning(config, argument);
      break;
    case "o":
      config.setAssignment(argument);
      break;
    case "s":
      setPciSlot(config, argument);
      break;
    case "U":
      config.set("uuid", argument);
      break;
    default:
      throw new UsageError(`illegal option -- ${letter}`);
  }
}

/** 15's `-n id,size,cpus` makes a NUMA domain; 2012's `-n name` names a slot, which changes nothing. */
function checkNumaDomain(argument: string): void {
  if (/^(id=)?\d/.test(argument)) {
    throw new VmmError(
      "ERR_UNSUPPORTED",
      "NUMA domains (-n) need a boot ROM, which is not supported yet",
    );
  }
}

/** `vcpu:hostcpu`, which threads of JavaScript cannot follow; 2012's `hostcpu` is for all of them. */
function setPinning(config: Config, argument: string): void {
  const match = /^(\d+):(\d+)$/.exec(argument);
  if (match === null) {
    if (/^\d+$/.test(argument)) return;
    throw new VmmError(
      "ERR_BAD_OPTION",
      `invalid vcpu pinning '${argument}': expected vcpu:hostcpu`,
    );
  }
  const name = `vcpu.${match[1]}.cpuset`;
  const before = config.get(name);
  config.set(name, before === undefined ? match[2]! : `${before},${match[2]}`);
}

/** In January 2013 `-m` was the memory below 4 GiB and `-M` that above, both in MiB. */
function addHighMemory(config: Config): void {
  const high = config.get(HIGH_MEMORY);
  if (high === undefined) return;
  config.unset(HIGH_MEMORY);
  const low = parseMemorySize(config.get("memory.size") ?? "256M");
  if (!/^\d+$/.test(high)) {
    throw new VmmError("ERR_BAD_OPTION", `invalid memsize '${high}': expected MiB`);
  }
  config.set("memory.size", `${low / MIB + Number(high)}M`);
}

function readConfigFile(path: string): string {
  try {
    return fs.readFileSync(path, "utf8");
  } catch (cause) {
    throw hostError(`read ${path}`, cause);
  }
}

/** `n`, or `[cpus=]n[,sockets=n][,cores=n][,threads=n]`. */
function setTopology(config: Config, text: string): void {
  for (const [index, part] of text.split(",").entries()) {
    const match = /^(?:(cpus|sockets|cores|threads)=)?(\d+)$/.exec(part);
    if (match === null || (match[1] === undefined && index > 0)) {
      throw new VmmError("ERR_BAD_OPTION", `invalid cpu topology '${text}'`);
    }
    config.set(match[1] ?? "cpus", match[2]!);
  }
}
