// SPDX-License-Identifier: BSD-2-Clause
// Float instructions as programs mostly run them: MXCSR at its default with an inexact result seen already, and operands
// that are ordinary numbers, now and then a zero, an infinity, a denormal, a NaN or the end of the range. Recorded
// vectors seldom come by such, and translated code has a way of its own for them. The instructions are those of the
// recorded vectors; what they ought to do is what the interpreter does.
//
// npm run vectors:everyday -- [--seed=N] [--rounds=N] FILE…
// Exit status: 0 if the engines agree, 1 if they do not, 2 if nothing could be run.
import { parseArgs } from "node:util";
import { VmmError } from "../../src/base/errors.ts";
import { SeededRandom } from "../support/random.ts";
import { runVector } from "./compare.ts";
import { failureText } from "./report.ts";
import { MXCSR_AT, Snapshot, YMM_AT } from "./snapshot.ts";
import type { MemoryPiece, Vector } from "./vector.ts";
import { readVectors } from "./vector-file.ts";
import { VectorMachine } from "./vector-machine.ts";

const USAGE = `usage: npm run vectors:everyday -- [--seed=N] [--rounds=N] FILE…
  Runs the float instructions of vectors on everyday operands, and compares the engines. N rounds for each vector (3).
`;

/** All exceptions masked, nearest, and PE: what MXCSR is once anything was rounded. */
const MXCSR_USUAL = 0x1fa0;

/** Mnemonics, with or without the v of VEX. */
const IS_FLOAT = new RegExp(
  `^v?(${[
    "(add|sub|mul|div|min|max|sqrt|round|cmp)[ps][sd]",
    "(hadd|hsub|addsub)p[sd]",
    "u?comis[sd]",
    "cvt\\w+",
    "fn?m(add|sub|addsub|subadd)\\d+[ps][sd]",
  ].join("|")}) `,
);

const YMM_BYTES = 512;

/** Single or double numbers all over a piece of memory. */
function fill(bytes: Uint8Array, size: 4 | 8, number: () => number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at + size <= bytes.length; at += size) {
    if (size === 4) view.setFloat32(at, number(), true);
    else view.setFloat64(at, number(), true);
  }
}

function magnitude(random: SeededRandom): number {
  const scale = 2 ** (random.below(40) - 12);
  // Few bits, far apart: results half way between two numbers, or all but gone.
  if (random.below(3) === 0) return (1 + 2 ** -random.below(53) + 2 ** -random.below(53)) * scale;
  const value = (1 + random.next() / 2 ** 32) * scale;
  return random.below(4) === 0 ? Math.floor(value) : value;
}

/** How often one of a hundred numbers is something else than ordinary. */
const ODDITIES = [0, 2, 20] as const;

function everyday(random: SeededRandom, size: 4 | 8, oddity: number): () => number {
  const [least, most] =
    size === 4 ? [2 ** -126, 3.4028234663852886e38] : [2 ** -1022, Number.MAX_VALUE];
  const odd = [0, -0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN];
  odd.push(least, -least, least / 4, most, -most, 2 ** 31, -(2 ** 31), 2 ** 63, 0.5, 2.5);
  return () => {
    if (random.below(100) < oddity) return random.pick(odd);
    const value = magnitude(random);
    return random.below(2) === 0 ? value : -value;
  };
}

/** The same instruction, with other operands; its final state is to be found. */
function varied(vector: Vector, random: SeededRandom): Vector["initial"] {
  const size = random.below(2) === 0 ? 4 : 8;
  const number = everyday(random, size, random.pick(ODDITIES));
  const registers = new Snapshot();
  registers.bytes.set(vector.initial.registers.bytes);
  new DataView(registers.bytes.buffer).setUint32(MXCSR_AT, MXCSR_USUAL, true);
  fill(registers.bytes.subarray(YMM_AT, YMM_AT + YMM_BYTES), size, number);
  const memory = vector.initial.memory.map((piece) => {
    const bytes = new Uint8Array(piece.bytes.length);
    fill(bytes, size, number);
    return { ...piece, bytes };
  });
  return { registers, memory };
}

/** What the interpreter makes of it. */
function expected(machine: VectorMachine, vector: Vector, initial: Vector["initial"]): Vector {
  const { code } = vector;
  machine.load({ registers: initial.registers, code, memory: initial.memory });
  const { registers, exception } = machine.step(code);
  const pieces = [...initial.memory, { address: initial.registers.rip, bytes: code }];
  const memory: MemoryPiece[] = [...machine.differingPages(pieces)].map(({ address, actual }) => ({
    address,
    bytes: actual.slice(),
  }));
  return { ...vector, initial, final: { registers, memory }, exception, undefinedBits: [] };
}

interface Total {
  compared: number;
  failed: number;
  /** Instructions of a mnemonic, and how many of them called no executor. */
  readonly direct: Map<string, { runs: number; direct: number }>;
}

async function runFile(path: string, random: SeededRandom, rounds: number, total: Total) {
  const reference = new VectorMachine("interpreter");
  const translator = new VectorMachine("translator");
  const { runtime } = translator.vcpu.translation!;
  const called = () => runtime.fallbacks.reduce((sum, count) => sum + count, 0);
  for await (const vector of readVectors(path)) {
    const mnemonic = IS_FLOAT.exec(vector.name)?.[0].trim();
    if (mnemonic === undefined || vector.exception !== undefined) continue;
    const count = total.direct.get(mnemonic) ?? { runs: 0, direct: 0 };
    total.direct.set(mnemonic, count);
    for (let round = 0; round < rounds; round++) {
      const before = called();
      const wanted = expected(reference, vector, varied(vector, random));
      const differences = runVector(translator, wanted);
      total.compared++;
      count.runs++;
      if (called() === before) count.direct++;
      if (differences.length === 0) continue;
      if (total.failed++ < 5) process.stdout.write(failureText("translator", wanted, differences));
    }
  }
}

/** The exit status. */
export async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { seed: { type: "string", default: "1" }, rounds: { type: "string", default: "3" } },
  });
  if (positionals.length === 0) {
    process.stderr.write(USAGE);
    return 2;
  }
  try {
    const random = new SeededRandom(Number(values.seed));
    const total: Total = { compared: 0, failed: 0, direct: new Map() };
    for (const path of positionals) await runFile(path, random, Number(values.rounds), total);
    for (const [mnemonic, { runs, direct }] of total.direct) {
      process.stdout.write(`${mnemonic} ${direct}/${runs}\n`);
    }
    process.stdout.write(`${total.compared} compared, ${total.failed} different\n`);
    return total.failed === 0 ? 0 : 1;
  } catch (cause) {
    if (!(cause instanceof VmmError)) throw cause;
    process.stderr.write(`vectors:everyday: ${cause.message}\n`);
    return 2;
  }
}
