// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { runTool } from "../tool.ts";
import { type Contestant, EngineContestant, type ProgramOutcome } from "./contestants.ts";
import { ProgramSource } from "./generate.ts";
import { assemble } from "./program.ts";
import { describeFailure, Tournament } from "./tournament.ts";

const MAIN = "test/vectors/programs/programs-main.ts";
const PROGRAMS = 512;
const TIMEOUT_MS = 300_000;

/** An engine that takes every PUSHF for a POPCNT: what has pushed flags finds other ones. */
class Liar implements Contestant {
  readonly name = "liar";
  readonly #engine = new EngineContestant("interpreter");

  async run(programs: Parameters<Contestant["run"]>[0]): Promise<ProgramOutcome[]> {
    const outcomes = await this.#engine.run(programs);
    programs.forEach(({ assembly }, index) => {
      const names = [...assembly.instructions.values()].map(
        ({ choice }) => choice.parsed.row.mnemonic,
      );
      const { registers } = outcomes[index]!;
      if (names.includes("pushf")) registers.setGpr(0, registers.gpr(0) ^ 1n);
    });
    return outcomes;
  }

  stop(): void {}
}

describe("random programs", () => {
  it(
    "leave the same registers and memory on every engine, interrupted or not, and on the host",
    () => {
      const { status, output, lastLine } = runTool(MAIN, ["--seed=4", `--count=${PROGRAMS}`]);
      expect(lastLine, output).toMatch(/ 512 programs, \d{6,} instructions, 0 failed$/);
      expect(status).toBe(0);
    },
    TIMEOUT_MS,
  );

  it("are the same for the same seed", () => {
    const key = { seed: 7, index: 3, isPortable: true };
    const [one, other] = [new ProgramSource().make(key), new ProgramSource().make(key)];
    const codeOf = ({ program }: typeof one) =>
      assemble(program.items, program.registers.rip, program.layout)!.code;
    expect(codeOf(one)).toEqual(codeOf(other));
    expect(one.program.registers.bytes).toEqual(other.program.registers.bytes);
    expect(one.executed).toBe(other.executed);
  });
});

describe("a failing program", () => {
  it(
    "shrinks to the instruction that is to blame and the branch to its end",
    async () => {
      const tournament = new Tournament([new EngineContestant("interpreter"), new Liar()]);
      let failure = undefined as Awaited<ReturnType<Tournament["play"]>>[number] | undefined;
      for (let first = 0; failure === undefined; first += 16) {
        [failure] = await tournament.play(1, first, 16);
      }
      const shrunk = await tournament.shrink(failure);
      const names = shrunk.generated.program.items.map((item) =>
        item.kind === "instruction" ? item.choice.parsed.row.mnemonic : "label",
      );
      expect(names).toEqual(["pushf", "jmp"]);
      const text = describeFailure(shrunk);
      expect(text).toMatch(/FAIL seed 1, program \d+.*: liar is not interpreter/);
      expect(text).toMatch(/pushf/);
      expect(text).toContain("rax: expected 0x0000000000000000, got 0x0000000000000001");
    },
    TIMEOUT_MS,
  );
});
