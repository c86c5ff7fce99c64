// SPDX-License-Identifier: BSD-2-Clause
// tshyve jit: what the translator makes of a place in a VM's code, running or at rest.
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { VmmError } from "../base/errors.ts";
import { DirectoryRegistry } from "../host/directory-registry.ts";
import { hostError } from "../host/host-error.ts";
import { openInspector } from "../host/vm-inspector.ts";
import type { UnitReport } from "../vmm/control-protocol.ts";
import { UsageError } from "./getopt.ts";
import { getoptLong } from "./getopt-long.ts";
import type { CommandFrame } from "./run-main.ts";

export const JIT: CommandFrame = {
  name: "tshyve jit",
  usage: `usage: tshyve jit --vm=name [--address=0x...] [--symbols=file] [--wasm=file]

Prints guest code from an address on, as far as it leads inside its page, and the
WebAssembly that the translator makes of it: as much as one unit takes of it, each guest
instruction in front of what it becomes. A running VM goes on and notices nothing.

  --address=0x...  where, in the address space that the processor is in;
                   without it, where it is now
  --symbols=file   a Linux System.map, or a kernel's ELF file with symbols; without it
                   names come from the guest's memory, as for tshyve backtrace
  --wasm=file      writes the WebAssembly module there, too, for other tools
`,
  usageStatus: 1,
  errorStatus: 1,
};

const OPTIONS = ["vm", "address", "symbols", "wasm"].map((name) => ({ name, hasArgument: true }));

export async function jit(argv: readonly string[]): Promise<number> {
  const { values, operands } = getoptLong(argv, OPTIONS);
  const name = values.get("vm");
  if (name === undefined || operands.length > 0) {
    throw new UsageError("expected the name of one VM: --vm=name");
  }
  const address = values.get("address")?.toLowerCase();
  if (address !== undefined && !/^0x[0-9a-f]{1,16}$/.test(address)) {
    throw new UsageError(`'${address}' is not an address: expected 0x and up to 16 digits`);
  }
  const unit = await ask(name, address, values.get("symbols"));
  process.stdout.write(text(unit));
  const file = values.get("wasm");
  if (file !== undefined) save(file, unit);
  return 0;
}

async function ask(
  name: string,
  address: string | undefined,
  symbols: string | undefined,
): Promise<UnitReport> {
  const registry = new DirectoryRegistry();
  if (!registry.exists(name)) throw new VmmError("ERR_VM_NOT_FOUND", `VM ${name} does not exist`);
  const inspector = openInspector(registry, name, false);
  try {
    const reply = await inspector.ask({
      kind: "unit",
      ...(address === undefined ? {} : { address }),
      // The runner has a directory of its own.
      ...(symbols === undefined ? {} : { symbols: resolve(symbols) }),
    });
    if (reply.kind === "unit") return reply.unit;
    throw new VmmError("ERR_INTERNAL", `a machine answers with '${reply.kind}'`);
  } finally {
    inspector.close();
  }
}

function text({ address, blocks, instructions, guest, wasm, module }: UnitReport): string {
  const count = (n: number, what: string) => `${n} ${what}${n === 1 ? "" : "s"}`;
  const size = `${count(module.length / 2, "byte")} of WebAssembly`;
  const title = `${address}: ${count(blocks, "block")}, ${count(instructions, "instruction")}, ${size}`;
  return `${[title, "", ...guest, "", ...wasm].join("\n")}\n`;
}

function save(path: string, { module }: UnitReport): void {
  try {
    writeFileSync(path, Buffer.from(module, "hex"));
  } catch (error) {
    throw hostError(`write ${path}`, error);
  }
}
