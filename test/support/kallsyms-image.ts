// SPDX-License-Identifier: BSD-2-Clause
// The kallsyms tables of a Linux kernel, laid out byte by byte as scripts/kallsyms.c writes them.
import { alignUp } from "../../src/base/bits.ts";
import { ascii } from "./elf-builder.ts";

export interface KallsymsSpec {
  /** In order of address; the type letter stands in front of the name. */
  readonly symbols: readonly { readonly address: bigint; readonly name: string }[];
  /** 4.6 … 6.3 has the addresses in front of the names, later kernels behind the tokens. */
  readonly order: "addresses first" | "addresses last";
  /** Symbols below this are not relative to the base: per-CPU variables. */
  readonly base: bigint;
}

/** Byte codes that no character uses spell these. */
const PAIRS: ReadonlyMap<number, string> = new Map([
  [1, "sys_"],
  [2, "init"],
  [0x80, "irq"],
]);
const TOKENS = 256;

/** The bytes of the tables, aligned to 8. */
export function kallsymsImage(spec: KallsymsSpec): Uint8Array {
  const { symbols, base, order } = spec;
  const tokens = Array.from({ length: TOKENS }, (_, code) => tokenText(code));
  const names = symbols.map(({ name }) => encodedName(name));
  const markers: number[] = [];
  let length = 0;
  names.forEach((name, index) => {
    if (index % TOKENS === 0) markers.push(length);
    length += name.length;
  });
  const addresses = [words(symbols.map(({ address }) => offsetOf(address, base))), quad(base)];
  const tokenStarts = tokens.map((_, code) => tokens.slice(0, code).join("").length + code);
  const rest = [
    words([symbols.length]),
    Uint8Array.from(names.flat()),
    words(markers),
    ascii(tokens.map((token) => `${token}\0`).join("")),
    new Uint8Array(Uint16Array.from(tokenStarts).buffer),
  ];
  return aligned(order === "addresses first" ? [...addresses, ...rest] : [...rest, ...addresses]);
}

function tokenText(code: number): string {
  const pair = PAIRS.get(code);
  if (pair !== undefined) return pair;
  return code >= 0x21 && code < 0x7f ? String.fromCharCode(code) : "";
}

/** A length, in two bytes from 128 on, and the codes of the longest tokens that fit. */
function encodedName(name: string): number[] {
  const codes: number[] = [];
  for (let at = 0; at < name.length; ) {
    const pair = [...PAIRS].find(([, text]) => name.startsWith(text, at));
    codes.push(pair?.[0] ?? name.charCodeAt(at));
    at += pair?.[1].length ?? 1;
  }
  const { length } = codes;
  return length < 0x80 ? [length, ...codes] : [(length & 0x7f) | 0x80, length >> 7, ...codes];
}

/** CONFIG_KALLSYMS_ABSOLUTE_PERCPU: what is relative is negative. */
function offsetOf(address: bigint, base: bigint): number {
  return Number(address < base ? address : base - 1n - address);
}

function words(values: readonly number[]): Uint8Array {
  return new Uint8Array(Int32Array.from(values).buffer);
}

function quad(value: bigint): Uint8Array {
  return new Uint8Array(BigUint64Array.of(value).buffer);
}

function aligned(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + alignUp(part.length, 8), 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += alignUp(part.length, 8);
  }
  return whole;
}
