// SPDX-License-Identifier: BSD-2-Clause
// The programs in the images, in groups: each has a geometric mean of its own.

export interface Group {
  readonly title: string;
  readonly programs: readonly string[];
}

export const GROUPS: Readonly<Record<string, Group>> = {
  micro: {
    title: "Micro loops",
    programs: [
      "alu",
      "one-block",
      "many-blocks",
      "call-return",
      "indirect",
      "load-store",
      "page-crossing",
      "string",
      "sse2",
      "x87",
      "multiply",
      "divide",
      "syscall",
      "page-fault",
      "context-switch",
      "port-io",
      "mmio",
    ],
  },
  dispersed: { title: "Dispersed code", programs: ["blocks-2k", "blocks-20k"] },
  programs: {
    title: "Programs",
    programs: ["lz", "sha256", "sieve", "matmul", "nbody", "bytecode", "sort", "compile"],
  },
  disk: {
    title: "Disk",
    programs: ["disk-read", "disk-write", "disk-random-read", "disk-random-write"],
  },
};

/** What `--only` names: programs and groups, in the suite's order. Undefined: everything. */
export function selectPrograms(names: readonly string[] | undefined): readonly string[] {
  return Object.entries(GROUPS).flatMap(([group, { programs }]) =>
    programs.filter(
      (program) => names === undefined || names.includes(group) || names.includes(program),
    ),
  );
}
