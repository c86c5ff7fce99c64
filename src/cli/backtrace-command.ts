// SPDX-License-Identifier: BSD-2-Clause
// tshyve backtrace: who called whom in a VM's kernel, while it runs or after it has stopped.
import { resolve } from "node:path";
import { VmmError } from "../base/errors.ts";
import { DirectoryRegistry } from "../host/directory-registry.ts";
import { openInspector } from "../host/vm-inspector.ts";
import { getopt, UsageError } from "./getopt.ts";
import type { CommandFrame } from "./run-main.ts";

export const BACKTRACE: CommandFrame = {
  name: "tshyve backtrace",
  usage: `usage: tshyve backtrace [-s symbols] vmname

Prints the calls that led to where a VM's processor is, innermost first. A running VM goes on.

  -s symbols  a Linux System.map, or a kernel's ELF file with symbols. Without it names
              come from the guest's memory: a FreeBSD kernel's symbols as the loader left
              them, or a Linux kernel's kallsyms.
`,
  usageStatus: 1,
  errorStatus: 1,
};

export async function backtrace(argv: readonly string[]): Promise<number> {
  const { options, operands } = getopt(argv, "s:");
  const [name, ...rest] = operands;
  if (name === undefined || rest.length > 0) throw new UsageError("expected the name of one VM");
  const symbols = options.at(-1)?.argument;
  const registry = new DirectoryRegistry();
  if (!registry.exists(name)) throw new VmmError("ERR_VM_NOT_FOUND", `VM ${name} does not exist`);
  const inspector = openInspector(registry, name, false);
  try {
    const reply = await inspector.ask({
      kind: "backtrace",
      // The runner has a directory of its own.
      ...(symbols === undefined ? {} : { symbols: resolve(symbols) }),
    });
    if (reply.kind === "backtrace") process.stdout.write(`${reply.lines.join("\n")}\n`);
  } finally {
    inspector.close();
  }
  return 0;
}
