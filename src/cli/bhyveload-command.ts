// SPDX-License-Identifier: BSD-2-Clause
// bhyveload: runs the FreeBSD loader on the host and leaves a VM at its kernel's first instruction.
// FreeBSD: usr.sbin/bhyveload/bhyveload.c, bhyveload.8.
import { VmmError } from "../base/errors.ts";
import { DirectoryRegistry } from "../host/directory-registry.ts";
import { leftWithoutKernel, loadFreeBsd, openLoaderDevices } from "../host/load-guest.ts";
import type { LoaderDevice } from "../loader/userboot/devices.ts";
import { GuestMemory } from "../mmu/guest-memory.ts";
import { parseMemorySize } from "../vmm/memory-size.ts";
import { checkVmName } from "../vmm/registry.ts";
import { reinitialized } from "../vmm/remains.ts";
import { complain } from "./complain.ts";
import { getopt, UsageError } from "./getopt.ts";
import { LoaderTerminal } from "./loader-terminal.ts";
import type { CommandFrame } from "./run-main.ts";

/** sysexits(3). */
const EX_USAGE = 64;
/** The loader's `reboot`. */
const REBOOT_STATUS = 2;
const MAX_DISKS = 32;
const LETTERS = "CSc:d:e:h:l:m:";

export const BHYVELOAD: CommandFrame = {
  name: "bhyveload",
  usage: `usage: bhyveload [-CS] [-c console] [-d disk]... [-e name=value]... [-h dir] [-m size] vmname

Loads a FreeBSD kernel into a VM, making the VM if need be, and leaves it ready for bhyve.

  -m size        memory: MiB, or with a suffix k, m, g (default 256M); bhyve must get the same
  -d disk        image of a disk; up to 32, disk0: is the first
  -h dir         directory of this host, which the loader sees as host0:
  -e name=value  variable for the loader's and the kernel's environment
  -c console     stdio, the loader's terminal
  -C, -S         accepted: core dumps and wired memory are the host's business here

Status: 0 the kernel is loaded, 1 quit or failed, 2 reboot, 64 a wrong size or disk.
`,
  usageStatus: 1,
  errorStatus: 1,
};

interface Request {
  readonly name: string;
  readonly memoryBytes: number;
  readonly disks: readonly string[];
  readonly hostDirectory: string | undefined;
  readonly variables: readonly string[];
}

/** What the user typed, or the status to leave with after saying why. */
function parse(argv: readonly string[]): Request {
  const { options, operands } = getopt(argv, LETTERS);
  const disks: string[] = [];
  const variables: string[] = [];
  let memory = "256M";
  let hostDirectory: string | undefined;
  for (const { letter, argument = "" } of options) {
    if (letter === "d") disks.push(argument);
    else if (letter === "e") variables.push(assignment(argument));
    else if (letter === "h") hostDirectory = argument;
    else if (letter === "m") memory = argument;
    else if (letter === "c" && argument !== "stdio") {
      throw new VmmError("ERR_UNSUPPORTED", `console ${argument}: only stdio is supported`);
    } else if (letter === "l") {
      throw new VmmError("ERR_UNSUPPORTED", "the loader is built in: -l has nothing to load");
    }
  }
  const [name, ...rest] = operands;
  if (name === undefined || rest.length > 0) throw new UsageError("expected the name of one VM");
  if (disks.length > MAX_DISKS) throw new UsageError(`more than ${MAX_DISKS} disks`);
  return { name, memoryBytes: parseMemorySize(memory), disks, hostDirectory, variables };
}

function assignment(text: string): string {
  if (text.indexOf("=") > 0) return text;
  throw new VmmError("ERR_BAD_OPTION", `invalid variable '${text}': expected name=value`);
}

export async function bhyveload(argv: readonly string[]): Promise<number> {
  let request: Request;
  let devices: LoaderDevice[];
  try {
    request = parse(argv);
    devices = openLoaderDevices(request);
  } catch (error) {
    if (error instanceof UsageError || !(error instanceof VmmError)) throw error;
    complain(BHYVELOAD.name, error.message);
    return EX_USAGE;
  }
  checkVmName(request.name);
  const registry = new DirectoryRegistry();
  if (!registry.exists(request.name)) registry.create(request.name);
  const lease = registry.acquire(request.name);
  try {
    return await load(registry, request, devices);
  } finally {
    lease.release();
  }
}

async function load(
  registry: DirectoryRegistry,
  request: Request,
  devices: readonly LoaderDevice[],
): Promise<number> {
  const memory = new GuestMemory(request.memoryBytes);
  const console = new LoaderTerminal();
  try {
    const left = await loadFreeBsd(memory, { console, devices, variables: request.variables });
    if (left.kind === "rebooted") return REBOOT_STATUS;
    if (left.kind === "quit") {
      throw new VmmError("ERR_VM_STATE", leftWithoutKernel(devices, left.complaint));
    }
    registry.write(request.name, {
      memory,
      record: {
        stage: "loaded",
        memoryBytes: request.memoryBytes,
        suspended: undefined,
        config: {},
        symbols: left.symbols,
        remains: reinitialized(registry.read(request.name).remains),
      },
    });
    return 0;
  } finally {
    console.close();
  }
}
