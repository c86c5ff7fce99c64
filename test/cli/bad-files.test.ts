// SPDX-License-Identifier: BSD-2-Clause
// Files that are not what they should be, VMs that somebody else has, hosts that refuse and disks that are full: one
// sentence, the right status, and every disk and every VM as before. Where a machine or a loader has to be started,
// by real processes.
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { directory, file, type TreeNode } from "../../images/build/file-tree.ts";
import { buildGpt } from "../../images/build/gpt.ts";
import { buildUfs2 } from "../../images/build/ufs2.ts";
import { type Files, luaFiles } from "../support/boot-image.ts";
import { bzImageFile } from "../support/bzimage-file.ts";
import { CommandRoom, type RunningCommand } from "../support/commands.ts";
import { commandOf, contentsOf, expectComplaint, type Mistake } from "../support/complaints.ts";
import { kernelImage, moduleImage } from "../support/elf-image.ts";
import { SeededRandom } from "../support/random.ts";
import { helloGuest } from "../support/small-guest.ts";
import { POWERED_OFF_GUEST, SPINNING_GUEST, WITH_CONSOLE } from "../support/small-guests.ts";

const TIMEOUT = 60_000;
const hello = helloGuest();
const noise = new SeededRandom(3).bytes(200_000);

/** A kernel with a few bytes of its ELF header, or of what follows, replaced. Offsets: ELF-64 object file format. */
function patched(original: Uint8Array, at: number, ...bytes: number[]): Uint8Array {
  const copy = original.slice();
  copy.set(bytes, at);
  return copy;
}

const E_CLASS = 4;
const E_MACHINE = 18;
const E_ENTRY = 24;
const E_PHOFF = 32;
const E_PHNUM = 56;
const PROGRAM_HEADERS = 64;
const P_OFFSET = 8;
const P_VADDR = 16;
const P_FILESZ = 32;
const P_MEMSZ = 40;
const ONES = [255, 255, 255, 255, 255, 255, 255, 255];

const KERNELS: Readonly<Record<string, Uint8Array | string>> = {
  nothing: "",
  text: "not a kernel\n",
  noise,
  "cut-short": hello.slice(0, 100),
  "for-32-bits": patched(hello, E_CLASS, 1),
  "for-arm": patched(hello, E_MACHINE, 183, 0),
  "headers-far-away": patched(hello, E_PHOFF, ...ONES),
  "no-segments": patched(hello, E_PHNUM, 0, 0),
  "segment-past-the-end": patched(hello, PROGRAM_HEADERS + P_OFFSET, 0, 0, 0, 0x40),
  "segment-too-long": patched(hello, PROGRAM_HEADERS + P_FILESZ, ...ONES),
  "segment-too-large": patched(hello, PROGRAM_HEADERS + P_MEMSZ, 0, 0, 0, 0x40),
  "segment-nowhere": patched(hello, PROGRAM_HEADERS + P_VADDR + 16 - 8, ...ONES),
  "entry-outside": patched(hello, E_ENTRY, 0, 0, 0, 0x60),
  module: moduleImage({ versions: [{ name: "a", version: 1 }] }),
  "setup-cut-short": bzImageFile().slice(0, 1000),
  "too-much-memory": bzImageFile({ initBytes: 0x7000_0000 }),
  "too-old": bzImageFile({ protocol: 0x0105 }),
};

function tree(files: Files): TreeNode {
  const entries: Record<string, TreeNode> = {};
  const folders = new Map<string, Files>();
  for (const [path, content] of Object.entries(files)) {
    const [, name, rest] = /^\/?([^/]+)(\/.*)?$/.exec(path)!;
    if (rest === undefined) entries[name!] = file(content);
    else folders.set(name!, { ...folders.get(name!), [rest]: content });
  }
  for (const [name, inner] of folders) entries[name] = tree(inner);
  return directory(entries);
}

const at = (path: string, content: Uint8Array | string): Files =>
  luaFiles({ "/boot/loader.conf": 'autoboot_delay="-1"\n', [path]: content });

const ufs = (files: Files) =>
  buildUfs2(tree(files) as ReturnType<typeof directory>, { sizeBytes: 1 << 20 });
const disk = (files: Files) =>
  buildGpt([{ kind: "freebsd-ufs", name: "root", content: ufs(files) }]);
const intact = disk(at("/boot/loader.conf", 'autoboot_delay="-1"\n'));

function withoutKernel(): Files {
  const { "/boot/kernel/kernel": _kernel, ...rest } = at("/boot/x", "");
  return rest;
}

/** Where the superblock is: behind the partition's start. FreeBSD: sys/ufs/ffs/fs.h SBLOCK_UFS2. */
const SBLOCK_UFS2 = 65536;
const FS_BSIZE = 48;

/** Disks for bhyveload, by what is wrong with them. */
const DISKS: Readonly<Record<string, readonly [Uint8Array, RegExp]>> = {
  nothing: [new Uint8Array(0), /left without a kernel: .*disk0/],
  noise: [noise, /left without a kernel: there is no filesystem on disk0/],
  "cut-short": [intact.slice(0, 100_000), /cut-short|disk0/],
  "table-damaged": [tableDamaged(), /damaged|disk0/],
  "superblock-damaged": [superblockDamaged(), /left without a kernel: disk0.*/],
  "no-kernel": [disk(withoutKernel()), /left without a kernel: .*kernel/],
  "kernel-empty": [disk(at("/boot/kernel/kernel", "")), /kernel/],
  "kernel-text": [disk(at("/boot/kernel/kernel", "text")), /kernel/],
  "kernel-cut-short": [disk(at("/boot/kernel/kernel", kernelImage().slice(0, 200))), /kernel/],
  "kernel-for-arm": [
    disk(at("/boot/kernel/kernel", patched(kernelImage(), E_MACHINE, 183, 0))),
    /kernel/,
  ],
  "kernel-too-large": [
    disk(
      at("/boot/kernel/kernel", patched(kernelImage(), PROGRAM_HEADERS + P_MEMSZ, 0, 0, 0, 0x60)),
    ),
    /kernel/,
  ],
  "gzip-cut-short": [
    disk({
      ...withoutKernel(),
      "/boot/kernel/kernel.gz": new Uint8Array(gzipSync(kernelImage())).slice(0, 60),
    }),
    /kernel\.gz: the gzip file cannot be inflated: /,
  ],
};

/** Both headers of the table, which a checksum protects. UEFI 2.10 5.3.2. */
function tableDamaged(): Uint8Array {
  return patched(patched(intact, 512 + 24, 9, 9, 9), intact.length - 512 + 24, 9, 9, 9);
}

/** A block size that no filesystem has. FreeBSD: sys/ufs/ffs/fs.h fs_bsize. */
function superblockDamaged(): Uint8Array {
  const partition = 40 * 512;
  return patched(intact, partition + SBLOCK_UFS2 + FS_BSIZE, 7, 0, 0, 0);
}

let room: CommandRoom;
beforeAll(async () => {
  room = new CommandRoom();
  chmodSync(room.directory, 0o755);
  for (const [name, content] of Object.entries(KERNELS)) room.file(name, content);
  for (const [name, [content]] of Object.entries(DISKS)) room.file(`${name}.img`, content);
  room.file("hello", hello);
  room.file("bz", bzImageFile());
  room.file("sectors.img", new Uint8Array(64 * 512));
  room.file("odd.img", new Uint8Array(700));
  room.file("empty.img", "");
  await room.load("vm", POWERED_OFF_GUEST);
}, TIMEOUT);
afterAll(() => room.close());

async function expectMistake(mistake: Mistake, inProcess = false): Promise<void> {
  const before = contentsOf(room, ["vmm", "sectors.img"]);
  const [name, args] = commandOf(mistake);
  const words = inProcess ? args.map((word) => word.replace(/^@/, `${room.directory}/`)) : args;
  const plain = inProcess ? words : args.map((word) => word.replace(/^@/, ""));
  const ended = inProcess ? await room.run(name, words) : await room.spawn(name, plain);
  expectComplaint(mistake, ended);
  expect(contentsOf(room, ["vmm", "sectors.img"])).toEqual(before);
}

describe("linuxload, given a kernel that is none", { timeout: TIMEOUT }, () => {
  it.each(Object.keys(KERNELS))("says which and why: %s", async (name) => {
    const line = `tshyve linuxload -k @${name} -m 32 vm`;
    const says = new RegExp(`(${name}|kernel|payload|segment) .*`);
    await expectMistake({ line, status: 1, says }, true);
  });

  it.each([
    ["-k /no/kernel", /cannot open \/no\/kernel: there is no such file/],
    ["-k /dev", /cannot open \/dev: it is not a regular file/],
    ["-k @bz -i /no/initrd", /cannot open \/no\/initrd: there is no such file/],
    ["-k @bz -i @nothing", /the initial RAM disk is empty/],
    ["-k @bz -i @noise -m 32m", /does not fit|needs at least/],
    [`-k @bz -c ${"x".repeat(2048)}`, /command line has 2048 bytes; this kernel takes 2047/],
  ] as const)("or what is wrong beside it: %s", async (options, says) => {
    const size = options.includes("-m") ? "" : " -m 64";
    const initrd = options.includes("@noise") ? options.replace("@bz", "@tight") : options;
    room.file("tight", bzImageFile({ initBytes: 0xff_0000 }));
    await expectMistake({ line: `tshyve linuxload ${initrd}${size} vm`, status: 1, says }, true);
  });
});

describe("bhyveload, given a disk that it cannot load from", { timeout: TIMEOUT }, () => {
  it.each(Object.keys(DISKS))("says why: %s", async (name) => {
    const [, says] = DISKS[name]!;
    const image = `${name}.img`;
    const before = readFileSync(room.path(image));
    // A table that cannot be read is found before the loader starts.
    const status = name === "table-damaged" ? 64 : 1;
    await expectMistake({ line: `bhyveload -d @${image} vm`, status, says });
    expect(readFileSync(room.path(image)).equals(before)).toBe(true);
  });

  it.each<[line: string, says: RegExp]>([
    ["no equals sign here", /Malformed line \(2\):\n\t'no equals sign here'/],
    ['kernel="unfinished', /Malformed line \(2\)/],
    ['frob_load="YES"', /frob/],
    ['exec="frob"', /frob/],
    ['module_path="/no/such"', /./],
    [`${"x".repeat(5000)}="${"y".repeat(5000)}"`, /./],
    ["\u0001\u0002\u0003", /Malformed line \(2\)/],
  ])("boots, and reports a line of loader.conf: %j", async (line, says) => {
    const image = room.file(
      "conf.img",
      disk(at("/boot/loader.conf", `autoboot_delay="-1"\n${line}\n`)),
    );
    const { status, stdout, stderr } = await room.spawn("bhyveload", ["-d", image, "conf"]);
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(says);
    expect(stdout).toMatch(/Booting/);
  });
});

describe("bhyve, given a device that it cannot make", { timeout: TIMEOUT }, () => {
  it.each<[options: string, says: RegExp]>([
    ["-s 3,virtio-net,tap0", /pci slot 0:3:0: unknown device "virtio-net" \(-s help/],
    ["-s 3,virtio-blk", /a disk needs the path of its image: virtio-blk,path/],
    ["-s 3,virtio-blk,/no/disk", /disk image \/no\/disk does not exist/],
    ["-s 3,virtio-blk,/tmp", /disk image \/tmp is a directory/],
    ["-s 3,virtio-blk,empty.img", /disk image empty.img is empty/],
    ["-s 3,virtio-blk,odd.img", /odd.img has 700 bytes, which is not a multiple of its 512-byte/],
    ["-s 3,virtio-blk,sectors.img,sectorsize=3", /Invalid sector size "3": expected logical/],
    ["-s 3,virtio-blk,sectors.img,frob", /virtio-blk has no option "frob"/],
    ["-s 3,hostbridge,vendor=x", /hostbridge: vendor=x is not a number up to 0xffff/],
    ["-s 1:31:0,lpc", /LPC bridge can be present only on bus 0\./],
    ["-s 31,lpc -l com1,/no/dev", /cannot open \/no\/dev: there is no such file/],
    ["-s 31,lpc -l com1,odd.img", /odd.img cannot be the end of a serial line: it is neither/],
    ["-s 31,lpc -l com1,stdio -l com2,stdio", /stdio is in use already: only one device/],
    ["-S 31,lpc,stdio", /legacy PCI slot 31: only two devices, both uart/],
    ["-o trace=frob", /trace point 'frob' is not known: expected insn/],
    ["-o trace=port -o trace.file=/no/dir/x", /cannot write \/no\/dir\/x: its directory does/],
  ])("says which: %s", (options, says) =>
    expectMistake({ line: `bhyve ${options} vm`, status: 4, says }),
  );

  it("has a UART without a path connected to nothing", async () => {
    await room.load("mute", POWERED_OFF_GUEST);
    const ended = await room.spawn("bhyve", ["-s", "31,lpc", "-l", "com1", "mute"]);
    expect(ended).toMatchObject({ status: 1, stdout: "", stderr: "" });
  });
});

describe("a VM whose entry is damaged", { timeout: TIMEOUT }, () => {
  const entry = (name: string) => room.path(`vmm/hurt/${name}`);
  const files = (pattern: RegExp) => readdirSync(entry("")).filter((name) => pattern.test(name));
  const replace = (pattern: RegExp, content: string | Uint8Array) => () => {
    for (const name of files(pattern)) writeFileSync(entry(name), content);
  };
  const edit = (from: RegExp, to: string) => () => {
    const text = readFileSync(entry("vm.json"), "utf8");
    expect(text).toMatch(from);
    writeFileSync(entry("vm.json"), text.replace(from, to));
  };
  const DAMAGED = /is damaged: destroy the VM and load it again/;
  const OTHER = /is damaged: destroy|written by another version of tshyve: destroy/;

  it.each<[what: string, hurt: () => void, says: RegExp]>([
    ["a record of half a line", replace(/^vm\.json$/, '{"version":1'), DAMAGED],
    ["a record of nothing", replace(/^vm\.json$/, ""), DAMAGED],
    ["a record that is null", replace(/^vm\.json$/, "null"), DAMAGED],
    ["a record without fields", replace(/^vm\.json$/, "{}"), DAMAGED],
    ["a record that is gone", () => rmSync(entry("vm.json")), DAMAGED],
    ["a stage that there is not", edit(/"loaded"/, '"running"'), DAMAGED],
    ["memory beyond all measure", edit(/"memoryBytes":\d+/, '"memoryBytes":1e30'), DAMAGED],
    ["a configuration that is a number", edit(/"config":\{\}/, '"config":7'), DAMAGED],
    ["a generation that is not there", edit(/"generation":1/, '"generation":9'), DAMAGED],
    [
      "memory that is gone",
      () => files(/^memory/).forEach((name) => void rmSync(entry(name))),
      DAMAGED,
    ],
    ["memory that is cut short", replace(/^memory/, new Uint8Array(100)), OTHER],
    ["memory that is noise", replace(/^memory/, noise), OTHER],
  ])("is not run, but destroyed and made again: %s", async (_what, hurt, says) => {
    await room.load("hurt", POWERED_OFF_GUEST);
    hurt();
    await expectMistake({ line: "bhyve hurt", status: 4, says });
    const destroyed = await room.run("bhyvectl", ["--vm=hurt", "--destroy"]);
    expect(destroyed).toMatchObject({ status: 0, stderr: "" });
    await room.load("hurt", POWERED_OFF_GUEST);
    expect(await room.spawn("bhyve", [...WITH_CONSOLE, "hurt"])).toMatchObject({ status: 1 });
    await room.run("bhyvectl", ["--vm=hurt", "--destroy"]);
  });

  it.each(["{", "null", "", '{"pid":0,"started":"","isReleased":false,"crashedAt":0}'])(
    "has had a runner that died if its mark says %j",
    async (mark) => {
      await room.load("hurt", POWERED_OFF_GUEST);
      writeFileSync(entry("runner.77"), mark);
      const says = /virtual machine hurt cannot be booted: its runner died; run bhyveload first/;
      await expectMistake({ line: "bhyve hurt", status: 4, says });
      await room.load("hurt", POWERED_OFF_GUEST);
      expect(await room.spawn("bhyve", [...WITH_CONSOLE, "hurt"])).toMatchObject({ status: 1 });
      await room.run("bhyvectl", ["--vm=hurt", "--destroy"]);
    },
  );

  it("is no VM if it is a file", async () => {
    room.file("vmm/stray", "");
    expect((await room.run("tshyve", ["ls"])).stdout).not.toContain("stray");
    const create = {
      line: "bhyvectl --vm=stray --create",
      status: 255,
      says: /is a file, and none/,
    };
    await expectMistake(create, true);
    const read = { line: "bhyvectl --vm=stray --get-rip", status: 1, says: /could not be opened/ };
    await expectMistake(read, true);
    rmSync(room.path("vmm/stray"));
  });
});

describe("a VM that somebody runs", { timeout: TIMEOUT }, () => {
  let runner: RunningCommand;
  beforeAll(async () => {
    await room.load("busy", SPINNING_GUEST);
    runner = room.start("bhyve", [...WITH_CONSOLE, "busy"]);
    await runner.printed("U");
  }, TIMEOUT);
  afterAll(async () => {
    runner.process.kill("SIGKILL");
    await runner.ended;
  });

  it.each([
    ["bhyve busy", 4],
    ["bhyveload -d @no-kernel.img busy", 1],
    ["tshyve linuxload -k @hello -m 32 busy", 1],
    ["bhyvectl --vm=busy --destroy", 255],
  ] as const)("is not to be had for %s", (line, status) => {
    const says = new RegExp(`VM busy is busy: process ${runner.process.pid} runs it`);
    return expectMistake({ line, status, says });
  });
});

/** An unprivileged user of every system; as root, that is who tries. */
const NOBODY = 65534;
const uid = process.getuid?.() === 0 ? NOBODY : undefined;

describe("a host that refuses", { timeout: TIMEOUT }, () => {
  const secret = () => {
    for (const name of ["secret.img", "secret"]) {
      room.file(name, name === "secret" ? hello : new Uint8Array(512));
      chmodSync(room.path(name), 0);
    }
    mkdirSync(room.path("secrets"), { recursive: true });
    chmodSync(room.path("secrets"), 0);
    mkdirSync(room.path("open"), { recursive: true });
    chmodSync(room.path("open"), 0o777);
  };

  it.each<[line: string, status: number, says: RegExp]>([
    ["tshyve linuxload -k secret vm", 1, /cannot open secret: permission denied/],
    ["bhyveload -d secret.img vm", 64, /cannot open secret.img: permission denied/],
    ["bhyveload -h secrets own", 1, /left without a kernel: .*permission denied/],
    ["bhyve -k secret vm", 4, /cannot read secret: permission denied/],
    [
      "bhyve -s 3,virtio-blk,secret.img own",
      4,
      /disk image secret.img cannot be opened: permission/,
    ],
    ["bhyve -o trace=port -o trace.file=secrets/x own", 4, /cannot write secrets\/x: permission/],
    ["tshyve run --linux secret", 4, /cannot open secret: permission denied/],
    [
      "tshyve run --linux hello --log secrets/log",
      4,
      /cannot write secrets\/log: permission denied/,
    ],
    ["tshyve run --replay secrets", 4, /capsule secrets\/capsule.json: permission denied/],
  ])("is quoted: %s", async (line, status, says) => {
    secret();
    const [name, args] = commandOf({ line, status, says });
    const env = 'TSHYVE_VMM_DIR="$PWD/open/vmm"; export TSHYVE_VMM_DIR';
    if (line.includes(" own")) {
      const load = await room.shell(
        `${env}; "$@"`,
        "tshyve",
        words("linuxload -k hello -m 32 own"),
        { uid },
      );
      expect(load).toMatchObject({ status: 0, stderr: "" });
    }
    const ended = await room.shell(`${env}; "$@"`, name, args, { uid });
    expectComplaint({ line, status, says }, ended);
  });

  it.each<[line: string, status: number]>([
    ["tshyve ls", 1],
    ["bhyve vm", 4],
    ["bhyvectl --vm=new --create", 255],
    ["tshyve linuxload -k hello -m 32 new", 1],
    ["tshyve kldunload vmm", 1],
  ])("keeps others from a user's VMs: %s", async (line, status) => {
    const before = contentsOf(room, ["vmm"]);
    if (uid === undefined) chmodSync(room.path("vmm"), 0);
    const [name, args] = commandOf({ line, status, says: "" });
    const ended = await room.shell('"$@"', name, args, { uid });
    if (uid === undefined) chmodSync(room.path("vmm"), 0o700);
    expectComplaint({ line, status, says: /cannot .*: permission denied/ }, ended);
    expect(contentsOf(room, ["vmm"])).toEqual(before);
  });

  it("attaches a disk that can only be read read-only, and says so", async () => {
    secret();
    room.file("open/read.img", new Uint8Array(512));
    chmodSync(room.path("open/read.img"), 0o444);
    const env = 'TSHYVE_VMM_DIR="$PWD/open/vmm"; export TSHYVE_VMM_DIR';
    await room.shell(`${env}; "$@"`, "tshyve", words("linuxload -k hello -m 32 own"), { uid });
    const args = words("-s 3,virtio-blk,open/read.img own");
    const ended = await room.shell(`${env}; "$@"`, "bhyve", args, { uid });
    expect(ended).toMatchObject({
      status: 1,
      stderr:
        "bhyve: disk image open/read.img cannot be written (EACCES): it is attached read-only\n",
    });
  });
});

/** Files of this size and no larger: what a full disk comes to, on every host. bash and dash count 512 or 1024 bytes. */
const LITTLE = "ulimit -f 2; ";

describe("a disk that is full", { timeout: TIMEOUT }, () => {
  const FULL = /(the file would become larger than it may|the host's disk is full)$/;

  it.each<[what: string, shell: string, line: string, status: number]>([
    ["for a VM's memory", LITTLE, "tshyve linuxload -k hello -m 32 vm", 1],
    ["for a new VM's memory", LITTLE, "tshyve linuxload -k hello -m 32 full", 1],
    ["for a trace", "", "bhyve -o trace=insn -o trace.file=/dev/full vm2", 4],
    ["for what was printed", "exec >/dev/full; ", "tshyve ls", 1],
    ["for help", "exec >/dev/full; ", "bhyve --help", 4],
    ["for a log", "", "tshyve run --linux hello --log /dev/full", 4],
  ])("%s is named", async (_what, shell, line, status) => {
    await room.load("vm2", POWERED_OFF_GUEST);
    const before = contentsOf(room, ["vmm/vm"]);
    const [name, args] = commandOf({ line, status, says: FULL });
    const ended = await room.shell(`${shell}"$@"`, name, args);
    expectComplaint({ line, status, says: FULL }, ended);
    expect(contentsOf(room, ["vmm/vm"])).toEqual(before);
    expect(readdirSync(room.path("vmm/vm")).sort()).toEqual([
      expect.stringMatching(/^memory\.\d+$/),
      expect.stringMatching(/^runner\.\d+$/),
      "vm.json",
    ]);
  });

  it("keeps a VM that has run, and could not be stored, as it was: crashed, to be loaded again", async () => {
    await room.load("vm2", POWERED_OFF_GUEST);
    const before = contentsOf(room, ["vmm/vm2"]);
    const ended = await room.shell(`${LITTLE}"$@"`, "bhyve", [...WITH_CONSOLE, "vm2"]);
    expectComplaint({ line: "bhyve vm2", status: 4, says: FULL }, ended);
    expect(contentsOf(room, ["vmm/vm2"])).toEqual(before);
  });

  it("ends a run whose console cannot be written, with its state kept", async () => {
    await room.load("vm2", POWERED_OFF_GUEST);
    const line = 'exec >/dev/full; "$@"';
    const { status, stderr } = await room.shell(line, "bhyve", [...WITH_CONSOLE, "vm2"]);
    expect(stderr).toBe("bhyve: cannot write the output: the host's disk is full\n");
    expect(status).not.toBe(0);
  });
});

describe("a signal", { timeout: TIMEOUT }, () => {
  it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
    "%s ends bhyveload at its prompt, and the VM is as it was",
    async (signal) => {
      const before = contentsOf(room, ["vmm/vm"]);
      const loader = room.start("bhyveload", ["-d", "no-kernel.img", "vm"], "pipe");
      await loader.printed("OK ");
      loader.process.kill(signal);
      expect(await loader.ended).toMatchObject({ status: undefined, signal, stderr: "" });
      expect(contentsOf(room, ["vmm/vm"])).toEqual(before);
      const again = await room.spawn("bhyveload", ["-d", "no-kernel.img", "vm"]);
      expect(again.stderr).toContain("left without a kernel");
    },
  );

  it.each(["SIGINT", "SIGTERM"] as const)("%s ends tshyve run in its own words", async (signal) => {
    room.file("spin", helloGuest("U\r\n"));
    await room.load("spinning", SPINNING_GUEST);
    const args = ["run", "-m", "32M", "--no-capsule", "--linux", "spinning.elf"];
    const run = room.start("tshyve", args);
    await run.printed("U");
    run.process.kill(signal);
    const { status, stderr } = await run.ended;
    expect(status).toBe(130);
    expect(stderr).toContain("tshyve run: somebody ended the run (status 130)\n");
  });
});

function words(line: string): string[] {
  return line.split(" ");
}
