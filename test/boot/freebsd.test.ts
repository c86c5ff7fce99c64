// SPDX-License-Identifier: BSD-2-Clause
// A real FreeBSD/amd64 through bhyve's own session, as it was typed in 2012: loaded by the loader from its disk, to
// multi-user, used, powered off, loaded again from the same disk, rebooted.
import { afterAll, describe, expect, it } from "vitest";
import { openLoaderDisk } from "../../src/host/loader-devices.ts";
import { runUserboot } from "../../src/loader/userboot/userboot.ts";
import { GuestMemory, MIB } from "../../src/mmu/guest-memory.ts";
import { copyOfDisk, freebsdImage } from "../support/guest-files.ts";
import { GuestSession } from "../support/guest-session.ts";
import { ScriptedConsole } from "../support/scripted-console.ts";

const MEMORY_MIB = 1024;
const MINUTES = 60_000;
const LOGIN = "login: ";
const PROMPT = /:~ # $/;

const IMAGE = freebsdImage();

/** bhyveload -d disk -m 1024 guest0; bhyve -A -I -m 1024 -s 0:0,virtio-blk,disk -S 31,uart,stdio guest0 */
async function loadAndRun(disk: string): Promise<GuestSession> {
  const memory = new GuestMemory(MEMORY_MIB * MIB);
  const console = new ScriptedConsole([], false);
  const devices = openLoaderDisk(disk, 0);
  const left = await runUserboot({ memory, console, devices });
  if (left.kind !== "booted") throw new Error(`the loader: ${left.kind}\n${console.output}`);
  const bhyve = ["-A", "-I", "-s", `0:0,virtio-blk,${disk}`, "-S", "31,uart,stdio"];
  return new GuestSession({ memory, entry: left.entry, bhyve });
}

/** root has no password; its shell's prompt ends in `:~ # `. */
function logIn(session: GuestSession): string {
  const boot = session.waitFor(LOGIN);
  session.type("root\n");
  session.waitFor(":~ # ");
  return boot;
}

function run(session: GuestSession, line: string): string {
  const text = session.command(line, ":~ # ").replaceAll("\r", "").replace(PROMPT, "");
  return text.split("\n").slice(1, -1).join("\n");
}

describe.skipIf(IMAGE !== undefined)("FreeBSD", () => {
  it.skip("boots (skipped: TSHYVE_FREEBSD_IMAGE does not name a disk image)", () => {});
});

describe.skipIf(IMAGE === undefined)("FreeBSD", () => {
  const disk = IMAGE === undefined ? undefined : copyOfDisk(IMAGE);
  afterAll(() => disk?.remove());

  it("boots to a login, runs commands, powers off with status 1", {
    timeout: 60 * MINUTES,
  }, async () => {
    const session = await loadAndRun(disk!.path);
    const boot = logIn(session);
    expect(boot).not.toMatch(/panic|Fatal trap|not properly dismounted/);
    expect(run(session, "uname -s -m")).toBe("FreeBSD amd64");
    expect(run(session, "sysctl -n kern.vm_guest hw.ncpu")).toBe("bhyve\n1");
    // The kernel and at least two modules that the loader brought.
    expect(Number(run(session, "kldstat | grep -c '\\.ko$'"))).toBeGreaterThanOrEqual(2);
    run(session, "jot 20000 > /root/numbers; sync");
    expect(run(session, "md5 -q /root/numbers")).toBe("e071f707df7bbeee2a6a1eb48011ddd0");
    session.type("shutdown -p now\n");
    expect(session.runToEnd()).toBe(1);
    expect(session.consoleText).toContain("All buffers synced.");
  });

  it("finds its disk clean and reboots with status 0", { timeout: 60 * MINUTES }, async () => {
    const session = await loadAndRun(disk!.path);
    const boot = logIn(session);
    expect(boot).toMatch(/FILE SYSTEM CLEAN; SKIPPING CHECKS/);
    expect(boot).not.toMatch(/not properly dismounted/);
    expect(run(session, "md5 -q /root/numbers")).toBe("e071f707df7bbeee2a6a1eb48011ddd0");
    session.type("reboot\n");
    expect(session.runToEnd()).toBe(0);
  });
});
