// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { atPrompt } from "../../../../test/support/loader-session.ts";

describe("configuration at the prompt", () => {
  it("may be read from a file, and read again", async () => {
    const files = { "/extra.conf": 'a="1"\nfoo_load="YES"\n' };
    const { answers } = await atPrompt(
      ["read-conf /extra.conf", "show a", "show-module-options foo", "reload-conf", "show a"],
      { files },
    );
    expect(answers[0]).toContain("Loading /extra.conf");
    expect(answers[1]).toBe("1");
    expect(answers[2]).toBe("Name:        foo\nStatus:      Load");
    expect(answers[4]).toBe("variable 'a' not found");
  });

  it("switches modules on and off, past the blacklist", async () => {
    const { answers } = await atPrompt([
      "enable-module drm",
      "show-module-options drm",
      "toggle-module drm",
      "disable-module nothing",
      "enable-module",
    ]);
    expect(answers).toEqual([
      "drm will be loaded",
      "Name:        drm\nStatus:      Load",
      "drm will not be loaded",
      "nothing was not found",
      "usage error: enable-module module",
    ]);
  });

  it("disables a device by a hint", async () => {
    expect((await atPrompt(["disable-device uart1", "show hint.uart.1.disabled"])).answers[1]).toBe(
      "1",
    );
  });
});
