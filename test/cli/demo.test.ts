// SPDX-License-Identifier: BSD-2-Clause
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const TSHYVE = fileURLToPath(new URL("../../dist/tshyve.js", import.meta.url));
const REASON = existsSync(TSHYVE) ? "" : " (skipped: dist/ is not built, npm run build does)";

/** Runs the built command with its temporary files in a folder of ours; also what it left there. */
function run(args: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), "tshyve-demo-test-"));
  try {
    const env = { ...process.env, TMPDIR: folder };
    const options = { env, encoding: "utf8", timeout: 90_000 } as const;
    const { status, stdout, stderr } = spawnSync(process.execPath, [TSHYVE, ...args], options);
    return { status, stdout, stderr, leftOver: readdirSync(folder) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The lines from one command to the next. */
function outputs(stdout: string): Map<string, string> {
  const [, ...parts] = stdout.split(/^\$ /m);
  return new Map(
    parts.map((part, i): [string, string] => {
      const end = part.indexOf("\n");
      return [`${i} ${part.slice(0, end)}`, part.slice(end + 1)];
    }),
  );
}

describe.skipIf(REASON !== "")(`tshyve demo${REASON}`, { timeout: 120_000 }, () => {
  it("plays a VM's life without a terminal: each command, shown and run", () => {
    const { status, stdout, stderr, leftOver } = run(["demo"]);
    expect(stderr).toBe("");
    const session = outputs(stdout);
    expect([...session.keys()]).toEqual([
      "0 tshyve kldload vmm",
      "1 tshyve ls",
      "2 bhyveload -m 64M -d teach.img guest0",
      "3 tshyve ls",
      "4 bhyve -A -m 64M -s 0,hostbridge -s 1,virtio-blk,teach.img -s 31,lpc -l com1,stdio guest0",
      "5 tshyve ls",
      "6 bhyvectl --vm=guest0 --destroy",
      "7 tshyve ls",
    ]);
    const [kldload, before, loader, loaded, guest, stopped, destroy, after] = session.values();
    expect([kldload, before, loaded, stopped, destroy, after]).toEqual([
      "",
      "",
      "guest0\n",
      "guest0\n",
      "",
      "",
    ]);
    expect(loader).toContain("\n/boot/kernel/kernel text=0x");
    expect(guest).toContain(
      "\r\nteach> disk write hello from the guest\r\nnote 1 is on the disk\r\n",
    );
    expect(guest).toMatch(/\r\nteach> poweroff\r\n\n\[status 1: powered off\]\n$/);
    expect(status).toBe(0);
    expect(leftOver).toEqual([]);
  });

  it("takes no arguments", () => {
    const { status, stderr } = run(["demo", "loudly"]);
    expect(stderr).toMatch(/^tshyve demo: expected no arguments\nusage: tshyve demo\n/);
    expect(status).toBe(1);
  });
});
