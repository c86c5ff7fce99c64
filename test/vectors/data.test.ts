// SPDX-License-Identifier: BSD-2-Clause
// The instruction set against a processor: the recorded vectors, and new ones where the host can make them.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { ENGINES } from "./engine.ts";
import { isReferenceHost } from "./native/native-host.ts";
import { DATA_DIRECTORY, setPath, VECTOR_SETS } from "./native/sets.ts";
import { runTool } from "./tool.ts";

/** Vectors that failed once, and are in none of the sets. */
const FOUND = join(DATA_DIRECTORY, "found.jsonl");
const TIMEOUT_MS = 300_000;
const RUNNER = "test/vectors/vectors-main.ts";
const GENERATOR = "test/vectors/native/generate-main.ts";
const scratch = mkdtempSync(join(tmpdir(), "tshyve-vectors-"));

afterAll(() => rmSync(scratch, { recursive: true }));

/** The translator says how much of it its own code did: nearly all, and nothing without it. */
const EVERYTHING_DONE = {
  interpreter: /: \d{4,} passed, 0 failed$/,
  translator:
    /: \d{4,} passed, 0 failed; \d{4,} done by units, \d{1,3} begun there .*, not in units: none$/,
} as const;

describe.each(ENGINES)("the %s", (engine) => {
  it(
    "does what the processor did in every recorded vector",
    () => {
      const files = [...VECTOR_SETS.map(setPath), FOUND];
      const { status, output, lastLine } = runTool(RUNNER, [`--engine=${engine}`, ...files]);
      expect(lastLine, output).toMatch(/^\d{5,} passed, 0 failed$/);
      expect(status).toBe(0);
    },
    TIMEOUT_MS,
  );

  it.runIf(isReferenceHost())(
    "does what the host's processor does with other operands as well",
    () => {
      const args = [`--engine=${engine}`, "--check", "--seed=4", "--per-row=6"];
      const { status, output, lastLine } = runTool(GENERATOR, args);
      expect(lastLine, output).toMatch(EVERYTHING_DONE[engine]);
      expect(status).toBe(0);
    },
    TIMEOUT_MS,
  );
});

describe("the translator", () => {
  it(
    "does with floats what the interpreter does, on everyday operands by itself",
    () => {
      const files = VECTOR_SETS.filter(({ name }) => HAS_FLOATS.has(name)).map(setPath);
      const { status, output, lastLine } = runTool("test/vectors/everyday-main.ts", files);
      expect(lastLine, output).toMatch(/^\d{4,} compared, 0 different$/);
      expect(status).toBe(0);
      for (const mnemonic of ["addps", "divsd", "vmaxpd", "vcvttps2dq", "vsqrtsd", "vroundps"]) {
        expect(output).toMatch(new RegExp(`^${mnemonic} [1-9]\\d*/`, "m"));
      }
    },
    TIMEOUT_MS,
  );
});

const HAS_FLOATS: ReadonlySet<string> = new Set(["sse", "avx", "fma"]);

describe("the recorded vectors", () => {
  it("are the sets that the generator knows, and no other files", () => {
    const files = readdirSync(DATA_DIRECTORY).map((name) => `${DATA_DIRECTORY}/${name}`);
    expect(files.sort()).toEqual([...VECTOR_SETS.map(setPath), FOUND].sort());
  });
});

describe("npm run vectors", () => {
  const GOOD = '{"name":"inc eax","bytes":"ffc0","initial":{"regs":{"rip":"0x1000"}},';
  const file = join(scratch, "three.jsonl");
  writeFileSync(
    file,
    [
      `${GOOD}"final":{"regs":{"rax":"0x1","rip":"0x1002"}}}`,
      `${GOOD}"final":{"regs":{"rax":"0x2","rip":"0x1002"}}}`,
      `${GOOD}"exception":{"vector":6}}`,
    ].join("\n"),
  );

  it("tells what differs, counts, and fails", { timeout: TIMEOUT_MS }, () => {
    const { status, output, lastLine } = runTool(RUNNER, [file]);
    expect(output).toContain("FAIL inc eax (interpreter)");
    expect(output).toContain("ffc0  inc eax");
    expect(output).toContain("rax: expected 0x0000000000000002, got 0x0000000000000001");
    expect(output).toContain("exception: expected #UD, got none");
    expect(lastLine).toBe("1 passed, 2 failed");
    expect(status).toBe(1);
  });

  it("says in a sentence why it cannot run", { timeout: TIMEOUT_MS }, () => {
    const bad = join(scratch, "bad.jsonl");
    writeFileSync(bad, "\n{}\n");
    for (const [args, message] of [
      [[bad], /bad\.jsonl:2: bytes is not a string/],
      [[join(scratch, "none.jsonl")], /ENOENT/],
      [["--engine=abacus", file], /--engine=abacus: there are interpreter, translator and both/],
      [[], /^usage: npm run vectors/],
    ] as const) {
      const { status, output } = runTool(RUNNER, args);
      expect(output).toMatch(message);
      expect(status).toBe(2);
    }
  });
});
