// SPDX-License-Identifier: BSD-2-Clause
// Debian's kernels for virtual machines with busybox: to a shell, and with an ext4 root on a virtio disk. Each guest
// that scripts/guests/prepare.mjs made is booted.
import { spawnSync } from "node:child_process";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { bundled } from "../support/bundled.ts";
import { copyOfDisk, guestPath, hasGuestFile, linuxGuests } from "../support/guest-files.ts";
import type { GuestSession } from "../support/guest-session.ts";
import { findTool } from "../support/tools.ts";

type Sessions = typeof import("../support/guest-session.ts");

const MEMORY_MIB = 256;
/** After each prompt busybox's shell asks the terminal where its cursor is. */
const PROMPT = "# \u001b[6n";
const PLATFORM = ["-A", "-s", "0,hostbridge", "-s", "31,lpc", "-l", "com1,stdio"];
const MINUTES = 60_000;

const GUESTS = linuxGuests();

let sessions: Sessions;
beforeAll(async () => {
  if (GUESTS.length > 0)
    sessions = await bundled(new URL("../support/guest-session.ts", import.meta.url));
});

function boot(guest: string, commandLine: string, more: readonly string[] = []): GuestSession {
  return sessions.startLinux({
    kernel: guestPath(guest, "vmlinuz"),
    initrd: guestPath(guest, "initrd.gz"),
    commandLine,
    memoryMib: MEMORY_MIB,
    bhyve: [...PLATFORM, ...more],
  });
}

/** What a command printed: the lines between itself and the prompt. */
async function run(session: GuestSession, line: string): Promise<string> {
  const text = await session.command(line, PROMPT);
  const lines = text.replaceAll("\r", "").split("\n");
  return lines.slice(1, -1).join("\n");
}

if (GUESTS.length === 0) {
  it.skip("Linux boots (skipped: TSHYVE_GUESTS names no directory of scripts/guests/prepare.mjs)", () => {});
}

describe.each(GUESTS)("%s", (guest) => {
  let undo: () => void = () => {};
  afterEach(() => {
    undo();
    undo = () => {};
  });

  it("boots to a shell and powers off", { timeout: 20 * MINUTES }, async () => {
    const session = boot(guest, "console=ttyS0");
    expect(await session.waitFor(PROMPT)).toContain("userspace up: ");
    expect(session.consoleText).not.toMatch(/BUG:|WARNING:|Oops|Call Trace|unchecked MSR/);
    expect(await run(session, "echo $((6 * 7)) $(uname -m)")).toBe("42 x86_64");
    expect(await run(session, "grep -c ^processor /proc/cpuinfo")).toBe("1");
    expect(
      await run(session, "cat /sys/devices/system/clocksource/clocksource0/current_clocksource"),
    ).toBe("tsc");
    // On the virtual clock a second of sleep is a second of guest time, and hardly any of ours.
    expect(await run(session, "date +%s > a; sleep 60; expr $(date +%s) - $(cat a)")).toMatch(
      /^6[01]$/,
    );
    expect(await run(session, "seq 1 2000 | sha256sum | cut -c1-16")).toBe("6251e5743b6fd6a7");
    session.type("poweroff -f\n");
    expect(await session.runToEnd()).toBe(1);
  });

  it.skipIf(!hasGuestFile(`${guest}/root.ext4`) || findTool("e2fsck") === undefined)(
    "has its ext4 root on a virtio disk, which e2fsck finds clean (needs e2fsprogs)",
    { timeout: 20 * MINUTES },
    async () => {
      const disk = copyOfDisk(guestPath(guest, "root.ext4"));
      undo = disk.remove;
      const session = boot(guest, "console=ttyS0 root=/dev/vda", [
        ...["-s", `3,virtio-blk,${disk.path}`],
      ]);
      expect(await session.waitFor(PROMPT)).toContain("root on disk: ");
      expect(await run(session, "mount | grep -c '^/dev/vda on / type ext4'")).toBe("1");
      expect(
        await run(session, "seq 1 100000 > /root/numbers; md5sum < /root/numbers | cut -c1-8"),
      ).toBe("dea9193b");
      await run(
        session,
        "mkdir /root/many; for i in $(seq 1 200); do echo $i > /root/many/$i; done",
      );
      await run(session, "sync; echo 3 > /proc/sys/vm/drop_caches");
      expect(await run(session, "md5sum < /root/numbers | cut -c1-8")).toBe("dea9193b");
      session.type("poweroff\n");
      expect(await session.runToEnd()).toBe(1);
      const check = spawnSync(findTool("e2fsck")!, ["-fn", disk.path], { encoding: "utf8" });
      expect(check.stdout).not.toMatch(/WARNING|recovering journal|Fix\?/);
      expect(check.status).toBe(0);
    },
  );

  // Once is enough: what could differ is ours, not the guest's.
  if (guest !== GUESTS[0]) return;

  it("boots the same way twice, to the instruction", { timeout: 20 * MINUTES }, async () => {
    const runs = [];
    for (let i = 0; i < 2; i++) {
      const session = boot(guest, "console=ttyS0");
      await session.waitFor("Memory: ");
      runs.push({ retired: session.retired, text: session.consoleText });
    }
    expect(runs[0]).toEqual(runs[1]);
  });
});
