// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { diskWith, hostWith, luaFiles } from "../../../../test/support/boot-image.ts";
import { answerTo, atPrompt, session } from "../../../../test/support/loader-session.ts";

describe("files", () => {
  const files = { "/boot/etc/a": "x", "/boot/etc/sub/b": "yy", "/note": "one\ntwo\n" };

  it("are listed, with their kind, and with their size", async () => {
    const { answers } = await atPrompt(["ls /boot/etc", "ls -l /boot/etc", "ls boot/etc/a"], {
      files,
    });
    expect(answers).toEqual([
      "/boot/etc\n    a\n d  sub",
      "/boot/etc\n          1 a\n d      512 sub",
      "    boot/etc/a",
    ]);
  });

  it("of another device are named by it", async () => {
    const devices = [...diskWith(luaFiles()), ...hostWith({ "/only-here": "" })];
    const lines = ["ls host0:", "ls disk0p1:/", "ls disk0:/etc", "set currdev=host0:", "ls"];
    const quiet = { variables: ["autoboot_delay=NO", "beastie_disable=YES"] };
    const { answers } = await atPrompt(lines, { devices, ...quiet });
    expect(answers[0]).toBe("host0:/\n    only-here");
    expect(answers[1]).toBe(
      "open 'disk0p1:/' failed: disk0p1: holds no filesystem that can be read",
    );
    expect(answers[2]).toBe("disk0:/etc\n    fstab");
    expect(answers[4]).toBe("/\n    only-here");
  });

  it("that are missing are reported", async () => {
    const { answers } = await atPrompt(["ls /nowhere", "ls disk9:/", "more /nowhere", "ls -x"]);
    expect(answers).toEqual([
      "open '/nowhere' failed: no such file or directory",
      "open 'disk9:/' failed: no such file or directory",
      "can't open '/nowhere': no such file or directory\nerror showing /nowhere",
      "ls: illegal option -- x",
    ]);
  });

  it("are shown by more", async () => {
    expect(await answerTo("more /note", { files })).toBe(
      "*** FILE /note BEGIN ***\none\ntwo\n*** FILE /note END ***",
    );
  });

  it("wait for the reader, a screen at a time", async () => {
    const long = { "/long": "line\n".repeat(60) };
    const { console } = await session(
      ["\x1b", "set LINES=11\r", "more /long\r", " ", "\r", "q", "echo done\r"],
      { files: luaFiles(long) },
    );
    expect(console.text.match(/--more--/g)).toHaveLength(3);
    // 9 behind the heading, 10 more, 1 more.
    expect(console.text.match(/^line$/gm)).toHaveLength(20);
    expect(console.text).toContain("\ndone\n");
  });

  it("of commands are run to the first failure, unless it is allowed", async () => {
    const scripts = {
      "/ok": "\\ comment\n# comment\n@echo one\n-frob\necho two\n",
      "/bad": "echo one\nfrob\necho two\n",
      "/x.lua": "print()",
    };
    const { answers } = await atPrompt(
      [
        "include /ok",
        "include /bad",
        "include /none",
        "try-include /none /bad /ok",
        "include /x.lua",
      ],
      { files: scripts },
    );
    expect(answers[0]).toBe("one\nunknown command\ntwo");
    expect(answers[1]).toBe("one\nError while including /bad, in the line:\nfrob\nunknown command");
    expect(answers[2]).toBe("can't open '/none': no such file or directory");
    expect(answers[3]).toBe("one\none\nunknown command\ntwo");
    expect(answers[4]).toContain("not run here");
  });
});

it("lsdev lists the host and the disks, with sizes on demand", async () => {
  const devices = [
    ...hostWith({}),
    ...diskWith(luaFiles({ "/boot/loader.conf": 'beastie_disable="YES"\nautoboot_delay="NO"\n' })),
  ];
  const { answers } = await atPrompt(["lsdev", "lsdev -v"], { devices });
  expect(answers[0]).toBe(
    [
      "host devices:",
      "    host0:   Host filesystem",
      "disk devices:",
      "    disk0:   Guest drive image",
      "      disk0p1: FreeBSD boot",
      "      disk0p2: FreeBSD UFS",
    ].join("\n"),
  );
  expect(answers[1]).toContain("      disk0p2: FreeBSD UFS\t  64MB");
});
