// SPDX-License-Identifier: BSD-2-Clause
import { VmmError } from "../base/errors.ts";

/** Milliseconds as a number, or text: `90s`, `1.5m`, `250ms`, `2h`; a bare number in text counts seconds. */
export type Duration = number | string;

const NS_PER_MS = 1e6;
const UNITS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  ms: NS_PER_MS,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/** Whole nanoseconds. Throws ERR_BAD_OPTION for what is no duration, or longer than a clock can count. */
export function durationNs(duration: Duration): number {
  const ns = typeof duration === "number" ? duration * NS_PER_MS : textNs(duration);
  if (ns >= 0 && ns <= Number.MAX_SAFE_INTEGER) return Math.round(ns);
  throw new VmmError(
    "ERR_BAD_OPTION",
    `'${duration}' is not a duration: expected a number and ns, us, ms, s, m or h, such as 90s`,
  );
}

function textNs(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(ns|us|ms|s|m|h)?\s*$/.exec(text);
  return match === null ? Number.NaN : Number(match[1]) * UNITS[match[2] ?? "s"]!;
}

/** For people: `1.234 s`, `56 ms`. */
export function durationText(ns: number): string {
  if (ns >= 60e9) return `${Math.floor(ns / 60e9)} min ${((ns % 60e9) / 1e9).toFixed(1)} s`;
  if (ns >= 1e9) return `${(ns / 1e9).toFixed(3)} s`;
  return `${(ns / NS_PER_MS).toFixed(ns < 10 * NS_PER_MS ? 3 : 0)} ms`;
}
