// SPDX-License-Identifier: BSD-2-Clause
// Builds the teaching kernel and its modules with GCC and GNU ld. The same tools make the same bytes: no path,
// no time and no build id gets into them.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { basename, extname, join } from "node:path";

/** ELF files, by the name they have in /boot/kernel. */
export type KernelFiles = Readonly<Record<string, Uint8Array>>;

/**
 * No floating point, no vector registers: interrupts would have to save them. No red zone: they would
 * overwrite it. All code within 2 GiB below the top of the address space.
 */
const CFLAGS = [
  "-std=c11",
  "-Os",
  "-ffreestanding",
  "-fno-builtin",
  "-mgeneral-regs-only",
  "-mno-red-zone",
  "-mcmodel=kernel",
  "-fno-pic",
  "-fno-pie",
  "-fno-common",
  "-fno-stack-protector",
  "-fno-omit-frame-pointer",
  "-fno-asynchronous-unwind-tables",
  "-fcf-protection=none",
  "-Wall",
  "-Wextra",
  "-Werror",
];

const LDFLAGS = ["-nostdlib", "-static", "--build-id=none", "-z", "max-page-size=4096"];

/** The compiler and the linker, in their own words; undefined where one is missing. */
export function toolchain(): string | undefined {
  try {
    return ["gcc", "ld"].map((tool) => run(tool, ["--version"], ".").split("\n")[0]).join("; ");
  } catch {
    return undefined;
  }
}

/** Compiles `source` (a folder with `kernel` and `module`) in `work`, which is made. Throws if a tool fails. */
export function compileKernel(source: string, work: string): KernelFiles {
  mkdirSync(work, { recursive: true });
  const kernelFolder = join(source, "kernel");
  const objects = sourcesIn(kernelFolder).map((name) => {
    run("gcc", [...CFLAGS, "-c", name, "-o", join(work, `${name}.o`)], kernelFolder);
    return `${name}.o`;
  });
  run("ld", [...LDFLAGS, "-T", join(kernelFolder, "kernel.ld"), "-o", "kernel", ...objects], work);
  const names = ["kernel"];
  const moduleFolder = join(source, "module");
  for (const name of sourcesIn(moduleFolder)) {
    const module = `${basename(name, ".c")}.ko`;
    run("gcc", [...CFLAGS, "-c", name, "-o", join(work, module)], moduleFolder);
    names.push(module);
  }
  return Object.fromEntries(
    names.map((name) => [name, new Uint8Array(readFileSync(join(work, name)))]),
  );
}

function sourcesIn(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => extname(name) === ".c" || extname(name) === ".S")
    .sort();
}

function run(tool: string, args: readonly string[], cwd: string): string {
  return execFileSync(tool, args, {
    cwd,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, LC_ALL: "C" },
  });
}
