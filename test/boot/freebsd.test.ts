// SPDX-License-Identifier: BSD-2-Clause
// A real FreeBSD/amd64 through bhyve's own session, as it was typed in 2012: loaded by the loader from its disk, to
// multi-user, used, powered off, loaded again from the same disk, rebooted.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bundled } from "../support/bundled.ts";
import { copyOfDisk, freebsdImage } from "../support/guest-files.ts";
import type { GuestSession } from "../support/guest-session.ts";

type Sessions = typeof import("../support/guest-session.ts");

const MEMORY_MIB = 1024;
const MINUTES = 60_000;
const LOGIN = "login: ";
/** root has no password; its shell is csh. */
const PROMPT = ":~ # ";

const IMAGE = freebsdImage();

let sessions: Sessions;
beforeAll(async () => {
  if (IMAGE !== undefined)
    sessions = await bundled(new URL("../support/guest-session.ts", import.meta.url));
});

/** bhyveload -d disk -m 1024 guest0; bhyve -A -I -m 1024 -s 0:0,virtio-blk,disk -S 31,uart,stdio guest0 */
function loadAndRun(disk: string): Promise<GuestSession> {
  const bhyve = ["-A", "-I", "-s", `0:0,virtio-blk,${disk}`, "-S", "31,uart,stdio"];
  return sessions.startFreebsd({ disk, memoryMib: MEMORY_MIB, bhyve });
}

async function logIn(session: GuestSession): Promise<string> {
  const boot = await session.waitFor(LOGIN);
  session.type("root\n");
  await session.waitFor(PROMPT);
  return boot;
}

async function run(session: GuestSession, line: string): Promise<string> {
  const text = await session.command(line, PROMPT);
  return text.replaceAll("\r", "").split("\n").slice(1, -1).join("\n");
}

const NAME =
  IMAGE === undefined ? "FreeBSD (skipped: TSHYVE_FREEBSD_IMAGE names no image)" : "FreeBSD";

describe.skipIf(IMAGE === undefined)(NAME, () => {
  const disk = IMAGE === undefined ? undefined : copyOfDisk(IMAGE);
  afterAll(() => disk?.remove());

  it("boots to a login, runs commands, powers off with status 1", {
    timeout: 60 * MINUTES,
  }, async () => {
    const session = await loadAndRun(disk!.path);
    const boot = await logIn(session);
    expect(boot).not.toMatch(/panic|Fatal trap|not properly dismounted/);
    expect(await run(session, "uname -s -m")).toBe("FreeBSD amd64");
    expect(await run(session, "sysctl -n kern.vm_guest hw.ncpu")).toBe("bhyve\n1");
    // The kernel and at least two modules that the loader brought.
    expect(Number(await run(session, "kldstat | grep -c '\\.ko$'"))).toBeGreaterThanOrEqual(2);
    await run(session, "jot 20000 > /root/numbers; sync");
    expect(await run(session, "md5 -q /root/numbers")).toBe("e071f707df7bbeee2a6a1eb48011ddd0");
    // FreeBSD spins for five seconds before it powers off: five billion instructions on this clock.
    await run(session, "sysctl kern.shutdown.poweroff_delay=0");
    session.type("shutdown -p now\n");
    expect(await session.runToEnd()).toBe(1);
    expect(session.consoleText).toContain("All buffers synced.");
  });

  it("finds its disk clean and reboots with status 0", { timeout: 60 * MINUTES }, async () => {
    const session = await loadAndRun(disk!.path);
    const boot = await logIn(session);
    expect(boot).toMatch(/FILE SYSTEM CLEAN; SKIPPING CHECKS/);
    expect(boot).not.toMatch(/not properly dismounted/);
    expect(await run(session, "md5 -q /root/numbers")).toBe("e071f707df7bbeee2a6a1eb48011ddd0");
    session.type("reboot\n");
    expect(await session.runToEnd()).toBe(0);
  });
});
