// SPDX-License-Identifier: BSD-2-Clause
// The emulators that are asked: how each is started with the monitor's ROM in place of its BIOS, and how its answers
// get here. Neither is needed for anything else.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SystemCase } from "../../support/system/system-case.ts";
import { type Answer, AnswerReader } from "./answers.ts";
import { END, RAM_MIB } from "./monitor.ts";
import { RomBuilder } from "./rom.ts";

export type PeerName = "qemu" | "bochs";
export const PEERS: readonly PeerName[] = ["qemu", "bochs"];

interface Peer {
  readonly program: string;
  readonly version: () => string | undefined;
  /** Its task register's hidden part never says that the TSS is busy. */
  readonly isTssAvailable: boolean;
  /** Arguments; files that are needed go into the directory. */
  readonly prepare: (rom: string, directory: string) => string[];
}

/** The first thing in a program's output that looks so; undefined if it cannot be started. */
function find(pattern: RegExp, program: string, ...args: readonly string[]): string | undefined {
  const { stdout, stderr, error } = spawnSync(program, args, { encoding: "utf8" });
  return error === undefined ? pattern.exec(stdout + stderr)?.[0] : undefined;
}

/** Time is counted in instructions, and passes at once where the processor halts. */
const QEMU: Peer = {
  program: "qemu-system-x86_64",
  isTssAvailable: true,
  version: () => {
    const version = find(/version [\d.]+/, "qemu-system-x86_64", "--version");
    return version?.replace("version", "QEMU TCG");
  },
  prepare: (rom) => [
    ...["-machine", "pc,accel=tcg", "-cpu", "max,vendor=GenuineIntel", "-m", `${RAM_MIB}`],
    ...["-bios", rom, "-nodefaults", "-display", "none", "-vga", "none", "-no-hpet"],
    ...["-icount", "shift=0,sleep=off"],
    ...["-chardev", "stdio,id=answers,signal=off"],
    ...["-device", "isa-debugcon,iobase=0xe9,chardev=answers"],
  ],
};

const BOCHS: Peer = {
  program: "stdbuf",
  isTssAvailable: false,
  version: () => find(/Bochs x86 Emulator [\d.]+/, "bochs", "--help")?.replace("x86 Emulator ", ""),
  prepare: (rom, directory) => {
    const configuration = [
      `megs: ${RAM_MIB}`,
      "cpu: model=corei7_skylake_x, count=1, ips=500000000, reset_on_triple_fault=1",
      "clock: sync=none",
      `romimage: file=${rom}`,
      "vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest",
      "ata0: enabled=0",
      "ata1: enabled=0",
      "boot: floppy",
      "port_e9_hack: enabled=1",
      'display_library: rfb, options="timeout=0"',
      `log: ${join(directory, "log")}`,
      // A triple fault is one.
      "panic: action=report",
      "error: action=ignore",
      "info: action=ignore",
    ];
    writeFileSync(join(directory, "bochsrc"), `${configuration.join("\n")}\n`);
    // Debian's build starts in its debugger.
    writeFileSync(join(directory, "go"), "c\n");
    // What it had still in a buffer when it crashed would be lost.
    return ["-o0", "bochs", "-q", "-f", join(directory, "bochsrc"), "-rc", join(directory, "go")];
  },
};

const BY_NAME: Readonly<Record<PeerName, Peer>> = { qemu: QEMU, bochs: BOCHS };

/** Undefined where it is not installed. */
export function peerVersion(name: PeerName): string | undefined {
  return BY_NAME[name].version();
}

/** So long without an answer, and the case that is being run is given up. */
const PATIENCE_MS = 3_000;

/** Answers by the numbers of the cases; where a peer crashed, hung or had nothing to say there is none. */
export async function askPeer(
  name: PeerName,
  cases: readonly SystemCase[],
): Promise<ReadonlyMap<number, Answer>> {
  const peer = BY_NAME[name];
  const rom = new RomBuilder(cases, peer.isTssAvailable);
  const answers = new Map<number, Answer>();
  for (let first = 0; first < cases.length; ) {
    const reader = new AnswerReader(await run(peer, rom.bytes(first), cases.length));
    const some = reader.read();
    for (const [index, answer] of some) answers.set(index, answer);
    if (reader.isComplete || some.size === 0) break;
    // The last one that it began is the one it did not survive.
    first = Math.max(...some.keys()) + 1;
  }
  return answers;
}

/** What came out of the port until all cases were done, or nothing more came. */
async function run(peer: Peer, image: Uint8Array, count: number): Promise<Buffer> {
  const directory = mkdtempSync(join(tmpdir(), "tshyve-opinions-"));
  const rom = join(directory, "rom");
  writeFileSync(rom, image);
  const child = spawn(peer.program, peer.prepare(rom, directory), {
    stdio: ["ignore", "pipe", "ignore"],
    cwd: directory,
  });
  const last = Buffer.alloc(5, END);
  last.writeUInt32LE(count, 1);
  const chunks: Buffer[] = [];
  let end = Buffer.alloc(0);
  try {
    await new Promise<void>((resolve, reject) => {
      let timer = setTimeout(resolve, PATIENCE_MS);
      child.stdout.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        end = Buffer.concat([end, chunk]).subarray(-last.length);
        clearTimeout(timer);
        if (end.equals(last)) resolve();
        else timer = setTimeout(resolve, PATIENCE_MS);
      });
      child.once("error", reject);
      child.once("close", () => resolve());
    });
  } finally {
    child.kill("SIGKILL");
    rmSync(directory, { recursive: true, force: true });
  }
  return Buffer.concat(chunks);
}
