// SPDX-License-Identifier: BSD-2-Clause
// Failed vectors in words.
import type { Difference } from "./compare.ts";
import { disassemble } from "./disassembly.ts";
import { formatBytes } from "./hex.ts";
import type { Vector, VectorException } from "./vector.ts";

const FLAG_NAMES: readonly (readonly [number, string])[] = [
  [0, "CF"],
  [2, "PF"],
  [4, "AF"],
  [6, "ZF"],
  [7, "SF"],
  [8, "TF"],
  [9, "IF"],
  [10, "DF"],
  [11, "OF"],
  [14, "NT"],
  [16, "RF"],
  [18, "AC"],
  [21, "ID"],
];

const EXCEPTION_NAMES: Readonly<Record<number, string>> = {
  0: "#DE",
  1: "#DB",
  3: "#BP",
  4: "#OF",
  5: "#BR",
  6: "#UD",
  7: "#NM",
  11: "#NP",
  12: "#SS",
  13: "#GP",
  14: "#PF",
  16: "#MF",
  17: "#AC",
  19: "#XM",
};

function hex(value: bigint, bytes: number): string {
  return `0x${value.toString(16).padStart(2 * bytes, "0")}`;
}

function flagsText(value: bigint): string {
  const set = FLAG_NAMES.filter(([bit]) => ((value >> BigInt(bit)) & 1n) !== 0n);
  return `0x${value.toString(16)} [${set.map(([, name]) => name).join(" ")}]`;
}

function flagChanges(expected: bigint, actual: bigint): string {
  return FLAG_NAMES.filter(([bit]) => (((expected ^ actual) >> BigInt(bit)) & 1n) !== 0n)
    .map(([bit, name]) => `${name} is ${(actual >> BigInt(bit)) & 1n}`)
    .join(", ");
}

export function exceptionText(exception: VectorException | undefined): string {
  if (exception === undefined) return "none";
  const { vector, code, cr2 } = exception;
  const name = EXCEPTION_NAMES[vector] ?? `vector ${vector}`;
  return (
    name +
    (code === undefined ? "" : ` code 0x${code.toString(16)}`) +
    (cr2 === undefined ? "" : ` cr2 0x${cr2.toString(16)}`)
  );
}

export function differenceText(difference: Difference): string {
  switch (difference.kind) {
    case "error":
      return `error: ${difference.message}`;
    case "exception":
      return `exception: expected ${exceptionText(difference.expected)}, got ${exceptionText(difference.actual)}`;
    case "memory":
      return (
        `memory 0x${difference.address.toString(16)}: expected ${formatBytes(difference.expected)}, ` +
        `got ${formatBytes(difference.actual)}`
      );
    case "register": {
      const { field, before, expected, actual } = difference;
      if (field.name === "rflags") {
        return (
          `rflags: expected ${flagsText(expected)}, got ${flagsText(actual)} ` +
          `(${flagChanges(expected, actual)}; was ${flagsText(before)})`
        );
      }
      const show = (value: bigint) => hex(value, field.bytes);
      return `${field.name}: expected ${show(expected)}, got ${show(actual)} (was ${show(before)})`;
    }
  }
}

/** The failure of one vector: name, bytes, disassembly, what it started from and every difference. */
export function failureText(
  engine: string,
  vector: Vector,
  differences: readonly Difference[],
): string {
  const { code, initial } = vector;
  const text = disassemble(code, initial.registers.rip);
  return [
    `FAIL ${vector.name} (${engine})`,
    `  ${formatBytes(code)}  ${text}`,
    ...differences.map((difference) => `  ${differenceText(difference)}`),
  ].join("\n");
}
