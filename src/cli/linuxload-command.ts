// SPDX-License-Identifier: BSD-2-Clause
// tshyve linuxload: puts a Linux kernel into a VM by the 64-bit boot protocol, as bhyveload does FreeBSD's.
import { DirectoryRegistry } from "../host/directory-registry.ts";
import { loadLinuxKernel } from "../host/load-guest.ts";
import { GuestMemory } from "../mmu/guest-memory.ts";
import { parseMemorySize } from "../vmm/memory-size.ts";
import { checkVmName } from "../vmm/registry.ts";
import { reinitialized } from "../vmm/remains.ts";
import { getopt, UsageError } from "./getopt.ts";
import type { CommandFrame } from "./run-main.ts";

export const LINUXLOAD: CommandFrame = {
  name: "tshyve linuxload",
  usage: `usage: tshyve linuxload -k kernel [-i initrd] [-c cmdline] [-m size] vmname

Loads a Linux kernel into a VM, making the VM if need be, and leaves it ready for bhyve.

  -k kernel   bzImage or vmlinux
  -i initrd   initial RAM disk
  -c cmdline  command line (default "console=ttyS0")
  -m size     memory: MiB, or with a suffix k, m, g (default 256M)
`,
  usageStatus: 1,
  errorStatus: 1,
};

export function linuxload(argv: readonly string[]): number {
  const { options, operands } = getopt(argv, "k:i:c:m:");
  const given = new Map(options.map(({ letter, argument }) => [letter, argument ?? ""]));
  const [name, ...rest] = operands;
  const kernelPath = given.get("k");
  if (name === undefined || rest.length > 0) throw new UsageError("expected the name of one VM");
  if (kernelPath === undefined) throw new UsageError("expected a kernel, -k");
  checkVmName(name);
  const memoryBytes = parseMemorySize(given.get("m") ?? "256M");
  const memory = new GuestMemory(memoryBytes);
  loadLinuxKernel(memory, {
    kernel: kernelPath,
    initrd: given.get("i"),
    commandLine: given.get("c") ?? "console=ttyS0",
  });
  const registry = new DirectoryRegistry();
  if (!registry.exists(name)) registry.create(name);
  const lease = registry.acquire(name);
  try {
    registry.write(name, {
      memory,
      record: {
        stage: "loaded",
        memoryBytes,
        suspended: undefined,
        config: {},
        symbols: undefined,
        remains: reinitialized(registry.read(name).remains),
      },
    });
  } finally {
    lease.release();
  }
  return 0;
}
