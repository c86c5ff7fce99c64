// SPDX-License-Identifier: BSD-2-Clause
// Boots of whole operating systems, from the command that loads the kernel to a shell or a login prompt that
// answers. Under QEMU, FreeBSD comes through firmware and its own loader: the kernel's share is noted as well.
import fs from "node:fs";
import path from "node:path";
import { type Engine, findQemu, type Places, startQemu, TshyveVm } from "./engines.ts";
import type { GuestLine } from "./guest-line.ts";

export interface Boot {
  readonly name: string;
  readonly title: string;
  /** Why it cannot be done; undefined if it can. */
  readonly missing: () => string | undefined;
  readonly startTshyve: (places: Places, engine: string) => Promise<GuestLine>;
  readonly startQemu: (places: Places) => Promise<GuestLine>;
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
  kernel: /Linux version/,
  // BusyBox's line editor asks the terminal where the cursor is.
  prompt: /# (.\[6n)?$/,
  question: { typed: "echo sum $((6*7))\n", answer: /^sum 42/ },
};

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

/** Those of the engines that boot whole systems here: Bochs takes half a minute, v86 is another machine. */
export function canBoot({ name }: Engine): boolean {
  return name === "qemu"
    ? "version" in findQemu()
    : name === "interpreter" || name === "translator";
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

async function bootOnce(boot: Boot, engine: string, places: Places) {
  const beginNs = process.hrtime.bigint();
  const line = await (engine === "qemu"
    ? boot.startQemu(places)
    : boot.startTshyve(places, engine));
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
