// SPDX-License-Identifier: BSD-2-Clause
// bhyvectl: makes, inspects and destroys VMs, running or not. FreeBSD: usr.sbin/bhyvectl/bhyvectl.c.
import { parseArgs } from "node:util";
import { VmmError } from "../base/errors.ts";
import { askRunner } from "../host/control-client.ts";
import { DirectoryRegistry } from "../host/directory-registry.ts";
import type { VmRequest } from "../host/vm-protocol.ts";
import { UsageError } from "./getopt.ts";
import type { CommandFrame } from "./run-main.ts";

export const BHYVECTL: CommandFrame = {
  name: "bhyvectl",
  usage: `usage: bhyvectl --vm=name [--create] [--destroy] [--get-stats]
                [--force-reset] [--force-poweroff] [--inject-nmi]

  --create          make an empty VM
  --destroy         remove a VM and free its memory
  --get-stats       exit counts of a running VM
  --force-reset     end a running VM as a reset would
  --force-poweroff  end a running VM as power-off would
  --inject-nmi      raise an NMI in a running VM
`,
  usageStatus: 1,
  errorStatus: 1,
};

const FLAGS = [
  "create",
  "destroy",
  "get-stats",
  "force-reset",
  "force-poweroff",
  "inject-nmi",
] as const;
type Flag = (typeof FLAGS)[number];

function parse(argv: readonly string[]): { name: string; flags: ReadonlySet<Flag> } {
  const options = Object.fromEntries(FLAGS.map((flag) => [flag, { type: "boolean" as const }]));
  let values: Record<string, unknown>;
  try {
    ({ values } = parseArgs({
      args: [...argv],
      options: { ...options, vm: { type: "string" }, cpu: { type: "string" } },
      strict: true,
      allowPositionals: false,
    }));
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  if (typeof values["vm"] !== "string") throw new UsageError("--vm=name is required");
  const flags = new Set(FLAGS.filter((flag) => values[flag] === true));
  if (flags.size === 0) throw new UsageError("nothing to do");
  return { name: values["vm"], flags };
}

/** Asked for in any order, done in bhyvectl's: create first, destroy last. */
export async function bhyvectl(argv: readonly string[]): Promise<number> {
  const { name, flags } = parse(argv);
  const registry = new DirectoryRegistry();
  if (flags.has("create")) registry.create(name);
  else if (!registry.exists(name)) {
    throw new VmmError(
      "ERR_VM_NOT_FOUND",
      `vm_open: ${name} could not be opened: No such file or directory`,
    );
  }
  if (flags.has("get-stats")) await printStatistics(registry, name);
  if (flags.has("inject-nmi")) await ask(registry, name, "nmi");
  if (flags.has("force-reset")) await ask(registry, name, "force-reset");
  if (flags.has("force-poweroff")) await ask(registry, name, "force-poweroff");
  if (flags.has("destroy")) registry.destroy(name);
  return 0;
}

async function ask(registry: DirectoryRegistry, name: string, kind: VmRequest["kind"]) {
  if (registry.read(name).runner === undefined) {
    throw new VmmError("ERR_VM_STATE", `VM ${name} is not running`);
  }
  return askRunner(registry.socketPath(name), kind);
}

async function printStatistics(registry: DirectoryRegistry, name: string): Promise<void> {
  const reply = await ask(registry, name, "stats");
  if (reply.kind !== "stats") return;
  process.stdout.write("vcpu0 stats:\n");
  for (const [label, value] of reply.stats) {
    process.stdout.write(`${label.padEnd(40)}\t${value}\n`);
  }
}
