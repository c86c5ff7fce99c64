// SPDX-License-Identifier: BSD-2-Clause
// What a user gets from the package is there and starts: commands, library, declarations; and the README speaks of
// commands that exist.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PROJECT, readProjectFile } from "../support/project.ts";

const MANIFEST = JSON.parse(readProjectFile("package.json")) as {
  readonly bin: Readonly<Record<string, string>>;
  readonly files: readonly string[];
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
};

/** Runs Node in a folder: its status and what it printed. */
function node(folder: string, args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: folder,
    encoding: "utf8",
    input: "",
    env: { ...process.env, TSHYVE_VMM_DIR: join(folder, "vmm") },
  });
  return { status, stdout, stderr };
}

/** What is published, without what is left out of it. */
const FILES = MANIFEST.files.filter((path) => !path.startsWith("!"));

describe("the built package", () => {
  let folder: string;
  const inside = (path: string) => join(folder, "node_modules/tshyve", path);

  /** As installed: below node_modules, with what it depends on beside it. */
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "tshyve-package-"));
    const build = join(PROJECT, "scripts/build.mjs");
    const { status, stderr } = node(PROJECT, [build, `--outdir=${inside("dist")}`]);
    if (status !== 0) throw new Error(`the build failed: ${stderr}`);
    for (const path of ["package.json", ...FILES.filter((each) => each !== "dist")]) {
      cpSync(join(PROJECT, path), inside(path), { recursive: true });
    }
    for (const name of ["long", "typed-emitter"]) {
      symlinkSync(join(PROJECT, "node_modules", name), join(folder, "node_modules", name));
    }
  }, 180_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("has all that its manifest names", () => {
    const exported = Object.values(MANIFEST.exports).flatMap((entry) =>
      typeof entry === "string" ? [entry] : Object.values(entry),
    );
    const named = [...Object.values(MANIFEST.bin), ...FILES, ...exported];
    expect(named.length).toBeGreaterThan(8);
    expect(named.filter((path) => !existsSync(inside(path)))).toEqual([]);
  });

  it.each(Object.keys(MANIFEST.bin))("has a command %s that explains itself", (name) => {
    const { status, stdout } = node(folder, [inside(MANIFEST.bin[name]!), "--help"]);
    expect(stdout).toMatch(new RegExp(`^usage: ${name} `, "i"));
    expect(status).toBe(0);
  });

  it.each(["linuxload", "run", "backtrace", "jit", "images", "fetch", "demo"])(
    "has a command tshyve %s that explains itself",
    (name) => {
      const { status, stdout } = node(folder, [inside(MANIFEST.bin["tshyve"]!), name, "--help"]);
      expect(stdout).toMatch(new RegExp(`^usage: tshyve ${name}\\b`));
      expect(status).toBe(0);
    },
  );

  it("can be imported, and makes a machine's configuration", () => {
    const program = `
      import { Config, machineConfig, VmmError } from "tshyve";
      const config = new Config();
      config.set("memory.size", "64M");
      console.log(machineConfig(config).memoryBytes);
      config.set("memory.size", "1k");
      try { machineConfig(config); } catch (error) { console.log(error instanceof VmmError, error.code); }
    `;
    const { stdout, stderr } = node(folder, ["--input-type=module", "--eval", program]);
    expect(stderr).toBe("");
    expect(stdout).toBe(`${64 * 2 ** 20}\ntrue ERR_BAD_OPTION\n`);
  });

  it("has declarations that the README's program compiles against, strictly", {
    timeout: 120_000,
  }, () => {
    const [, example = ""] = /^```ts\n(.*?)^```$/ms.exec(readProjectFile("README.md")) ?? [];
    expect(example).toContain("vm.run()");
    const program = `${example}
      import { type Machine, type MachineHost } from "tshyve";
      export const limit = (machine: Machine): string => machine.loop.run(1000);
      export const host = (given: MachineHost): string => given.name;
    `;
    writeFileSync(join(folder, "program.mts"), program);
    const compilerOptions = {
      ...{ strict: true, exactOptionalPropertyTypes: true, noEmit: true, types: ["node"] },
      ...{ module: "nodenext", target: "es2023", lib: ["es2024"] },
      typeRoots: [join(PROJECT, "node_modules/@types")],
    };
    const configuration = { compilerOptions, include: ["program.mts"] };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(configuration));
    const tsc = join(PROJECT, "node_modules/typescript/bin/tsc");
    const { stdout, status } = node(folder, [tsc]);
    expect(stdout).toBe("");
    expect(status).toBe(0);
  });

  it("knows each command that the README types", { timeout: 60_000 }, () => {
    const lines = [...readProjectFile("README.md").matchAll(/^npx (\w+)(?: (\w+))?/gm)];
    expect(lines.length).toBeGreaterThan(5);
    for (const [line, name, command] of lines) {
      const program = MANIFEST.bin[name!];
      expect(program, line).toBeDefined();
      const words = name === "tshyve" ? [command!, "--help"] : ["--help"];
      expect(node(folder, [inside(program!), ...words]), line).toMatchObject({ stderr: "" });
    }
  });
});
