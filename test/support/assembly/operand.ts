// SPDX-License-Identifier: BSD-2-Clause
// Operands of assembly text, in the notation of the manuals' pseudo code: registers, numbers, memory in brackets.

/** A number; one that depends on a label always gets its widest encoding, so that both passes are as long. */
export interface Value {
  readonly value: bigint;
  readonly isLabel: boolean;
}

export interface Memory {
  readonly kind: "memory";
  /** Bits, 0 where the text does not say. */
  readonly size: number;
  readonly segment: number;
  /** Register numbers, -1 for none. */
  readonly base: number;
  readonly index: number;
  readonly scale: number;
  readonly displacement: Value;
  /** Bits of the address's registers, 0 without any. */
  readonly addressSize: number;
  readonly isFar: boolean;
}

export interface Register {
  readonly kind: "register";
  readonly size: number;
  readonly number: number;
  /** SPL to DIL, which need a REX prefix. */
  readonly needsRex: boolean;
}

export type Operand =
  | Register
  | Memory
  | { readonly kind: "segment" | "control" | "debug" | "vector"; readonly number: number }
  | { readonly kind: "immediate"; readonly value: Value }
  | { readonly kind: "far"; readonly selector: Value; readonly offset: Value };

const NAMES = ["ax", "cx", "dx", "bx", "sp", "bp", "si", "di"] as const;
const BYTES = ["al", "cl", "dl", "bl", "ah", "ch", "dh", "bh"] as const;
const SEGMENTS = ["es", "cs", "ss", "ds", "fs", "gs"] as const;
const SIZES: Readonly<Record<string, number>> = { byte: 8, word: 16, dword: 32, qword: 64 };

const REGISTERS: ReadonlyMap<string, Operand> = new Map(allRegisters());

function allRegisters(): [string, Operand][] {
  const all: [string, Operand][] = [];
  const add = (name: string, size: number, number: number, needsRex = false) =>
    all.push([name, { kind: "register", size, number, needsRex }]);
  NAMES.forEach((name, number) => {
    add(name, 16, number);
    add(`e${name}`, 32, number);
    add(`r${name}`, 64, number);
    if (number >= 4) add(`${name}l`, 8, number, true);
  });
  BYTES.forEach((name, number) => {
    add(name, 8, number);
  });
  for (let number = 8; number < 16; number++) {
    add(`r${number}`, 64, number);
    add(`r${number}d`, 32, number);
    add(`r${number}w`, 16, number);
    add(`r${number}b`, 8, number);
  }
  for (let number = 0; number < 16; number++) {
    all.push([`xmm${number}`, { kind: "vector", number }]);
    all.push([`cr${number}`, { kind: "control", number }]);
    all.push([`dr${number}`, { kind: "debug", number }]);
  }
  SEGMENTS.forEach((name, number) => {
    all.push([name, { kind: "segment", number }]);
  });
  return all;
}

/** What a name stands for; undefined for a label that is not known yet. */
export type Names = (name: string) => Value | undefined;

/** Sums of numbers and names: `table+8*3`, `0x10`, `-1`. */
export function parseValue(text: string, names: Names): Value {
  let value = 0n;
  let isLabel = false;
  for (const [, sign, product] of text.replaceAll(/\s/g, "").matchAll(/([+-]?)([^+-]+)/g)) {
    let term = 1n;
    for (const factor of product!.split("*")) {
      const known = /^\d/.test(factor) ? { value: BigInt(factor), isLabel: false } : names(factor);
      term *= known?.value ?? 0n;
      isLabel ||= known?.isLabel ?? true;
    }
    value += sign === "-" ? -term : term;
  }
  return { value, isLabel };
}

export function parseOperand(text: string, names: Names): Operand {
  const register = REGISTERS.get(text);
  if (register !== undefined) return register;
  if (text.includes("[")) return parseMemory(text, names);
  const [selector, offset] = text.split(":");
  if (offset !== undefined) {
    return {
      kind: "far",
      selector: parseValue(selector!, names),
      offset: parseValue(offset, names),
    };
  }
  return { kind: "immediate", value: parseValue(text, names) };
}

/** `far dword [fs:rbx+rcx*4+8]` */
function parseMemory(text: string, names: Names): Memory {
  const [, before, inside] = /^(.*)\[(.*)\]$/.exec(text) ?? [];
  if (inside === undefined) throw new SyntaxError(`no operand: ${text}`);
  const words = before!.split(/\s+/).filter((word) => word !== "");
  const size = words.map((word) => SIZES[word] ?? 0).find((bits) => bits !== 0) ?? 0;
  const colon = inside.indexOf(":");
  const segment = colon < 0 ? -1 : (SEGMENTS as readonly string[]).indexOf(inside.slice(0, colon));
  const parts = { base: -1, index: -1, scale: 1, addressSize: 0 };
  const rest: string[] = [];
  for (const [, sign, term] of inside.slice(colon + 1).matchAll(/([+-]?)\s*([^+-]+)/g)) {
    if (!takeRegister(term!.trim(), parts)) rest.push(`${sign || "+"}${term!.trim()}`);
  }
  return {
    kind: "memory",
    size,
    segment,
    ...parts,
    displacement: parseValue(rest.join("") || "0", names),
    isFar: words.includes("far"),
  };
}

function takeRegister(
  term: string,
  parts: { base: number; index: number; scale: number; addressSize: number },
): boolean {
  const [name, scale] = term.split("*");
  const register = REGISTERS.get(name!);
  if (register?.kind !== "register") return false;
  parts.addressSize = register.size;
  if (scale === undefined && parts.base < 0) parts.base = register.number;
  else {
    parts.index = register.number;
    parts.scale = Number(scale ?? 1);
  }
  return true;
}
