// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { type Files, forthFiles, luaFiles } from "../../../test/support/boot-image.ts";
import { kernelImage } from "../../../test/support/elf-image.ts";
import { recordTexts, session } from "../../../test/support/loader-session.ts";
import type { Act } from "../../../test/support/scripted-console.ts";

const ENTER = "\r";
const ESC = "\x1b";
const BACKSPACE = "\x08";
const withConf = (text: string, more: Files = {}) =>
  luaFiles({ "/boot/loader.conf": text, ...more });

/** The menu's rows as they stand when the script is over: the inside of the frame. */
async function rows(acts: readonly Act[], files: Files = luaFiles()): Promise<string[]> {
  const { console } = await session(acts, { files });
  return console.screen
    .slice(10, 21)
    .map((row) => row.slice(4, 42).trimEnd())
    .filter((row) => row !== "");
}

describe("the menu of the Lua loader", () => {
  it("shows what 13.x shows (stand/lua/menu.lua)", async () => {
    expect(await rows([" "])).toEqual([
      "1. Boot Multi user [Enter]",
      "2. Boot Single user",
      "3. Escape to loader prompt",
      "4. Reboot",
      "5. Cons: Serial",
      "Options:",
      "6. Kernel: default/kernel (1 of 1)",
      "7. Boot Options",
    ]);
  });

  it("has a titled frame, a brand and a logo around it", async () => {
    const { console } = await session([" "]);
    expect(console.screen[8]).toContain("+---------- Welcome to FreeBSD -----------+");
    expect(console.screen[21]).toContain(`+${"-".repeat(41)}+`);
    expect(console.screen[1]).toContain("####");
    expect(console.screen[14]!.slice(44).trim()).not.toBe("");
  });

  it("shows its options", async () => {
    expect(await rows(["o"])).toEqual([
      "1. Back to main menu [Backspace]",
      "2. Load System Defaults",
      "Boot Options:",
      "3. ACPI       :On",
      "4. Safe Mode  :off",
      "5. Single user:off",
      "6. Verbose    :off",
    ]);
  });

  it("goes back by key, number and backspace", async () => {
    for (const back of [BACKSPACE, "1", "\x7f"]) {
      expect((await rows(["o", back]))[0]).toBe("1. Boot Multi user [Enter]");
    }
    expect((await rows(["7"]))[0]).toBe("1. Back to main menu [Backspace]");
  });

  it("puts single user first when that is configured", async () => {
    const shown = await rows([" "], withConf('boot_single="YES"\n'));
    expect(shown.slice(0, 2)).toEqual(["1. Boot Single user [Enter]", "2. Boot Multi user"]);
  });

  it("walks through the consoles", async () => {
    const name = async (times: number) => (await rows([" ", "c".repeat(times)]))[4];
    expect(await name(1)).toBe("5. Cons: Video");
    expect(await name(2)).toBe("5. Cons: Dual (Serial primary)");
    expect(await name(3)).toBe("5. Cons: Dual (Video primary)");
    expect(await name(4)).toBe("5. Cons: Serial");
  });

  it("walks through the kernels, detected and listed", async () => {
    const files = withConf('kernels="test kernel;gone"\n', {
      "/boot/kernel.old/kernel": kernelImage(),
      "/boot/modules/x.ko": "",
    });
    const name = async (times: number) => (await rows([" ", "k".repeat(times)], files))[6];
    expect(await name(0)).toBe("6. Kernel: default/kernel (1 of 4)");
    expect(await name(1)).toBe("6. Kernel: test (2 of 4)");
    expect(await name(3)).toBe("6. Kernel: kernel.old (4 of 4)");
    expect(await name(4)).toBe("6. Kernel: default/kernel (1 of 4)");
  });

  it("ignores other keys", async () => {
    expect((await rows(["x", "9", "?"]))[0]).toBe("1. Boot Multi user [Enter]");
  });
});

describe("the menu of the Forth loader", () => {
  it("shows what 10.x shows (stand/forth/menu.rc)", async () => {
    expect(await rows([" "], forthFiles())).toEqual([
      "1. Boot Multi User [Enter]",
      "2. Boot Single User",
      "3. Escape to loader prompt",
      "4. Reboot",
      "Options:",
      "5. Kernel: default/kernel (1 of 2)",
      "6. Configure Boot Options...",
    ]);
    expect(await rows(["o"], forthFiles())).toEqual([
      "1. Back to Main Menu [Backspace]",
      "2. Load System Defaults",
      "Boot Options:",
      "3. ACPI Support On",
      "4. Safe Mode... off",
      "5. Single User. off",
      "6. Verbose..... off",
    ]);
  });

  it("marks its keys with brackets when there is no colour", async () => {
    const files = forthFiles({ "/boot/loader.conf": 'loader_color="NO"\n' });
    expect(await rows([" "], files)).toEqual([
      "1. Boot Multi User [Enter]",
      "2. Boot [S]ingle User",
      "3. [Esc]ape to loader prompt",
      "4. Reboot",
      "Options:",
      "5. [K]ernel: kernel (1 of 2)",
      "6. Configure Boot [O]ptions...",
    ]);
    const { console } = await session([" "], { files });
    expect(console.output).not.toContain("\x1b[1m");
  });

  it("has a frame of equals signs", async () => {
    const { console } = await session([" "], { files: forthFiles() });
    expect(console.screen[8]).toContain("+========== Welcome to FreeBSD ===========+");
  });
});

describe("a choice in the menu", () => {
  it.each<[string, Act[], Record<string, string | undefined>]>([
    ["Enter boots multi user", [ENTER], { boot_single: undefined }],
    ["s boots single user", ["s"], { boot_single: "YES" }],
    ["2 boots single user", ["2"], { boot_single: "YES" }],
    ["b boots multi user", ["b"], { boot_single: undefined }],
    ["verbose", ["o", "v", ENTER], { boot_verbose: "YES" }],
    ["verbose twice", ["o", "vv", ENTER], { boot_verbose: undefined }],
    [
      "ACPI off",
      ["o", "a", ENTER],
      { "hint.acpi.0.disabled": "1", "loader.acpi_disabled_by_user": "1", acpi_load: undefined },
    ],
    [
      "ACPI off and on",
      ["o", "aa", ENTER],
      {
        "hint.acpi.0.disabled": "0",
        acpi_load: "YES",
        "loader.acpi_disabled_by_user": undefined,
      },
    ],
    [
      "safe mode",
      ["o", "m", ENTER],
      {
        "kern.smp.disabled": "1",
        "hw.ata.ata_dma": "0",
        "hw.ata.atapi_dma": "0",
        "hw.ata.wc": "0",
        "kern.eventtimer.periodic": "1",
        "kern.geom.part.check_integrity": "0",
      },
    ],
    [
      "system defaults",
      ["o", "msva", "d", ENTER],
      {
        "kern.smp.disabled": undefined,
        boot_single: undefined,
        boot_verbose: undefined,
        "hint.acpi.0.disabled": "0",
      },
    ],
  ])("shows in the kernel's environment: %s", async (_, acts, expected) => {
    for (const files of [luaFiles(), forthFiles()]) {
      const { result, kenv } = await session(acts, { files });
      expect(result.kind).toBe("booted");
      for (const [name, value] of Object.entries(expected)) expect(kenv.get(name)).toBe(value);
    }
  });

  it("of another kernel boots that one, also when the first was in memory already", async () => {
    for (const image of [luaFiles, forthFiles]) {
      const files = image({ "/boot/kernel.old/kernel": kernelImage() });
      const { memory } = await session([" ", "k", ENTER], { files });
      expect(recordTexts(memory, 1)[0]).toBe("/boot/kernel.old/kernel");
    }
  });

  it("of reboot ends the loader", async () => {
    expect((await session(["r"])).result.kind).toBe("rebooted");
    expect((await session(["4"], { files: forthFiles() })).result.kind).toBe("rebooted");
  });

  it("of the prompt leads there, without an autoboot", async () => {
    const lua = await session([ESC, "boot -v\r"]);
    expect(lua.console.text).toContain("Exiting menu!\n\n\nType '?' for a list of commands");
    expect(lua.console.text).not.toContain("Hit [Enter]");
    expect(lua.result.kind).toBe("booted");
    const forth = await session([ESC, "menu\r", "r"], { files: forthFiles() });
    expect(forth.console.text).toContain("To get back to the menu, type `menu' and press ENTER");
    expect(forth.result.kind).toBe("rebooted");
  });
});

describe("the countdown", () => {
  it("takes autoboot_delay seconds, and a key stops it", async () => {
    const files = withConf('autoboot_delay="3"\n');
    const ranOut = await session([], { files });
    expect(ranOut.console.elapsedMs).toBe(3000);
    expect(ranOut.console.text).toContain("Autoboot in 3 seconds. [Space] to pause");
    const stopped = await session([1500, " ", 60_000], { files });
    expect(stopped.result.kind).toBe("quit");
    expect(stopped.console.screen[22]).toBe("");
  });

  it("is left out by NO, and by -1 the menu as well", async () => {
    const no = await session([3_600_000, ENTER], { files: withConf('autoboot_delay="NO"\n') });
    expect(no.console.text).not.toContain("Autoboot in");
    expect(no.result.kind).toBe("booted");
    const atOnce = await session([], { files: withConf('autoboot_delay="-1"\n') });
    expect(atOnce.result.kind).toBe("booted");
    expect(atOnce.console.elapsedMs).toBe(0);
    expect(atOnce.console.text).not.toContain("Welcome");
  });

  it("may end in another command", async () => {
    const files = withConf('autoboot_delay="1"\nmenu_timeout_command="reboot"\n');
    expect((await session([], { files })).result.kind).toBe("rebooted");
  });

  it("waits for loader_delay first, in the Forth loader", async () => {
    const files = forthFiles({ "/boot/loader.conf": 'loader_delay="3"\n' });
    const done = await session([], { files });
    expect(done.console.text).toContain("Loading Menu (Ctrl-C to Abort)\n...\n");
    expect(done.console.elapsedMs).toBe(13_000);
    const aborted = await session(["\x03"], { files });
    expect(aborted.console.text).not.toContain("Welcome");
  });
});

describe("the looks", () => {
  it("can be changed by configuration", async () => {
    const { console } = await session([" "], {
      files: withConf(
        'loader_menu_title="Tiny"\nloader_menu_title_align="left"\nloader_menu_frame="single"\n' +
          'loader_logo="none"\nloader_brand="none"\nloader_menu_multi_user_prompt="everyone"\n',
      ),
    });
    expect(console.screen[8]).toBe(`${" ".repeat(18)}┌ Tiny ${"─".repeat(35)}┐`);
    expect(console.screen[1]).toBe("");
    expect(console.screen[10]).toContain("1. Boot everyone [Enter]");
  });

  it("survive nonsense", async () => {
    const { console } = await session([" "], {
      files: withConf(
        `loader_menu_title="${"x".repeat(200)}"\nloader_menu_frame="none"\nloader_logo_x="banana"\nloader_logo_y="-5"\nloader_brand_x="99999999999"\n`,
      ),
    });
    expect(console.screen[8]).toContain("x".repeat(38));
    expect(console.screen[10]).toContain("1. Boot Multi user");
  });
});
