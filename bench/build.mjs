// SPDX-License-Identifier: BSD-2-Clause
// Builds the bench's guest images from their sources, with gcc and the GNU binutils, and works out the programs'
// answers on the host's own processor. What it makes is committed: nobody needs a compiler to run the bench.
//
//   images/bench-x86-64.img, bench-i686.img   bzImages: any loader of the Linux boot protocol takes them
//   images/boot-sector.bin                    a boot sector to lay in front of them
//   images/answers.json                       what each program must say
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const bench = fileURLToPath(new URL(".", import.meta.url));
const work = mkdtempSync(join(tmpdir(), "tshyve-bench-build-"));
const sources = (folder) =>
  readdirSync(join(bench, folder))
    .filter((name) => /\.[cS]$/.test(name))
    .map((name) => join(bench, folder, name));

const SECTOR = 512;
const FLAGS = ["-O2", "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-fno-math-errno"];
const FREESTANDING = [
  "-ffreestanding",
  "-fno-pic",
  "-fno-pie",
  "-fno-stack-protector",
  "-fno-asynchronous-unwind-tables",
  "-fcf-protection=none",
  "-fno-tree-loop-distribute-patterns",
  "-mno-red-zone",
];
const TARGETS = {
  "x86-64": ["-m64", "-march=x86-64"],
  i686: ["-m32", "-march=pentium4", "-mfpmath=sse", "-malign-data=abi"],
};
/** Runs inside interrupts: it must not touch the programs' vector registers. */
const KERNEL_ONLY = ["-mgeneral-regs-only"];

function run(command, ...args) {
  return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
}

function compile(source, flags) {
  const object = join(work, `${source.replaceAll(/[^\w.]/g, "_")}.o`);
  run("gcc", ...flags, "-c", source, "-o", object);
  return object;
}

/** Flat bytes of an object without an operating system. */
function flat(source, linkFlags) {
  const object = compile(source, ["-m32"]);
  const elf = join(work, "flat.elf");
  const binary = join(work, "flat.bin");
  run("ld", "-m", "elf_i386", ...linkFlags, object, "-o", elf);
  run("objcopy", "-O", "binary", "-j", ".text", elf, binary);
  return readFileSync(binary);
}

function symbol(elf, name) {
  const line = run("nm", elf)
    .split("\n")
    .find((each) => each.endsWith(` ${name}`));
  return Number.parseInt(line, 16);
}

function buildImage(target) {
  const flags = [...TARGETS[target], ...FLAGS, ...FREESTANDING];
  const kernel = sources("kernel").filter(
    (path) => !/(native\.c|setup\.S|boot-sector\.S)$/.test(path),
  );
  const objects = [
    ...kernel.map((path) => compile(path, [...flags, ...KERNEL_ONLY])),
    ...sources("programs").map((path) => compile(path, flags)),
  ];
  const elf = join(work, `${target}.elf`);
  const binary = join(work, `${target}.bin`);
  const emulation = target === "i686" ? "elf_i386" : "elf_x86_64";
  const script = join(bench, "kernel/link.ld");
  run(
    "ld",
    "-m",
    emulation,
    "-z",
    "noexecstack",
    "--no-warn-rwx-segments",
    "-T",
    script,
    ...objects,
    "-o",
    elf,
  );
  run("objcopy", "-O", "binary", elf, binary);
  const payload = readFileSync(binary);
  const setup = flat(join(bench, "kernel/setup.S"), ["-Ttext=0", "-e", "0"]);
  setup.writeUInt32LE(Math.ceil(payload.length / 16), 0x1f4);
  setup.writeUInt32LE(symbol(elf, "image_end") - 0x10_0000, 0x260);
  const size = alignUp(setup.length + payload.length, SECTOR);
  const image = Buffer.alloc(size);
  setup.copy(image);
  payload.copy(image, setup.length);
  writeFileSync(join(bench, `images/bench-${target}.img`), image);
  console.log(`bench-${target}.img: ${size} bytes`);
}

function alignUp(value, step) {
  return Math.ceil(value / step) * step;
}

function buildBootSector() {
  const sector = flat(join(bench, "kernel/boot-sector.S"), ["-Ttext=0x7c00", "-e", "0x7c00"]);
  if (sector.length !== SECTOR) throw new Error(`the boot sector has ${sector.length} bytes`);
  writeFileSync(join(bench, "images/boot-sector.bin"), sector);
}

/** The programs as processes. The 32-bit answers differ where a loop is about machine words. */
function findAnswers(target) {
  const native = join(work, `native-${target}`);
  const parts = ["native.c", "conversation.c", "memory.c"].map((name) =>
    join(bench, "kernel", name),
  );
  const flags = [...TARGETS[target], ...FLAGS, ...FREESTANDING];
  run("gcc", ...flags, "-static", "-nostdlib", ...sources("programs"), ...parts, "-o", native);
  const answers = {};
  const names = [...ask(native, "list\n").matchAll(/^program (.*)$/gm)].map((match) => match[1]);
  for (const name of names) {
    const said = ask(native, `run ${name} 2\ngo\n`);
    answers[name] = /^answer \S+ 2 (\w{8}) /m.exec(said)?.[1];
    if (answers[name] === undefined) throw new Error(`${target} ${name}: ${said}`);
  }
  return { ...answers, ...systemAnswers(target) };
}

/** What the programs that need the kernel must say: see kernel/system.c for the numbers. */
function systemAnswers(target) {
  const fold = (hash, word) => Math.imul(hash ^ word, 16777619) >>> 0;
  const times = (count, step) => Array.from({ length: count }, (_, i) => i).reduce(step, 0);
  const numbers = {
    syscall: 10_000,
    "page-fault": fold(
      times(1024, (hash) => fold(hash, 0)),
      1024,
    ),
    "context-switch": fold(2000, 4000),
    "port-io": 5000,
    ...diskAnswers(),
  };
  if (target === "x86-64") numbers.mmio = times(5000, (sum, i) => sum + (i & 0xb));
  return Object.fromEntries(
    Object.entries(numbers).map(([name, value]) => [name, value.toString(16).padStart(8, "0")]),
  );
}

/** Sums of sectors' numbers: see kernel/virtio-blk.c. */
function diskAnswers() {
  const sectors = (first, count) => count * first + (count * (count - 1)) / 2;
  const sequential = sectors(0, 128 * 128) % 2 ** 32;
  let random = 321;
  let scattered = 0;
  for (let i = 0; i < 256; i++) {
    random ^= random << 13;
    random ^= random >>> 17;
    random ^= random << 5;
    scattered += sectors(((random >>> 0) % 8192) * 8, 8);
  }
  return {
    "disk-read": sequential,
    "disk-write": sequential,
    "disk-random-read": scattered,
    "disk-random-write": scattered,
  };
}

function ask(native, question) {
  return execFileSync(native, { encoding: "utf8", input: question });
}

try {
  for (const target of Object.keys(TARGETS)) buildImage(target);
  buildBootSector();
  const answers = Object.keys(TARGETS).map((target) => [target, findAnswers(target)]);
  const text = JSON.stringify(Object.fromEntries(answers), null, 2);
  writeFileSync(join(bench, "images/answers.json"), `${text}\n`);
} finally {
  rmSync(work, { recursive: true, force: true });
}
