// SPDX-License-Identifier: BSD-2-Clause
// The package as npm makes it: what is in it, what a strict TypeScript project sees of it, and the examples.
import { execFileSync, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PROJECT } from "../support/project.ts";

const DEPENDENCIES = ["long", "typed-emitter"];
/** What the consumer has of its own. */
const TOOLS = ["@types/node", "undici-types", "vitest", "@vitest"];
const EXAMPLES = readdirSync(join(PROJECT, "examples"));

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "tshyve-package-"));
  const packed = execFileSync("npm", ["pack", "--silent", "--pack-destination", folder], {
    cwd: PROJECT,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const modules = join(folder, "node_modules");
  mkdirSync(join(modules, "@types"), { recursive: true });
  const tarball = join(folder, packed.trim().split("\n").at(-1)!);
  execFileSync("tar", ["-xzf", tarball, "-C", modules]);
  execFileSync("mv", [join(modules, "package"), join(modules, "tshyve")]);
  for (const name of [...DEPENDENCIES, ...TOOLS]) {
    symlinkSync(join(PROJECT, "node_modules", name), join(modules, name));
  }
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
}, 400_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Node's way to find a module, and that of bundlers. */
const RESOLUTIONS = {
  nodenext: { module: "NodeNext", moduleResolution: "NodeNext" },
  bundler: { module: "ESNext", moduleResolution: "Bundler" },
} as const;

/** Compiles a consumer's source without mercy; what the compiler says. */
function compile(source: string, resolution: keyof typeof RESOLUTIONS = "nodenext"): string {
  writeFileSync(join(folder, "consumer.ts"), source);
  const options = {
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noImplicitOverride: true,
    noPropertyAccessFromIndexSignature: true,
    verbatimModuleSyntax: true,
    ...RESOLUTIONS[resolution],
    target: "ES2022",
    lib: ["ES2022"],
    types: ["node"],
    skipLibCheck: false,
    noEmit: true,
  };
  const config = { compilerOptions: options, files: ["consumer.ts"] };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
  const tsc = join(PROJECT, "node_modules/typescript/bin/tsc");
  const run = spawnSync(process.execPath, [tsc, "-p", "."], { cwd: folder, encoding: "utf8" });
  return run.stdout;
}

describe("the package", () => {
  it("has the built commands, the library and the guest, and no source", () => {
    const root = join(folder, "node_modules", "tshyve");
    const built = ["tshyve", "bhyve", "index", "vitest", "vm-worker", "compile-worker"];
    for (const name of built) expect(existsSync(join(root, `dist/${name}.js`))).toBe(true);
    expect(existsSync(join(root, "images/teach/teach.img.gz"))).toBe(true);
    for (const source of ["src", "test", "images/build", "images/teach/disk.ts"]) {
      expect(existsSync(join(root, source))).toBe(false);
    }
  });

  it("type-checks in a strict project, libraries included", { timeout: 200_000 }, () => {
    const errors = compile(`
      import { DirectoryRegistry, MemoryRegistry, Vmm, VmmError, type RunOutcome, type VmmEvents } from "tshyve";

      const vmm: Vmm = await Vmm.create({ memory: "64M", registry: new MemoryRegistry() });
      await vmm.load({ kind: "linux", kernel: new Uint8Array(), commandLine: "quiet" });
      vmm.on("stopped", (outcome: RunOutcome) => outcome.kind satisfies string);
      vmm.on("output", (bytes) => bytes.length satisfies number);
      const outcome = await vmm.run({ maxInstructions: 1e6, signal: AbortSignal.timeout(1000) });
      if (outcome.kind === "suspended") outcome.how satisfies "reset" | "poweroff" | "halt" | "triplefault";
      for await (const text of vmm.console) text satisfies string;
      const { groups } = await vmm.console.waitFor(/(\\w+):/, { timeout: "5s", after: 0 });
      groups[0] satisfies string | undefined;
      const rip: bigint = vmm.readRegister("rip");
      vmm.memory.read(rip, 16) satisfies Uint8Array;
      vmm.setBreakpoint("main") satisfies bigint;
      const disposable: AsyncDisposable = vmm;
      try {
        new DirectoryRegistry("vmm").create("..");
      } catch (error) {
        if (error instanceof VmmError) error.code satisfies string;
      }
      export type Names = keyof VmmEvents;
      export { disposable };
    `);
    expect(errors).toBe("");
  });

  it("means the same to a bundler", { timeout: 200_000 }, () => {
    const source = `
      import { Vmm } from "tshyve";
      const vmm = await Vmm.create();
      vmm.on("output", (bytes) => bytes.length satisfies number);
      vmm.on("nothing", () => {});
    `;
    const errors = compile(source, "bundler");
    expect(errors).toMatch(/^consumer\.ts\(5,\d+\): error .*"nothing"/);
    expect(errors.match(/: error/g)).toHaveLength(1);
  });

  it("refuses what is wrong, in a strict project", { timeout: 200_000 }, () => {
    const errors = compile(`
      import { Vmm } from "tshyve";
      const vmm = await Vmm.create({ memroy: "64M" });
      await vmm.load({ kind: "plan9" });
      vmm.on("nothing", () => {});
      vmm.readRegister("xyz");
    `);
    expect(errors.match(/consumer\.ts\(\d+,\d+\): error/g)).toHaveLength(4);
  });

  it("adds its matchers to vitest's types", { timeout: 200_000 }, () => {
    const errors = compile(`
      import "tshyve/vitest";
      import { Vmm } from "tshyve";
      import { expect } from "vitest";
      const vmm = await Vmm.create();
      await expect(vmm).toReachPrompt("login:", { timeout: "5m" });
      await expect(vmm).toBootWithin({ instructions: 1e9 });
      await expect(vmm).not.toPanic();
    `);
    expect(
      errors
        .split("\n")
        .filter((line) => !line.includes("node_modules/"))
        .join("\n"),
    ).toBe("");
  });

  it("translates on a thread of its own, to the same end", { timeout: 200_000 }, () => {
    writeFileSync(join(folder, "engines.mjs"), ENGINES);
    const run = spawnSync(process.execPath, ["engines.mjs"], { cwd: folder, encoding: "utf8" });
    expect(run.stderr).toBe("");
    const [interpreted, translated] = JSON.parse(run.stdout) as EngineRun[];
    expect(translated!.text).toBe(interpreted!.text);
    expect(translated!.instructions).toBe(interpreted!.instructions);
    const { stats } = translated!;
    const byThread =
      stats["WebAssembly modules compiled"]! - stats["WebAssembly modules waited for"]!;
    expect(byThread).toBeGreaterThan(0);
    expect(stats["instructions retired in units"]).toBeGreaterThan(translated!.instructions / 2);
  });

  it.each(EXAMPLES)("runs examples/%s", { timeout: 200_000 }, (example) => {
    const source = join(folder, example);
    symlinkSync(join(PROJECT, "examples", example), source);
    const run = spawnSync(process.execPath, ["--preserve-symlinks-main", source], {
      cwd: folder,
      encoding: "utf8",
    });
    expect([run.status, run.stderr]).toEqual([0, ""]);
    expect(run.stdout).toMatch(EXPECTED[example] ?? /^$/);
  });
});

interface EngineRun {
  readonly text: string;
  readonly instructions: number;
  readonly stats: Readonly<Record<string, number>>;
}

/** The teaching guest on both engines, up to its prompt and half a second of its clock further. */
const ENGINES = `
import { guestDisk, Vmm } from "tshyve";
const runs = [];
for (const engine of ["interpreter", "translator"]) {
  const vmm = await Vmm.create({ memory: "64M", disks: [guestDisk("teach")], variables: { engine } });
  await vmm.load({ kind: "freebsd" });
  let text = "";
  await vmm.run({ maxInstructions: 200e6, output: (bytes) => { text += Buffer.from(bytes).toString("latin1"); } });
  runs.push({ text, instructions: vmm.instructions, stats: vmm.stats() });
  await vmm.destroy();
}
console.log(JSON.stringify(runs));
`;

/** What each example prints, in part. */
const EXPECTED: Readonly<Record<string, RegExp>> = {
  "prompt.mjs": /hello.*\{ kind: 'suspended', how: 'poweroff' \}\n$/s,
  "breakpoint.mjs": /kind: 'breakpoint'.*#0 0x\w+ at pci_init\+0\n#1 0x\w+ at \w+\+0x.*rip 0x/s,
  "repeat.mjs": /instructions: \d+.*\nthe same again\n$/s,
  "crash.mjs":
    /ERR_VM_STATE: the guest ended in a triple fault.*how: 'triplefault'.*exceptions\n$/s,
};
