// SPDX-License-Identifier: BSD-2-Clause
// tshyve jit: what the translator makes of a place in a VM's code, running or at rest; and where a running one spends
// its instructions.
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { VmmError } from "../base/errors.ts";
import { DirectoryRegistry } from "../host/directory-registry.ts";
import { hostError } from "../host/host-error.ts";
import { openInspector, type VmInspector } from "../host/vm-inspector.ts";
import type { UnitReport } from "../vmm/control-protocol.ts";
import { HEAT_GROUPS, type HeatGroup, type HeatQuestion } from "../vmm/heat-report.ts";
import { UsageError } from "./getopt.ts";
import { getoptLong } from "./getopt-long.ts";
import { heatText, unitText } from "./jit-text.ts";
import type { CommandFrame } from "./run-main.ts";

export const JIT: CommandFrame = {
  name: "tshyve jit",
  usage: `usage: tshyve jit --vm=name [--address=0x...] [--symbols=file] [--wasm=file]
       tshyve jit --vm=name --hot[=N] [--by=what] [--seconds=S] [--symbols=file]

Prints guest code from an address on, as far as it leads inside its page, and the
WebAssembly that the translator makes of it: as much as one unit takes of it, each guest
instruction in front of what it becomes. Of a running VM it tells for each block how often
it was interpreted, or which unit runs it. A running VM goes on and notices nothing.

With --hot, tells where a running VM spends its instructions: for some seconds it notes
every now and then where the guest is, and lists the places where that was most often.

  --address=0x...  where, in the address space that the processor is in;
                   without it, where it is now
  --symbols=file   a Linux System.map, or a kernel's ELF file with symbols; without it
                   names come from the guest's memory, as for tshyve backtrace
  --wasm=file      writes the WebAssembly module there, too, for other tools
  --hot[=N]        the N hottest places, 20 unless told otherwise
  --by=what        a place is a block (the default), a unit of the translator's,
                   a page or a function
  --seconds=S      how long to look, 3 unless told otherwise
`,
  usageStatus: 1,
  errorStatus: 1,
};

const OPTIONS = [
  ...["vm", "address", "symbols", "wasm", "by", "seconds"].map((name) => ({
    name,
    hasArgument: true,
  })),
  { name: "hot", hasArgument: "optional" as const },
];

const DEFAULT_PLACES = 20;
const DEFAULT_SECONDS = 3;
const MOST_SECONDS = 3600;
const MOST_PLACES = 10_000;
/** A sample costs about as much as some thousand translated instructions. */
const SAMPLES_A_SECOND = 1000;
const MIN_PERIOD = 5000;
const MAX_PERIOD = 10_000_000;
/** How fast a guest is shows in this time. */
const CALIBRATION_SECONDS = 0.2;

type Values = ReadonlyMap<string, string>;

export async function jit(argv: readonly string[]): Promise<number> {
  const { values, operands } = getoptLong(argv, OPTIONS);
  const name = values.get("vm");
  if (name === undefined || operands.length > 0) {
    throw new UsageError("expected the name of one VM: --vm=name");
  }
  refuse(values, values.has("hot") ? ["address", "wasm"] : ["by", "seconds"]);
  const ask = values.has("hot") ? heatQuestion(name, values) : unitQuestion(values);
  const registry = new DirectoryRegistry();
  if (!registry.exists(name)) throw new VmmError("ERR_VM_NOT_FOUND", `VM ${name} does not exist`);
  const inspector = openInspector(registry, name, false);
  try {
    await ask(inspector);
  } finally {
    inspector.close();
  }
  return 0;
}

function refuse(values: Values, names: readonly string[]): void {
  for (const name of names) {
    if (!values.has(name)) continue;
    const rest = values.has("hot") ? "does not go with --hot" : "goes with --hot";
    throw new UsageError(`--${name} ${rest}`);
  }
}

/** The runner has a directory of its own. */
function symbolsOf(values: Values): { readonly symbols?: string } {
  const symbols = values.get("symbols");
  return symbols === undefined ? {} : { symbols: resolve(symbols) };
}

// A place in the code.

function unitQuestion(values: Values): (inspector: VmInspector) => Promise<void> {
  const address = values.get("address")?.toLowerCase();
  if (address !== undefined && !/^0x[0-9a-f]{1,16}$/.test(address)) {
    throw new UsageError(`'${address}' is not an address: expected 0x and up to 16 digits`);
  }
  return async (inspector) => {
    const reply = await inspector.ask({
      kind: "unit",
      ...(address === undefined ? {} : { address }),
      ...symbolsOf(values),
    });
    if (reply.kind !== "unit") throw unexpected(reply.kind);
    process.stdout.write(unitText(reply.unit, inspector.isRunning));
    const file = values.get("wasm");
    if (file !== undefined) save(file, reply.unit);
  };
}

function save(path: string, { module }: UnitReport): void {
  try {
    writeFileSync(path, Buffer.from(module, "hex"));
  } catch (error) {
    throw hostError(`write ${path}`, error);
  }
}

function unexpected(kind: string): VmmError {
  return new VmmError("ERR_INTERNAL", `a machine answers with '${kind}'`);
}

// Heat.

function heatQuestion(name: string, values: Values): (inspector: VmInspector) => Promise<void> {
  const count = Math.ceil(numberOf(values.get("hot") || DEFAULT_PLACES, "places", MOST_PLACES));
  const seconds = numberOf(values.get("seconds") ?? DEFAULT_SECONDS, "seconds", MOST_SECONDS);
  const by = groupOf(values.get("by") ?? "block");
  return async (inspector) => {
    const look = async (period: number, time: number, question: HeatQuestion) => {
      await inspector.ask({ kind: "heat-start", period: Math.round(period) });
      await sleep(1000 * time);
      const reply = await inspector.ask({ kind: "heat", ...question, ...symbolsOf(values) });
      if (reply.kind === "heat") return reply.heat;
      throw unexpected(reply.kind);
    };
    const { instructions } = await look(MAX_PERIOD, CALIBRATION_SECONDS, {
      by: "block",
      count: 0,
    });
    const period = instructions / CALIBRATION_SECONDS / SAMPLES_A_SECOND;
    const heat = await look(Math.min(Math.max(period, MIN_PERIOD), MAX_PERIOD), seconds, {
      by,
      count,
    });
    process.stdout.write(heatText(heat, { name, by, seconds }));
  };
}

function numberOf(text: string | number, what: string, most: number): number {
  const number = /^\d+(\.\d+)?$/.test(`${text}`) ? Number(text) : Number.NaN;
  if (number > 0 && number <= most) return number;
  throw new UsageError(`'${text}' is no number of ${what}: expected up to ${most}`);
}

function groupOf(text: string): HeatGroup {
  const group = HEAT_GROUPS.find((each) => each === text);
  if (group !== undefined) return group;
  throw new UsageError(`'${text}' is nothing to list: expected ${HEAT_GROUPS.join(", ")}`);
}
