// SPDX-License-Identifier: BSD-2-Clause
// What a program asks for, as bhyve's configuration variables.
import { VmmError } from "../base/errors.ts";
import type { Warn } from "../base/warn.ts";
import type { BlockBackend } from "../devices/backend/block-backend.ts";
import { MemoryBlockBackend } from "../devices/backend/memory-block.ts";
import { SnapshotBlockBackend } from "../devices/backend/snapshot-block.ts";
import { type BlockFileOptions, parseImagePath } from "../devices/virtio/block/options.ts";
import { Config } from "../vmm/config.ts";
import { type ClockKind, setLpcDevice, setPciSlot } from "../vmm/machine-config.ts";
import type { Registry } from "../vmm/registry.ts";
import { openDisk as openDiskImage } from "./disk-image.ts";
import type { FileOrBytes } from "./load-guest.ts";

export interface VmmOptions {
  /** `vm1`, `vm2`, … unless given. */
  readonly name?: string;
  /** Where the VM is entered; a registry of this program's own unless given. */
  readonly registry?: Registry;
  /** Bytes, or text as behind `-m`: `256M`, which is the default. */
  readonly memory?: string | number;
  /**
   * Images of disks: paths, with `,format=…`, `,backing=…`, `,overlay=…` behind them where these are needed, or
   * bytes that the guest then reads and writes in place. They become virtio-blk
   * devices from slot 3 on, and FreeBSD's loader finds them as `disk0:`, `disk1:`, ….
   */
  readonly disks?: readonly FileOrBytes[];
  /** What the guest writes to its disks stays in memory, and is forgotten with the VM. */
  readonly snapshot?: boolean;
  /** As behind `-s`: `4,virtio-rnd`. A host bridge and an LPC bridge are there unless these slots are taken. */
  readonly devices?: readonly string[];
  /** As behind `-l`. `com1,stdio`, which is this VM's console, unless given. */
  readonly lpc?: readonly string[];
  /** `virtual` unless given: idle time costs nothing, and the same inputs give the same run. */
  readonly clock?: ClockKind;
  /** For everything random on the virtual clock. */
  readonly seed?: number;
  /** Any other variable of bhyve_config(5), as behind `-o`. */
  readonly variables?: Readonly<Record<string, string>>;
}

const FIRST_DISK_SLOT = 3;
const MEMORY_PREFIX = "memory:";
let unnamed = 0;

/** Throws ERR_BAD_OPTION for what does not parse. */
export function configOf(options: VmmOptions): Config {
  const config = new Config();
  config.set("name", options.name ?? `vm${++unnamed}`);
  config.set("acpi_tables", "true");
  config.set("clock", options.clock ?? "virtual");
  if (options.seed !== undefined) config.set("seed", String(options.seed));
  const { memory } = options;
  if (memory !== undefined) {
    config.set("memory.size", typeof memory === "number" ? `${memory}b` : memory);
  }
  for (const device of options.devices ?? []) setPciSlot(config, device);
  setDefaultSlot(config, 0, "hostbridge");
  addDisks(config, options.disks ?? []);
  setDefaultSlot(config, 31, "lpc");
  for (const device of options.lpc ?? []) setLpcDevice(config, device);
  if (!config.has("lpc.com1.path")) config.set("lpc.com1.path", "stdio");
  for (const [name, value] of Object.entries(options.variables ?? {})) config.set(name, value);
  return config;
}

function setDefaultSlot(config: Config, slot: number, device: string): void {
  const variable = `pci.0.${slot}.0.device`;
  if (!config.has(variable)) config.set(variable, device);
}

function addDisks(config: Config, disks: readonly FileOrBytes[]): void {
  let slot = FIRST_DISK_SLOT;
  for (const [index, disk] of disks.entries()) {
    while (config.has(`pci.0.${slot}.0.device`)) slot++;
    if (slot >= 31) throw new VmmError("ERR_BAD_OPTION", "there is no PCI slot left for a disk");
    const { path, image } =
      typeof disk === "string"
        ? parseImagePath(disk)
        : { path: `${MEMORY_PREFIX}${index}`, image: {} };
    if (path.includes(",")) {
      throw new VmmError("ERR_BAD_OPTION", `a disk's path cannot have a comma in it: ${path}`);
    }
    config.set(`pci.0.${slot}.0.device`, "virtio-blk");
    config.set(`pci.0.${slot}.0.path`, path);
    for (const [name, value] of Object.entries(image)) {
      if (value !== undefined) config.set(`pci.0.${slot}.0.${name}`, value);
    }
  }
}

/**
 * The image of an embedded disk, or the file's; what is written to it goes nowhere in a snapshot, unless the user has
 * named an overlay for it.
 */
export function openDisk(options: VmmOptions, file: BlockFileOptions, warn: Warn): BlockBackend {
  const { disks = [], snapshot = false } = options;
  const isProtected = snapshot && !file.isReadOnly && file.image.overlay === undefined;
  const opened = isProtected ? { ...file, isReadOnly: true } : file;
  const disk = openMemoryDisk(disks, opened) ?? openDiskImage(opened, warn);
  return isProtected ? new SnapshotBlockBackend(disk) : disk;
}

/** The disk behind a path of {@link configOf}'s; undefined if it is a file. */
function openMemoryDisk(
  disks: readonly FileOrBytes[],
  { path, isReadOnly }: BlockFileOptions,
): BlockBackend | undefined {
  if (!path.startsWith(MEMORY_PREFIX)) return undefined;
  const disk = disks[Number(path.slice(MEMORY_PREFIX.length))];
  if (disk === undefined || typeof disk === "string") return undefined;
  return new MemoryBlockBackend(disk, { isReadOnly, identity: path });
}
