// SPDX-License-Identifier: BSD-2-Clause
// Engines that run the guest images: tshyve's own, and peers where they are installed.
import { execFileSync, spawn } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { GuestLine } from "./guest-line.ts";

export type Target = "x86-64" | "i686";

/** Where things are: the checkout, and a directory of this run's own. */
export interface Places {
  readonly root: string;
  readonly work: string;
}

export interface Engine {
  readonly name: string;
  readonly title: string;
  readonly target: Target;
  /** Its machine has a virtio block device. */
  readonly hasDisk: boolean;
  /** A version if it can be used; else why not. */
  readonly find: (places: Places) => { version: string } | { missing: string };
  /** Starts it on its target's image. */
  readonly start: (places: Places) => Promise<GuestLine>;
}

const MEMORY_MIB = 64;

function imagePath({ root }: Places, target: Target): string {
  return path.join(root, "bench/images", `bench-${target}.img`);
}

const SECTOR_BYTES = 512;
const DISK_SECTORS = 65_536;

/** A disk for one guest: each sector begins with its number (kernel/virtio-blk.c). */
function makeDisk({ work }: Places): string {
  const bytes = Buffer.alloc(DISK_SECTORS * SECTOR_BYTES);
  for (let i = 0; i < DISK_SECTORS; i++) bytes.writeUInt32LE(i, i * SECTOR_BYTES);
  const file = path.join(fs.mkdtempSync(path.join(work, "disk-")), "disk.img");
  fs.writeFileSync(file, bytes);
  return file;
}

function firstLine(command: string, ...args: string[]): string | undefined {
  try {
    return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] })
      .trim()
      .split("\n")[0];
  } catch (error) {
    // Some print their version and end with a status of failure.
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    const text = `${stdout ?? ""}${stderr ?? ""}`.trim();
    return text === "" ? undefined : text.split("\n")[0];
  }
}

function onPipes(command: string, args: readonly string[], env = process.env): GuestLine {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"], env });
  return new GuestLine({ process: child, input: child.stdin, output: child.stdout });
}

let vmNumber = 0;

/** A VM of tshyve's, through its own commands. */
export class TshyveVm {
  readonly name = `bench${++vmNumber}`;
  readonly #places: Places;
  readonly #env: NodeJS.ProcessEnv;

  constructor(places: Places) {
    this.#places = places;
    this.#env = { ...process.env, TSHYVE_VMM_DIR: path.join(places.work, "vmm") };
    if (!fs.existsSync(this.#env["TSHYVE_VMM_DIR"]!)) this.run("kldload", "vmm");
  }

  #command(args: readonly string[]): string[] {
    return [path.join(this.#places.root, "dist/tshyve.js"), ...args];
  }

  run(...args: string[]): string {
    return execFileSync(process.execPath, this.#command(args), {
      env: this.#env,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  start(...options: string[]): GuestLine {
    const args = ["bhyve", "-s", "0,hostbridge", "-s", "31,lpc", "-l", "com1,stdio"];
    return onPipes(process.execPath, this.#command([...args, ...options, this.name]), this.#env);
  }
}

function tshyve(engine: "interpreter" | "translator", target: Target): Engine {
  const suffix = target === "i686" ? "-i686" : "";
  return {
    name: `${engine}${suffix}`,
    title: `tshyve ${engine}${suffix && " (i686)"}`,
    target,
    hasDisk: true,
    find: ({ root }) => {
      if (engine === "translator" && !hasTranslator(root)) {
        return { missing: "this build of tshyve has no translator" };
      }
      return { version: `${process.title} ${process.version}` };
    },
    start: async (places) => {
      const vm = new TshyveVm(places);
      vm.run("linuxload", "-m", `${MEMORY_MIB}M`, "-k", imagePath(places, target), vm.name);
      // The translator as users have it: what is cold is interpreted.
      const option = `engine=${engine === "translator" ? "auto" : engine}`;
      return vm.start("-o", option, "-s", `3,virtio-blk,${makeDisk(places)}`);
    },
  };
}

/** The option is taken by builds without one, too: they interpret. */
function hasTranslator(root: string): boolean {
  return fs.existsSync(path.join(root, "src/cpu/jit/translator.ts"));
}

const QEMU_OPTIONS = ["-accel", "tcg,thread=single", "-cpu", "max", "-nodefaults", "-no-reboot"];
const QEMU_CONSOLE = ["-display", "none", "-monitor", "none", "-serial", "stdio"];

const QEMU = "qemu-system-x86_64";

export function startQemu(...options: string[]): GuestLine {
  return onPipes(QEMU, [...QEMU_OPTIONS, ...QEMU_CONSOLE, ...options]);
}

export function findQemu(): { version: string } | { missing: string } {
  const version = firstLine(QEMU, "--version");
  return version === undefined ? { missing: `${QEMU} is not installed` } : { version };
}

function qemu(target: Target): Engine {
  return {
    name: target === "i686" ? "qemu-i686" : "qemu",
    title: target === "i686" ? "QEMU TCG (i686)" : "QEMU TCG",
    target,
    hasDisk: true,
    find: findQemu,
    start: async (places) =>
      startQemu(
        ...["-m", `${MEMORY_MIB}`, "-kernel", imagePath(places, target)],
        ...["-drive", `file=${makeDisk(places)},if=none,id=d0,format=raw`],
        ...["-device", "virtio-blk-pci,drive=d0"],
      ),
  };
}

const BOCHS_FILES = "/usr/share/bochs";
/** A whole number of cylinders of 16 heads and 63 sectors. */
const CYLINDER_BYTES = 16 * 63 * 512;
const CHUNK_BYTES = 64 * 512;

/** A disk that boots the image: kernel/boot-sector.S says how. */
function bootDisk(places: Places, target: Target): Buffer {
  const sector = fs.readFileSync(path.join(places.root, "bench/images/boot-sector.bin"));
  const image = fs.readFileSync(imagePath(places, target));
  const disk = Buffer.alloc(
    Math.ceil((512 + image.length + CHUNK_BYTES) / CYLINDER_BYTES) * CYLINDER_BYTES,
  );
  sector.copy(disk);
  disk.writeUInt16LE(Math.ceil(image.length / CHUNK_BYTES), 506);
  image.copy(disk, 512);
  return disk;
}

/** What Bochs is started with. */
export interface BochsMachine {
  readonly memoryMiB: string | number;
  /** Instructions that are a second of the guest's time. */
  readonly ips: number;
  /** More of its `cpu:` line. */
  readonly cpu?: string;
  /** What `ata0-master:` is. */
  readonly drive: string;
  readonly boot: "disk" | "cdrom";
}

function bochsConfiguration(machine: BochsMachine, port: number, log: string): string {
  const { memoryMiB, ips, cpu = "", drive, boot } = machine;
  return [
    `megs: ${memoryMiB}`,
    `cpu: ${cpu}count=1, ips=${ips}, reset_on_triple_fault=0`,
    "clock: sync=none",
    `romimage: file=${BOCHS_FILES}/BIOS-bochs-latest`,
    `vgaromimage: file=${BOCHS_FILES}/VGABIOS-lgpl-latest`,
    "ata1: enabled=0",
    "ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14",
    `ata0-master: ${drive}`,
    `boot: ${boot}`,
    `com1: enabled=1, mode=socket-client, dev=127.0.0.1:${port}`,
    'display_library: rfb, options="timeout=0"',
    `log: ${log}`,
    "panic: action=fatal",
    "error: action=ignore",
    "info: action=ignore",
    "",
  ].join("\n");
}

async function startBochs(places: Places): Promise<GuestLine> {
  const disk = bootDisk(places, "x86-64");
  const diskPath = path.join(fs.mkdtempSync(path.join(places.work, "bochs-disk-")), "disk.img");
  fs.writeFileSync(diskPath, disk);
  const geometry = `cylinders=${disk.length / CYLINDER_BYTES}, heads=16, spt=63`;
  return runBochs(places, {
    memoryMiB: MEMORY_MIB,
    ips: 4_000_000,
    drive: `type=disk, mode=flat, path="${diskPath}", ${geometry}`,
    boot: "disk",
  });
}

export async function runBochs(places: Places, machine: BochsMachine): Promise<GuestLine> {
  const folder = fs.mkdtempSync(path.join(places.work, "bochs-"));
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  const log = path.join(folder, "log");
  fs.writeFileSync(path.join(folder, "bochsrc"), bochsConfiguration(machine, port, log));
  // Debian's build starts in its debugger.
  fs.writeFileSync(path.join(folder, "go"), "c\n");
  const args = ["-q", "-f", path.join(folder, "bochsrc"), "-rc", path.join(folder, "go")];
  // Without a viewer its display writes to descriptor 0 as if that were a socket: it must not be one.
  const child = spawn("bochs", args, { stdio: ["ignore", "ignore", "pipe"], cwd: folder });
  const socket = await new Promise<net.Socket>((resolve, reject) => {
    server.once("connection", resolve);
    child.once("exit", (code) => reject(new Error(`bochs ended with status ${code}; see ${log}`)));
    child.once("error", reject);
  });
  server.close();
  socket.setNoDelay(true);
  return new GuestLine({ process: child, input: socket, output: socket });
}

const BOCHS: Engine = {
  name: "bochs",
  title: "Bochs",
  target: "x86-64",
  hasDisk: false,
  find: () => {
    const help = firstLine("bochs", "--help");
    if (help === undefined) return { missing: "bochs is not installed" };
    if (!fs.existsSync(BOCHS_FILES)) return { missing: `no BIOS images in ${BOCHS_FILES}` };
    return { version: bochsVersion() };
  },
  start: startBochs,
};

function bochsVersion(): string {
  const line = firstLine("sh", "-c", "bochs --help 2>&1 | grep -m 1 -o 'Bochs x86 Emulator.*'");
  return line ?? "Bochs";
}

/** Where `npm install v86` was done. */
const V86_VARIABLE = "TSHYVE_BENCH_V86";

const V86: Engine = {
  name: "v86",
  title: "v86 (i686)",
  target: "i686",
  hasDisk: false,
  find: () => {
    const folder = process.env[V86_VARIABLE];
    if (folder === undefined) return { missing: `${V86_VARIABLE} does not say where v86 is` };
    const manifest = path.join(folder, "node_modules/v86/package.json");
    if (!fs.existsSync(manifest)) return { missing: `no v86 in ${folder}` };
    const { version } = JSON.parse(fs.readFileSync(manifest, "utf8")) as { version: string };
    return { version: `v86 ${version} on ${process.title} ${process.version}` };
  },
  start: async (places) =>
    onPipes(process.execPath, [
      path.join(places.root, "bench/harness/v86-host.mjs"),
      path.join(process.env[V86_VARIABLE]!, "node_modules/v86"),
      imagePath(places, "i686"),
      `${MEMORY_MIB}`,
    ]),
};

export const ENGINES: readonly Engine[] = [
  tshyve("interpreter", "x86-64"),
  tshyve("translator", "x86-64"),
  qemu("x86-64"),
  BOCHS,
  tshyve("interpreter", "i686"),
  tshyve("translator", "i686"),
  qemu("i686"),
  V86,
];

/** What 1.0 is, by target. */
export const REFERENCE: Readonly<Record<Target, string>> = { "x86-64": "qemu", i686: "qemu-i686" };
