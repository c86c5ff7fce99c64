// SPDX-License-Identifier: BSD-2-Clause
// The documents say what is so: links lead somewhere, paths exist, functions are in the files that are named for
// them, every error code is explained.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { PROJECT, projectFiles, readProjectFile } from "../support/project.ts";

const DOCUMENTS = projectFiles(/\.md$/);

/** Headings of a document as GitHub makes anchors of them. */
function anchorsOf(path: string): string[] {
  return [...readProjectFile(path).matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
    title!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

function isBroken(document: string, link: string): boolean {
  const [path = "", anchor] = link.split("#");
  const target = path === "" ? document : join(dirname(document), path);
  if (!existsSync(join(PROJECT, target))) return true;
  return anchor !== undefined && !anchorsOf(target).includes(anchor);
}

describe.each(DOCUMENTS)("%s", (document) => {
  const text = readProjectFile(document);

  it("has links that lead somewhere", () => {
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!);
    const own = links.filter((link) => !/^[a-z]+:/.test(link));
    expect(own.filter((link) => isBroken(document, link))).toEqual([]);
  });

  it("names files that exist", () => {
    const paths = [...text.matchAll(/`((?:src|test|scripts|images|docs|bench)\/[\w./-]*\w\/?)`/g)];
    const places = (path: string) => [join(PROJECT, path), join(PROJECT, dirname(document), path)];
    const missing = paths.map(([, path]) => path!).filter((path) => !places(path).some(existsSync));
    expect(missing).toEqual([]);
  });
});

describe("docs/architecture.md", () => {
  const text = readProjectFile("docs/architecture.md");

  it("names functions that are in the files beside them", () => {
    const wrong = [...text.matchAll(/`(src\/[\w./-]+\.ts)`((?:,? `#?\w+`)+)/g)].flatMap(
      ([, path, names]) => {
        const source = readProjectFile(path!);
        return [...names!.matchAll(/`(#?\w+)`/g)]
          .map(([, name]) => name!)
          .filter((name) => !new RegExp(`(?<![\\w#])${name}\\b`).test(source))
          .map((name) => `${name} is not in ${path}`);
      },
    );
    expect(wrong).toEqual([]);
  });

  it("names classes, functions and constants that exist", () => {
    const sources = projectFiles(/^src\/.*\.ts$/)
      .map((path) => readProjectFile(path))
      .join("\n");
    const names = [...text.matchAll(/`(?:([A-Z]\w+)\.)?(#?[a-zA-Z]\w+)`/g)];
    const ours = names.flatMap(([, type, name]) => (type === undefined ? [name!] : [type, name!]));
    const guests = new Set([
      "src",
      "code",
      "inout",
      "hlt",
      "pause",
      "suspended",
      "debug",
      "bogus",
      "readv",
    ]);
    const unknown = ours
      .filter((name) => !guests.has(name))
      .filter((name) => !new RegExp(`(?<![\\w#])${name}\\b`).test(sources));
    expect([...new Set(unknown)]).toEqual([]);
  });

  it("gives the places that the machine's memory has", () => {
    const layout = readProjectFile("src/mmu/machine-layout.ts");
    const constants = [...layout.matchAll(/^export const \w+_OFFSET = (0x[0-9a-f]+);$/gm)];
    expect(constants.length).toBeGreaterThan(4);
    for (const [, value] of constants) {
      expect(text).toContain(`\`0x${Number(value).toString(16).padStart(7, "0")}\``);
    }
  });
});

describe("docs/errors.md", () => {
  const text = readProjectFile("docs/errors.md");
  const codes = [...readProjectFile("src/base/errors.ts").matchAll(/^ {2}\| "(ERR_\w+)"/gm)].map(
    ([, code]) => code!,
  );

  it("explains every code that an error can have, and no other", () => {
    expect(codes.length).toBeGreaterThan(10);
    const explained = [...text.matchAll(/^## `(ERR_\w+)`$/gm)].map(([, code]) => code!);
    expect(explained.sort()).toEqual(codes.sort());
  });

  it("quotes sentences that the source can say", () => {
    const sources = projectFiles(/^src\/.*\.ts$/)
      .filter((path) => !path.endsWith(".test.ts"))
      .map((path) => readProjectFile(path))
      .join("\n");
    const quoted = [...text.matchAll(/^\| `([^`]+)` +\|/gm)].map(([, sentence]) => sentence!);
    expect(quoted.length).toBeGreaterThan(30);
    const unsaid = quoted.filter((sentence) => {
      const pieces = sentence.split(/<[^>]+>/).map((piece) => piece.trim());
      return pieces.some((piece) => !sources.includes(piece));
    });
    expect(unsaid).toEqual([]);
  });
});

describe("README.md", () => {
  const text = readProjectFile("README.md");

  it("names tests that exist for what it claims", () => {
    const rows = [...text.matchAll(/^\| .* \| (works|partly) +\| (.*) \|$/gm)];
    expect(rows.length).toBeGreaterThan(8);
    expect(rows.filter(([, , proof]) => !/\[test\/|\[src\//.test(proof!))).toEqual([]);
  });

  it("says of each dependency what it is for", () => {
    const { dependencies, devDependencies } = JSON.parse(readProjectFile("package.json"));
    const explained = [...text.matchAll(/^\| `([^`]+)` +\| (?:run|development) +\|/gm)];
    expect(explained.map(([, name]) => name).sort()).toEqual(
      Object.keys({ ...dependencies, ...devDependencies }).sort(),
    );
  });
});
