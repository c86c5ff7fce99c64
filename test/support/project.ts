// SPDX-License-Identifier: BSD-2-Clause
// The project as a set of files, for tests that hold it to its own rules.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

export const PROJECT = fileURLToPath(new URL("../..", import.meta.url));

/** What is made, fetched or kept by tools. */
const NOT_OURS = new Set(["node_modules", "dist", "coverage", ".git", ".vite"]);

/** Paths of all files, from the project's root, sorted; `pattern` picks some. */
export function projectFiles(pattern = /./): string[] {
  const entries: string[] = [];
  const walk = (directory: string) => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name);
      if (entry.isDirectory() && !NOT_OURS.has(entry.name)) walk(path);
      else if (entry.isFile() && !NOT_OURS.has(entry.name)) entries.push(relative(PROJECT, path));
    }
  };
  walk(PROJECT);
  return entries.filter((path) => pattern.test(path)).sort();
}

export function readProjectFile(path: string): string {
  return readFileSync(join(PROJECT, path), "utf8");
}

/** The module specifiers of a file's imports and re-exports; relative ones as paths from the root. */
export function importsOf(path: string): string[] {
  const text = readProjectFile(path);
  const statements = text.matchAll(
    /^(?:import|export)\b[^;]*?\bfrom "([^"]+)";|^import "([^"]+)";/gm,
  );
  return [...statements].map((match) => {
    const specifier = match[1] ?? match[2]!;
    return specifier.startsWith(".") ? join(dirname(path), specifier) : specifier;
  });
}
