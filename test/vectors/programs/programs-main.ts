// SPDX-License-Identifier: BSD-2-Clause
// npm run programs -- …: random programs on the engines and on the host, see USAGE. Exit status: 0 if all
// agree, 1 if not, 2 if nothing could be run.
import { parseArgs } from "node:util";
import { VmmError } from "../../../src/base/errors.ts";
import { Progress } from "../progress.ts";
import { contestantsNamed } from "./contestants.ts";
import { describeFailure, type Failure, Tournament } from "./tournament.ts";

const USAGE = `usage: npm run programs -- [--seed=N] [--first=N] [--count=N | --instructions=N | --minutes=N] [--with=NAMES]
  Runs random programs on every contestant and compares registers, memory, exceptions and instruction counts.
  --with=NAMES   some of native, interpreter, interpreter-interrupted, translator, translator-interrupted, by
                 commas; the first one's outcome counts. Without it: all there are.
  --first=N      begin with this program of the seed
  --show=N       stop after so many failures, each shrunk to the shortest program (3)
`;

const BATCH = 64;
const MINUTE_MS = 60_000;

interface Limits {
  readonly first: number;
  readonly count: number;
  readonly instructions: number;
  readonly endMs: number;
  readonly show: number;
}

async function play(tournament: Tournament, seed: number, limits: Limits): Promise<number> {
  const { first, count, instructions, endMs, show } = limits;
  const failures: Failure[] = [];
  const progress = new Progress();
  for (let index = first; index < first + count; ) {
    if (tournament.instructions >= instructions || Date.now() >= endMs) break;
    const size = Math.min(BATCH - (index % BATCH), first + count - index);
    for (const failure of await tournament.play(seed, index, size)) {
      failures.push(failure);
      process.stdout.write(`${describeFailure(await tournament.shrink(failure))}\n`);
      if (failures.length >= show) return failures.length;
    }
    index += size;
    progress.report(() => `${tournament.programs} programs, ${failures.length} failed`);
    // The host frees compiled code between two tasks only.
    await new Promise(setImmediate);
  }
  return failures.length;
}

export async function main(args: readonly string[]): Promise<number> {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        seed: { type: "string", default: "1" },
        first: { type: "string", default: "0" },
        count: { type: "string" },
        instructions: { type: "string" },
        minutes: { type: "string" },
        with: { type: "string" },
        show: { type: "string", default: "3" },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) {
      process.stdout.write(USAGE);
      return 0;
    }
    const isBounded =
      values.count !== undefined ||
      values.instructions !== undefined ||
      values.minutes !== undefined;
    const contestants = contestantsNamed(values.with);
    const tournament = new Tournament(contestants);
    try {
      const failed = await play(tournament, Number(values.seed), {
        first: Number(values.first),
        count: Number(values.count ?? (isBounded ? Number.POSITIVE_INFINITY : 1000)),
        instructions: Number(values.instructions ?? Number.POSITIVE_INFINITY),
        endMs: Date.now() + MINUTE_MS * Number(values.minutes ?? Number.POSITIVE_INFINITY),
        show: Number(values.show),
      });
      process.stdout.write(
        `${contestants.map(({ name }) => name).join("; ")}: ` +
          `${tournament.programs} programs, ${tournament.instructions} instructions, ${failed} failed\n`,
      );
      return failed === 0 ? 0 : 1;
    } finally {
      for (const contestant of contestants) contestant.stop();
    }
  } catch (cause) {
    if (!(cause instanceof VmmError)) throw cause;
    process.stderr.write(`programs: ${cause.message}\n`);
    return 2;
  }
}
