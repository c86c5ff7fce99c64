// SPDX-License-Identifier: BSD-2-Clause
// From a loaded kernel to the state it is entered with: root filesystem, boothowto, environment and metadata in guest
// memory, hand-off structures. FreeBSD: stand/common/boot.c (boot, autoboot), stand/userboot/userboot/bootinfo64.c.
import { VmmError } from "../../base/errors.ts";
import { viewOf } from "../bytes.ts";
import { ELF_HEADER_BYTES } from "../elf.ts";
import { bootHowto } from "../freebsd/boot-howto.ts";
import { enterKernel } from "../freebsd/hand-off.ts";
import { writePreload } from "../freebsd/preload.ts";
import {
  MODINFOMD_ELFHDR,
  MODINFOMD_ESYM,
  MODINFOMD_SSYM,
  type PreloadedFile,
} from "../freebsd/preloaded-file.ts";
import { asCommandError, CommandError } from "./command-error.ts";
import { splitCommandLine } from "./command-line.ts";
import { KEY_ENTER, KEY_LINEFEED } from "./console.ts";
import { findRootMount } from "./fstab.ts";
import type { Loader } from "./loader.ts";
import type { Leave, SymbolBlock } from "./outcome.ts";

const DEFAULT_BOOTFILE = "kernel";
const DEFAULT_DELAY_S = 10;

/** Boots what is loaded; if nothing is, the first of `bootfile` that loads. Throws CommandError. */
export function startKernel(loader: Loader, args: readonly string[]): Leave {
  if (loader.loaded.list.length === 0) loadBootfile(loader, args);
  const kernel = loader.loaded.kernel;
  if (kernel === undefined) throw new CommandError("no bootable kernel");
  if (args.length > 0) kernel.args = args.join(" ");
  try {
    return handOver(loader, kernel);
  } catch (error) {
    throw asCommandError(error);
  }
}

/**
 * Boots after a countdown that any key but Enter stops; then nothing is returned. `delayS` undefined: the variable
 * autoboot_delay, else 10; below 0 is at once. Throws CommandError if there is no kernel to boot.
 */
export async function autoboot(
  loader: Loader,
  delayS: number | undefined,
  prompt: string | undefined,
): Promise<Leave | undefined> {
  loader.hasTriedAutoboot = true;
  if (!loader.environment.has("kernelname")) loadBootfile(loader, []);
  const kernelName = loader.environment.get("kernelname");
  if (kernelName === undefined) throw new CommandError("no valid kernel found");
  const delay = delayS === undefined || delayS === -1 ? configuredDelay(loader) : delayS;
  if (delay >= 0) {
    loader.print(
      `${prompt ?? "Hit [Enter] to boot immediately, or any other key for command prompt."}\n`,
    );
    if (!(await countDown(loader, kernelName, delay))) {
      loader.print("\n");
      return undefined;
    }
  }
  loader.print(`\rBooting [${kernelName}]...               \n`);
  return startKernel(loader, []);
}

/** Before the loader turns to the user: boots by itself, unless it has tried or shall not. */
export async function autobootMaybe(loader: Loader): Promise<Leave | undefined> {
  const delay = loader.environment.get("autoboot_delay");
  if (loader.hasTriedAutoboot || delay?.toLowerCase() === "no") return undefined;
  try {
    return await autoboot(loader, undefined, undefined);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    loader.complain(error.message);
    return undefined;
  }
}

/** The variable autoboot_delay as strtol reads it; 10 if it is no number. */
export function configuredDelay(loader: Loader): number {
  const delay = Number.parseInt(loader.environment.get("autoboot_delay") ?? "", 10);
  return Number.isNaN(delay) ? DEFAULT_DELAY_S : delay;
}

/** True if it ran out, or Enter cut it short. */
async function countDown(loader: Loader, kernelName: string, delayS: number): Promise<boolean> {
  for (let left = delayS; left > 0; left--) {
    loader.print(`\rBooting [${kernelName}] in ${left} second${left === 1 ? "" : "s"}... `);
    const key = await loader.console.key(1000);
    if (key !== undefined) return key === KEY_ENTER || key === KEY_LINEFEED;
  }
  return true;
}

function loadBootfile(loader: Loader, args: readonly string[]): void {
  const names = loader.environment.get("bootfile") || DEFAULT_BOOTFILE;
  for (const name of names.split(";").filter((part) => part !== "")) {
    try {
      loader.loaded.loadKld(name, args);
      return;
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      // A file that is there and no kernel deserves its reason.
      if (error.cause !== undefined) loader.complain(error.message);
      loader.complain(`can't load '${name}'`);
    }
  }
}

function handOver(loader: Loader, kernel: PreloadedFile): Leave {
  const { environment, memory } = loader;
  const howto = bootHowto(kernel.args, environment);
  findRoot(loader);
  const preload = writePreload(memory, { files: loader.loaded.list, environment, howto });
  const entry = enterKernel(memory, entryOf(kernel), preload);
  return { kind: "booted", entry, kernelPath: kernel.name, symbols: symbolsOf(kernel) };
}

/** Sets vfs.root.mountfrom from the fstab of the root device, unless configuration has. */
function findRoot(loader: Loader): void {
  const { environment, files } = loader;
  if (environment.has("vfs.root.mountfrom")) return;
  const device = environment.get("rootdev") ?? "";
  const isOurs = files.devices.resolve(device, "") !== undefined;
  const fstab = `${isOurs ? device : environment.get("currdev")}/etc/fstab`;
  if (!files.isFile(fstab)) return;
  const root = findRootMount(files.readText(fstab));
  if (root === undefined) return;
  environment.set("vfs.root.mountfrom", root.from);
  if (!environment.has("vfs.root.mountfrom.options")) {
    environment.set("vfs.root.mountfrom.options", root.options);
  }
}

function metadataOf(file: PreloadedFile, type: number): DataView | undefined {
  const found = file.metadata.find((metadata) => metadata.type === type);
  return found && viewOf(found.data);
}

function entryOf(kernel: PreloadedFile): bigint {
  const header = metadataOf(kernel, MODINFOMD_ELFHDR);
  if (header?.byteLength !== ELF_HEADER_BYTES) {
    throw new VmmError("ERR_INTERNAL", `${kernel.name} was loaded without its ELF header`);
  }
  return header.getBigUint64(24, true);
}

function symbolsOf(kernel: PreloadedFile): SymbolBlock | undefined {
  const start = metadataOf(kernel, MODINFOMD_SSYM)?.getBigUint64(0, true);
  const end = metadataOf(kernel, MODINFOMD_ESYM)?.getBigUint64(0, true);
  if (start === undefined || end === undefined) return undefined;
  return { start: Number(start), end: Number(end) };
}

/** Words of an argument string such as the variable kernel_options; none if it cannot be cut. */
export function argumentWords(loader: Loader, text: string | undefined): string[] {
  return splitCommandLine(text ?? "", (name) => loader.environment.get(name)) ?? [];
}
