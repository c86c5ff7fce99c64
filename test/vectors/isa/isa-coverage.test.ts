// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { runTool } from "../tool.ts";

describe("docs/isa-coverage.md", () => {
  it("says what the table, the translator and the recorded vectors have", {
    timeout: 60_000,
  }, () => {
    const { status, output } = runTool("test/vectors/isa/isa-coverage-main.ts", ["--check"]);
    expect(output).toBe("");
    expect(status).toBe(0);
  });
});
