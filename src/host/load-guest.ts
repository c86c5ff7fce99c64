// SPDX-License-Identifier: BSD-2-Clause
// Puts a kernel into a machine's memory and vCPU 0 at its first instruction: what bhyveload, linuxload, tshyve run
// and the library have in common.
import { VmmError } from "../base/errors.ts";
import type { ByteSource } from "../loader/byte-source.ts";
import { memorySource } from "../loader/disk/memory-source.ts";
import { isElf, parseElf } from "../loader/elf.ts";
import { loadLinux } from "../loader/linux/load-linux.ts";
import { SymbolTable } from "../loader/symbols.ts";
import type { LoaderConsole } from "../loader/userboot/console.ts";
import type { LoaderDevice } from "../loader/userboot/devices.ts";
import { diskDevices } from "../loader/userboot/disk-devices.ts";
import type { Leave, SymbolBlock } from "../loader/userboot/outcome.ts";
import { runUserboot } from "../loader/userboot/userboot.ts";
import type { GuestMemory } from "../mmu/guest-memory.ts";
import { prepareVcpu } from "../vmm/entry-state.ts";
import { FileByteSource } from "./file-byte-source.ts";
import { gunzip } from "./gunzip.ts";
import { openLoaderDisk, openLoaderHost } from "./loader-devices.ts";

/** A file of the host's, or its contents. */
export type FileOrBytes = string | Uint8Array;

/** What FreeBSD's loader finds, and who talks to it. */
export interface FreeBsdSource {
  /** In the order of `disk0:`, `disk1:`, …; read, and not written. */
  readonly disks: readonly FileOrBytes[];
  /** A directory of the host as `host0:`. */
  readonly hostDirectory?: string | undefined;
  /** `name=value` for the loader's and the kernel's environment. */
  readonly variables?: readonly string[];
  readonly console: LoaderConsole;
}

export interface LinuxSource {
  /** A bzImage, or a vmlinux. */
  readonly kernel: FileOrBytes;
  readonly initrd?: FileOrBytes | undefined;
  readonly commandLine: string;
  /** The System.map of its build, for names in backtraces; a vmlinux has its own. */
  readonly systemMap?: FileOrBytes | undefined;
}

/** What the files tell of a loaded kernel's names: a table, or where in guest memory the loader has put one. */
export interface KernelSymbols {
  readonly table: SymbolTable | undefined;
  readonly block: SymbolBlock | undefined;
}

/** The loader's devices. Throws a VmmError that names the file, before anything is loaded. */
export function openLoaderDevices(
  source: Pick<FreeBsdSource, "disks" | "hostDirectory">,
): LoaderDevice[] {
  const devices = source.disks.flatMap((disk, unit) =>
    typeof disk === "string"
      ? openLoaderDisk(disk, unit)
      : diskDevices(memorySource(disk, `disk ${unit}`), unit, gunzip),
  );
  if (source.hostDirectory === undefined) return devices;
  return [...devices, openLoaderHost(source.hostDirectory)];
}

/** Runs FreeBSD's loader to its end; a kernel that it has booted is ready to run. */
export async function loadFreeBsd(
  memory: GuestMemory,
  source: Omit<FreeBsdSource, "disks" | "hostDirectory"> & {
    readonly devices: readonly LoaderDevice[];
  },
): Promise<Leave> {
  const { devices, console, variables = [] } = source;
  const left = await runUserboot({ memory, console, devices, variables });
  if (left.kind === "booted") prepareVcpu(memory, left.entry);
  return left;
}

/** What to say when the loader has ended without a kernel; `complaint` is its own. */
export function leftWithoutKernel(
  devices: readonly LoaderDevice[],
  complaint: string | undefined,
): string {
  const sentence = "the FreeBSD loader was left without a kernel";
  if (devices.length === 0) return `${sentence}: it had neither a disk nor a directory to look at`;
  const why = whyNothingMounts(devices);
  if (why !== undefined) return `${sentence}: ${why}`;
  return complaint === undefined ? sentence : `${sentence}: ${complaint}`;
}

/** Undefined if some device holds files. */
function whyNothingMounts(devices: readonly LoaderDevice[]): string | undefined {
  let why = `there is no filesystem on ${devices.map(({ name }) => name).join(", ")}`;
  for (const device of devices) {
    try {
      if (device.mount() !== undefined) return undefined;
    } catch (error) {
      if (!(error instanceof VmmError)) throw error;
      why = `${device.name}: ${error.message}`;
    }
  }
  return why;
}

/** Throws ERR_BAD_IMAGE, ERR_UNSUPPORTED, ERR_NO_SPACE, ERR_BAD_OPTION, or what opening the files throws. */
export function loadLinuxKernel(memory: GuestMemory, source: LinuxSource): KernelSymbols {
  return withSource(source.kernel, "the kernel", (kernel, kernelName) => {
    const { commandLine } = source;
    const { entry } =
      source.initrd === undefined
        ? loadLinux(memory, { kernel, kernelName, commandLine })
        : withSource(source.initrd, "the initial RAM disk", (initrd) =>
            loadLinux(memory, { kernel, kernelName, commandLine, initrd }),
          );
    prepareVcpu(memory, entry);
    return { table: linuxSymbols(kernel, kernelName, source.systemMap), block: undefined };
  });
}

function linuxSymbols(
  kernel: ByteSource,
  name: string,
  systemMap: FileOrBytes | undefined,
): SymbolTable | undefined {
  if (systemMap !== undefined) {
    return withSource(systemMap, "the System.map", (map, mapName) =>
      SymbolTable.fromSystemMap(map, mapName),
    );
  }
  return isElf(kernel)
    ? unlessStripped(() => SymbolTable.fromElf(parseElf(kernel, name)))
    : undefined;
}

/** Names are a help, not a need: a kernel runs without. */
function unlessStripped(read: () => SymbolTable): SymbolTable | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof VmmError && error.code !== "ERR_IO") return undefined;
    throw error;
  }
}

function withSource<T>(
  file: FileOrBytes,
  what: string,
  use: (source: ByteSource, name: string) => T,
): T {
  if (typeof file !== "string") return use(memorySource(file, what), what);
  const source = new FileByteSource(file);
  try {
    return use(source, file);
  } finally {
    source.close();
  }
}
