// SPDX-License-Identifier: BSD-2-Clause
// Imports point one way. The linter refuses the others while one types; this file makes sure that it does, and
// that no import got past it.
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { importsOf, PROJECT, projectFiles, readProjectFile } from "../support/project.ts";

const ROOMS = ["base", "mmu", "cpu", "devices", "loader", "vmm", "host", "cli"] as const;
type Room = (typeof ROOMS)[number];

/** CONTRIBUTING.md, first rule: what each room may import besides itself. */
const ALLOWED: Readonly<Record<Room, readonly Room[]>> = {
  base: [],
  mmu: ["base"],
  cpu: ["base", "mmu"],
  devices: ["base", "mmu"],
  loader: ["base", "mmu"],
  vmm: ["base", "mmu", "cpu", "devices", "loader"],
  host: ["base", "mmu", "cpu", "devices", "loader", "vmm"],
  cli: ["base", "mmu", "cpu", "devices", "loader", "vmm", "host"],
};
/** Only these may know that there is a Node. */
const ON_NODE: readonly Room[] = ["host", "cli"];
/** The packages that what is shipped needs, each fenced into one file; vitest is for those alone who have it. */
const PACKAGES: Readonly<Record<string, string>> = {
  long: "src/base/u64.ts",
  "typed-emitter": "src/base/typed-emitter.ts",
  vitest: "src/vitest.ts",
};

const isTest = (path: string) => path.endsWith(".test.ts");
const roomOf = (path: string) => ROOMS.find((room) => path.startsWith(`src/${room}/`));

const forbiddenIn = (room: Room) => [
  ...ROOMS.filter((each) => each !== room && !ALLOWED[room].includes(each)).map(otherRoom),
  ...(ON_NODE.includes(room) ? [] : ["node:fs"]),
];
const allowedIn = (room: Room) => [...ALLOWED[room].map(otherRoom), "./x.ts"];
const otherRoom = (room: Room) => `../${room}/x.ts`;
const probedIn = (room: Room) => [...forbiddenIn(room), ...allowedIn(room)];

/** Runs the linter, configured as here, over a file in each room that imports all it can. Room → refused. */
function refusedImports(folder: string): Map<Room, string[]> {
  for (const name of ["biome.json", ".gitignore"])
    copyFileSync(join(PROJECT, name), join(folder, name));
  for (const room of ROOMS) {
    const lines = probedIn(room).map((specifier) => `import "${specifier}";\n`);
    mkdirSync(join(folder, "src", room), { recursive: true });
    writeFileSync(join(folder, "src", room, "probe.ts"), lines.join(""));
  }
  const biome = join(PROJECT, "node_modules/@biomejs/biome/bin/biome");
  const options = [
    "--only=style/noRestrictedImports",
    "--max-diagnostics=none",
    "--reporter=github",
  ];
  const { stdout } = spawnSync(process.execPath, [biome, "lint", ...options, "src"], {
    cwd: folder,
    encoding: "utf8",
  });
  const found = new Map<Room, string[]>(ROOMS.map((room) => [room, []]));
  for (const [, room, line] of stdout.matchAll(/\bsrc\/(\w+)\/probe\.ts,line=(\d+),/g)) {
    found.get(room as Room)?.push(probedIn(room as Room)[Number(line) - 1]!);
  }
  return found;
}

describe("the linter", () => {
  let folder: string;
  let refused: Map<Room, string[]>;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "tshyve-lint-"));
    refused = refusedImports(folder);
  }, 60_000);
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each(ROOMS)("refuses in %s what it may not import, and nothing else", (room) => {
    expect(refused.get(room)?.sort()).toEqual(forbiddenIn(room).sort());
  });
});

describe("the source", () => {
  const sources = projectFiles(/^src\/.*\.ts$/);

  it("imports in one direction", () => {
    const wrong = sources.flatMap((path) => {
      const room = roomOf(path);
      if (room === undefined || isTest(path)) return [];
      return importsOf(path)
        .filter((target) => {
          const other = roomOf(target);
          return other !== undefined && other !== room && !ALLOWED[room].includes(other);
        })
        .map((target) => `${path} imports ${target}`);
    });
    expect(wrong).toEqual([]);
  });

  it("knows of Node in host and cli alone, and of packages in one file each", () => {
    const wrong = sources.flatMap((path) => {
      const room = roomOf(path);
      if (isTest(path)) return [];
      return importsOf(path)
        .filter((target) => !target.startsWith("src/"))
        .filter((target) =>
          target.startsWith("node:")
            ? room === undefined || !ON_NODE.includes(room)
            : PACKAGES[target] !== path,
        )
        .map((target) => `${path} imports ${target}`);
    });
    expect(wrong).toEqual([]);
  });

  it("takes time and randomness from its caller where a guest could notice", () => {
    const rooms: readonly (Room | undefined)[] = ["base", "mmu", "cpu", "devices", "loader", "vmm"];
    const ambient =
      /\b(Date\.now|new Date\(\)|performance\.now|setTimeout|setInterval|Math\.random)\b/;
    const wrong = sources.filter(
      (path) =>
        rooms.includes(roomOf(path)) &&
        !isTest(path) &&
        ambient.test(codeOf(readProjectFile(path))),
    );
    expect(wrong).toEqual([]);
  });
});

/** The text without comments. */
function codeOf(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "");
}
