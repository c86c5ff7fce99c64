// SPDX-License-Identifier: BSD-2-Clause
// Boots of whole operating systems, from the command that loads the kernel to a shell or a login prompt that
// answers. Under QEMU, FreeBSD comes through firmware and its own loader: the kernel's share is noted as well.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { type Engine, findQemu, type Places, runBochs, startQemu, TshyveVm } from "./engines.ts";
import type { GuestLine } from "./guest-line.ts";

export interface Boot {
  readonly name: string;
  readonly title: string;
  /** Why it cannot be done; undefined if it can. */
  readonly missing: () => string | undefined;
  readonly startTshyve: (places: Places, engine: string) => Promise<GuestLine>;
  readonly startQemu: (places: Places) => Promise<GuestLine>;
  /** From a CD, if Bochs can boot it at all. */
  readonly startBochs?: (places: Places) => Promise<GuestLine>;
  /** The kernel's first words. */
  readonly kernel: RegExp;
  readonly prompt: RegExp;
  /** What is typed then, and what has to come back. */
  readonly question?: { readonly typed: string; readonly answer: RegExp };
}

export type BootMeasurement =
  | {
      readonly kind: "measured";
      /** From the first command. */
      readonly totalNs: number[];
      /** From the kernel's first words. */
      readonly kernelNs: number[];
      /** Processor time of the engine. */
      readonly cpuNs: number[];
      /** Largest resident size of the engine's process. */
      readonly peakBytes: number[];
    }
  | { readonly kind: "failed"; readonly reason: string };

const TIMEOUT_MS = 3_600_000;

const GUESTS_VARIABLE = "TSHYVE_GUESTS";
const FREEBSD_VARIABLE = "TSHYVE_FREEBSD_IMAGE";
const LINUX_MEMORY = "256";
const FREEBSD_MEMORY = "512";
const COMMAND_LINE = "console=ttyS0";

function guestFile(name: string): string {
  return path.join(process.env[GUESTS_VARIABLE] ?? "", name);
}

const LINUX: Boot = {
  name: "boot-linux",
  title: "Linux to a shell",
  missing: () => {
    if (process.env[GUESTS_VARIABLE] === undefined) {
      return `${GUESTS_VARIABLE} does not say where vmlinuz and initrd.gz are`;
    }
    const absent = ["vmlinuz", "initrd.gz"].find((name) => !fs.existsSync(guestFile(name)));
    return absent && `${guestFile(absent)} is not there`;
  },
  startTshyve: async (places, engine) => {
    const vm = new TshyveVm(places);
    const files = ["-k", guestFile("vmlinuz"), "-i", guestFile("initrd.gz")];
    vm.run("linuxload", "-m", `${LINUX_MEMORY}M`, ...files, "-c", COMMAND_LINE, vm.name);
    return vm.start("-A", "-o", `engine=${engine}`);
  },
  startQemu: async () =>
    startQemu(
      ...["-m", LINUX_MEMORY, "-kernel", guestFile("vmlinuz")],
      ...["-initrd", guestFile("initrd.gz"), "-append", COMMAND_LINE],
    ),
  startBochs: async (places) =>
    runBochs(places, {
      memoryMiB: LINUX_MEMORY,
      ips: 40_000_000,
      cpu: "model=corei7_sandy_bridge_2600k, ",
      drive: `type=cdrom, path="${linuxCd(places)}", status=inserted`,
      boot: "cdrom",
    }),
  kernel: /Linux version/,
  // BusyBox's line editor asks the terminal where the cursor is.
  prompt: /# (.\[6n)?$/,
  question: { typed: "echo sum $((6*7))\n", answer: /^sum 42/ },
};

const ISOLINUX_FILES = [
  "/usr/lib/ISOLINUX/isolinux.bin",
  "/usr/lib/syslinux/modules/bios/ldlinux.c32",
];

/** What Debian's isolinux, syslinux-common and xorriso make of kernel and RAM disk. Bochs has no other way in. */
function linuxCd(places: Places): string {
  const folder = fs.mkdtempSync(path.join(places.work, "cd-"));
  const tree = path.join(folder, "tree");
  fs.mkdirSync(tree);
  for (const file of [...ISOLINUX_FILES, guestFile("vmlinuz"), guestFile("initrd.gz")]) {
    fs.copyFileSync(file, path.join(tree, path.basename(file)));
  }
  const entry = `KERNEL vmlinuz\nAPPEND initrd=initrd.gz ${COMMAND_LINE}\n`;
  fs.writeFileSync(
    path.join(tree, "isolinux.cfg"),
    `DEFAULT linux\nPROMPT 0\nLABEL linux\n${entry}`,
  );
  const image = path.join(folder, "linux.iso");
  const boot = ["-b", "isolinux.bin", "-c", "boot.cat", "-no-emul-boot"];
  const table = ["-boot-load-size", "4", "-boot-info-table"];
  execFileSync("xorriso", ["-as", "mkisofs", "-quiet", "-o", image, ...boot, ...table, tree], {
    stdio: "ignore",
  });
  return image;
}

/** The image is never written to: each boot has a copy. */
function copyOfImage(places: Places): string {
  const copy = path.join(places.work, `freebsd-${process.hrtime.bigint()}.img`);
  fs.copyFileSync(process.env[FREEBSD_VARIABLE]!, copy, fs.constants.COPYFILE_FICLONE);
  fs.chmodSync(copy, 0o600);
  return copy;
}

const FREEBSD: Boot = {
  name: "boot-freebsd",
  title: "FreeBSD to a login prompt",
  missing: () => {
    const image = process.env[FREEBSD_VARIABLE];
    if (image === undefined) return `${FREEBSD_VARIABLE} does not name a disk image`;
    return fs.existsSync(image) ? undefined : `${image} is not there`;
  },
  startTshyve: async (places, engine) => {
    const disk = copyOfImage(places);
    const vm = new TshyveVm(places);
    const memory = ["-m", `${FREEBSD_MEMORY}M`];
    vm.run("bhyveload", ...memory, "-d", disk, "-e", "autoboot_delay=-1", vm.name);
    return vm.start("-A", "-s", `2,virtio-blk,${disk}`, "-o", `engine=${engine}`);
  },
  startQemu: async (places) =>
    startQemu(
      ...["-m", FREEBSD_MEMORY, "-device", "virtio-blk-pci,drive=d0"],
      ...["-drive", `file=${copyOfImage(places)},if=none,id=d0,format=raw,cache=unsafe`],
    ),
  kernel: /Copyright \(c\) 1992-|---<<BOOT>>---/,
  prompt: /login: $/,
};

export const BOOTS: readonly Boot[] = [LINUX, FREEBSD];

/** Those of the engines that boot whole systems here; v86 is another machine. */
export function canBoot({ name, find }: Engine, places: Places): boolean {
  if (name === "qemu") return "version" in findQemu();
  if (name === "bochs") {
    return "version" in find(places) && ISOLINUX_FILES.every((file) => fs.existsSync(file));
  }
  return name === "interpreter" || name === "translator";
}

/** Takes turns as the programs do. */
export async function measureBoot(
  boot: Boot,
  engines: readonly Engine[],
  places: Places,
  rounds: number,
): Promise<Record<string, BootMeasurement>> {
  const results: Record<string, BootMeasurement> = {};
  for (let round = 0; round < rounds; round++) {
    for (const { name } of engines) {
      if (name === "bochs" && boot.startBochs === undefined) continue;
      const soFar = results[name] ?? {
        kind: "measured",
        totalNs: [],
        kernelNs: [],
        cpuNs: [],
        peakBytes: [],
      };
      if (soFar.kind === "failed") continue;
      results[name] = soFar;
      try {
        const times = await bootOnce(boot, name, places);
        soFar.totalNs.push(times.totalNs);
        soFar.kernelNs.push(times.kernelNs);
        soFar.cpuNs.push(times.cpuNs);
        soFar.peakBytes.push(times.peakBytes);
      } catch (error) {
        results[name] = { kind: "failed", reason: (error as Error).message };
      }
    }
  }
  return results;
}

function start(boot: Boot, engine: string, places: Places): Promise<GuestLine> {
  if (engine === "qemu") return boot.startQemu(places);
  if (engine === "bochs" && boot.startBochs !== undefined) return boot.startBochs(places);
  return boot.startTshyve(places, engine);
}

async function bootOnce(boot: Boot, engine: string, places: Places) {
  const beginNs = process.hrtime.bigint();
  const line = await start(boot, engine, places);
  try {
    const kernel = await line.expectText(boot.kernel, TIMEOUT_MS);
    let end = await line.expectText(boot.prompt, TIMEOUT_MS);
    if (boot.question !== undefined) {
      line.write(boot.question.typed);
      end = await line.expect(boot.question.answer, TIMEOUT_MS);
    }
    return {
      totalNs: Number(end.atNs - beginNs),
      kernelNs: Number(end.atNs - kernel.atNs),
      cpuNs: line.cpuNs(),
      peakBytes: line.peakBytes(),
    };
  } finally {
    await line.close();
  }
}
