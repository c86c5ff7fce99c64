// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { answerTo } from "../../../test/support/loader-session.ts";

describe("an unknown word", () => {
  it("is answered in the words of either loader", async () => {
    expect(await answerTo("frobnicate now")).toBe("unknown command");
    expect(await answerTo("frobnicate now", { isForth: true })).toBe("frobnicate not found");
  });

  it("is told from a line that cannot be parsed", async () => {
    expect(await answerTo('echo "open')).toBe("Failed to parse 'echo \"open'");
    expect(await answerTo('echo "open', { isForth: true })).toBe("Parse error!");
  });

  it("is not an empty line", async () => {
    expect(await answerTo("   ")).toBe("");
  });
});
