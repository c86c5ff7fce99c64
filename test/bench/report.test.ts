// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { formatComparison, parseResults } from "../../bench/harness/compare.ts";
import type { Measurement } from "../../bench/harness/measure.ts";
import { drawResults } from "../../bench/harness/plot.ts";
import { formatReport } from "../../bench/harness/report.ts";
import type { Results } from "../../bench/harness/results.ts";
import { geometricMean, median } from "../../bench/harness/statistics.ts";

function rounds(...milliseconds: number[]): Measurement {
  const roundsNs = milliseconds.map((ms) => ms * 1e6);
  return { kind: "measured", units: 1, firstNs: 4 * roundsNs[0]!, roundsNs };
}

/** Two programs on two engines; ours takes `factor` times what QEMU does. */
function results(factor: number): Results {
  const engine = (name: string, title: string) => {
    return { name, title, target: "x86-64" as const, version: "1" };
  };
  return {
    format: 1,
    date: "2012-12-01T00:00:00.000Z",
    commit: "abc1234",
    host: {
      processor: "A processor",
      cores: 2,
      memoryGiB: 4,
      system: "Linux",
      node: "v20",
      v8: "11",
      load: 0,
    },
    time: "wall",
    engines: [engine("translator", "tshyve translator"), engine("qemu", "QEMU TCG")],
    missing: { Bochs: "bochs is not installed" },
    programs: {
      lz: {
        translator: rounds(10 * factor, 30 * factor, 20 * factor),
        qemu: rounds(20, 20, 20),
      },
      sort: {
        translator: { kind: "failed", reason: "no answer" },
        qemu: rounds(1),
      },
    },
    boots: {
      "boot-linux": {
        translator: {
          kind: "measured",
          totalNs: [6e9],
          kernelNs: [5e9],
          cpuNs: [7e9],
          peakBytes: [2 ** 28],
        },
        qemu: {
          kind: "measured",
          totalNs: [3e9],
          kernelNs: [2e9],
          cpuNs: [3e9],
          peakBytes: [2 ** 27],
        },
      },
    },
  };
}

describe("the bench's figures", () => {
  it("are medians, and geometric means of what there is", () => {
    expect([median([3, 1, 2]), median([4, 1, 2, 3]), median([])]).toEqual([2, 2.5, Number.NaN]);
    expect(geometricMean([1, 4, 16])).toBeCloseTo(4);
    expect(geometricMean([])).toBeNaN();
  });
});

describe("the bench's report", () => {
  it("gives speeds where QEMU is 1, a mean without what failed, and says why that did", () => {
    const lines = formatReport(results(2)).split("\n");
    expect(
      lines
        .find((line) => line.startsWith("  lz"))
        ?.split(/ {2,}/)
        .slice(2),
    ).toEqual(["0.50", "1.00", "20.0 ms"]);
    expect(lines.find((line) => line.startsWith("  sort"))).toMatch(/ failed +1\.00 +1\.00 ms$/);
    expect(lines.find((line) => line.startsWith("  geometric mean"))).toMatch(
      /mean +0\.50 +1\.00$/,
    );
    expect(lines).toContain("failed: sort on translator: no answer");
    expect(lines).toContain("Bochs: not run, bochs is not installed");
  });

  it("gives boots as times, and how often QEMU's they are", () => {
    expect(formatReport(results(1))).toMatch(
      /translator +6\.00 s \(2\.00\), the kernel 5\.00 s \(2\.50\); processor 7\.00 s \(2\.33\); 256 MiB/,
    );
  });
});

describe("the bench's comparison", () => {
  it("tells what changed relative to the reference, and by how much", () => {
    const text = formatComparison(results(2), results(1));
    expect(text).toContain("tshyve translator, programs: 0.50 → 1.00 (2.00 times)");
    expect(text).toMatch(/^ {2}lz +0\.50 → 1\.00 \(2\.00 times\)$/m);
    expect(text).not.toContain("QEMU TCG,");
  });

  it("refuses what is no result", () => {
    expect(parseResults(JSON.stringify(results(1)), "x").commit).toBe("abc1234");
    expect(() => parseResults("{}", "x.json")).toThrow("x.json holds no results of this bench");
  });
});

describe("the bench's picture", () => {
  it("has a dot for each figure", () => {
    const picture = drawResults(results(2), "x86-64");
    expect(picture).toContain("<title>tshyve translator: 0.50</title>");
    // Three for QEMU, two for ours, whose sort failed, and two in the legend.
    expect(picture.match(/<circle/g)).toHaveLength(7);
  });
});
