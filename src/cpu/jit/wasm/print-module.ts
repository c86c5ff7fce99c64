// SPDX-License-Identifier: BSD-2-Clause
// A module of the translator's as text: its imports, then its functions.
import type { FunctionNames } from "./function-builder.ts";
import { type PrintedLine, printFunction, typeName } from "./print-function.ts";
import { type FunctionType, readModule } from "./read-module.ts";

export interface ModuleNames {
  /** By position in the module; undefined for one whose locals and labels have numbers. */
  readonly functions: readonly (FunctionNames | undefined)[];
  /** What lies at a constant offset in memory, if that is a place of its own. */
  readonly placeName: (offset: number) => string | undefined;
  /** Lines to be put in front of what begins at or behind a place in a function's body. */
  readonly remarks: (position: number, bodyBytes: number) => readonly Remark[];
}

export interface Remark {
  readonly at: number;
  readonly text: string;
}

const COLUMNS = 110;

/** Lines without line ends. */
export function printModule(bytes: Uint8Array, names: ModuleNames): string[] {
  const { imports, functions } = readModule(bytes);
  const functionName = (index: number) =>
    imports[index]?.name ?? functions[index - imports.length]?.name ?? `${index}`;
  const lines = imports.map(({ name, type }) => `import $${name}${signature(type)}`);
  functions.forEach(({ type, body }, position) => {
    const { placeName } = names;
    const context = { names: names.functions[position], functionName, placeName };
    const remarks = names.remarks(position, body.length);
    lines.push("", `func $${functionName(imports.length + position)}${signature(type)}`);
    lines.push(...layOut(printFunction(body, context), remarks, 1));
  });
  return lines;
}

function signature({ parameters, results }: FunctionType): string {
  const part = (word: string, types: readonly number[]) =>
    types.length === 0 ? "" : ` (${word} ${types.map(typeName).join(" ")})`;
  return part("param", parameters) + part("result", results);
}

/** Indents, breaks what is too long, and puts each remark in front of what it is about. */
export function layOut(
  lines: readonly PrintedLine[],
  remarks: readonly Remark[],
  indent: number,
): string[] {
  const text: string[] = [];
  let next = 0;
  for (const { at, depth, text: line } of lines) {
    const margin = "  ".repeat(indent + depth);
    for (; next < remarks.length && remarks[next]!.at <= at; next++) {
      text.push(`${margin};; ${remarks[next]!.text}`);
    }
    text.push(...broken(line, margin));
  }
  return text;
}

function broken(line: string, margin: string): string[] {
  const rows: string[] = [];
  let row = margin;
  for (const word of line.split("  ")) {
    const isFirst = row.trim() === "";
    if (!isFirst && row.length + 2 + word.length > COLUMNS) {
      rows.push(row);
      row = `${margin}    ${word}`;
    } else row += isFirst ? word : `  ${word}`;
  }
  return [...rows, row];
}
