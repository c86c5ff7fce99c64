// SPDX-License-Identifier: BSD-2-Clause
// The command line of the bench.
import { parseArgs } from "node:util";
import type { TimeKind } from "./measure.ts";

export const USAGE = `usage: npm run bench -- [--quick] [--only=NAME,...] [--engine=NAME,...] [--rounds=N]
                        [--json=FILE] [--svg=FILE] [--compare=FILE] [--time=cpu] [--list]

Runs the same programs on tshyve's engines and on peers, in turns, and compares.

  --quick    short rounds, three of them
  --only     programs, boots, or groups: micro, dispersed, programs, disk, boots
  --engine   interpreter, translator, qemu, bochs; interpreter-i686, translator-i686, qemu-i686, v86
  --rounds   measured runs of each program on each engine (7)
  --json     write everything that was measured
  --svg      draw it
  --compare  set it against an earlier --json
  --time     wall, or cpu: the engines' processor time, for a machine that is not idle
  --list     say which engines there are, and stop

Environment: TSHYVE_GUESTS, a directory with vmlinuz and initrd.gz to boot; TSHYVE_FREEBSD_IMAGE, a
disk image (copied before use); TSHYVE_BENCH_V86, where "npm install v86" was done.
`;

export interface Options {
  readonly isQuick: boolean;
  readonly only: readonly string[] | undefined;
  readonly engines: readonly string[] | undefined;
  readonly rounds: number;
  readonly json: string | undefined;
  readonly svg: string | undefined;
  readonly compare: string | undefined;
  readonly time: TimeKind;
  readonly isList: boolean;
}

const DEFAULT_ROUNDS = 7;
const QUICK_ROUNDS = 3;

/** Throws a TypeError for what it does not know; undefined if help was asked for. */
export function parseOptions(argv: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      quick: { type: "boolean" },
      only: { type: "string" },
      engine: { type: "string" },
      rounds: { type: "string" },
      json: { type: "string" },
      svg: { type: "string" },
      compare: { type: "string" },
      time: { type: "string", default: "wall" },
      list: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  if (values.help) return undefined;
  const isQuick = values.quick ?? false;
  const rounds = Number(values.rounds ?? (isQuick ? QUICK_ROUNDS : DEFAULT_ROUNDS));
  if (!Number.isInteger(rounds) || rounds < 1) {
    throw new TypeError("--rounds takes a positive number");
  }
  return {
    isQuick,
    only: values.only?.split(","),
    engines: values.engine?.split(","),
    rounds,
    json: values.json,
    svg: values.svg,
    compare: values.compare,
    time: timeKind(values.time),
    isList: values.list ?? false,
  };
}

function timeKind(text: string): TimeKind {
  if (text === "wall" || text === "cpu") return text;
  throw new TypeError("--time takes wall or cpu");
}
