// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { kernelImage } from "../../../../test/support/elf-image.ts";
import {
  answerTo,
  atPrompt,
  preloadRecords,
  recordTexts,
} from "../../../../test/support/loader-session.ts";

describe("boot", () => {
  it("starts what is in memory with these arguments", async () => {
    const { session: done } = await atPrompt(["boot -asv kern.hz=100"]);
    expect(done.result.kind).toBe("booted");
    expect(recordTexts(done.memory, 6)).toEqual(["-asv kern.hz=100"]);
    expect(done.kenv.get("kern.hz")).toBe("100");
    const howto = preloadRecords(done.memory).find((record) => record.type === 0x8007)!;
    expect(howto.data.readUInt32LE(0)).toBe(0x1 | 0x2 | 0x800 | 0x1000);
  });

  it("takes another kernel, by its directory below /boot", async () => {
    const files = { "/boot/kernel.old/kernel": kernelImage() };
    const { session: done } = await atPrompt(["boot kernel.old -v"], { files });
    expect(recordTexts(done.memory, 1)[0]).toBe("/boot/kernel.old/kernel");
    expect(done.kenv.get("module_path")!.split(";")[0]).toBe("/boot/kernel.old");
  });

  it("says what is missing", async () => {
    expect(await answerTo("boot nothing")).toContain("Failed to load kernel 'nothing'");
    expect(await answerTo("boot nothing", { isForth: true })).toBe(
      "can't find 'kernel'\ncan't find 'kernel'\ncan't find 'nothing'\nUnable to load a kernel!",
    );
  });

  it("-conf loads and counts down; autoboot counts down from what it is told", async () => {
    const conf = await atPrompt(["boot-conf -s"]);
    expect(conf.session.result.kind).toBe("booted");
    expect(recordTexts(conf.session.memory, 6)).toEqual(["-s"]);
    const auto = await atPrompt(["autoboot 4 'Soon!'"]);
    expect(auto.session.console.text).toContain(
      "Soon!\n\nBooting [/boot/kernel/kernel] in 4 seconds...",
    );
    expect(await answerTo("autoboot soon")).toBe("bad delay 'soon'");
    expect(await answerTo("autoboot 1 2 3")).toBe("too many arguments");
  });
});

it("reboot and quit leave the loader", async () => {
  expect((await atPrompt(["reboot"])).session.result).toEqual({ kind: "rebooted" });
  expect((await atPrompt(["quit"])).session.result).toEqual({ kind: "quit" });
  expect((await atPrompt(["menu"])).answers).toEqual(["the menu needs a terminal"]);
});
