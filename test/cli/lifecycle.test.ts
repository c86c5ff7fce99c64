// SPDX-License-Identifier: BSD-2-Clause
// A VM between commands: who may run it, and what is left when a runner is killed.
import { existsSync, readdirSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CommandRoom } from "../support/commands.ts";
import { POWERED_OFF_GUEST, SPINNING_GUEST, WITH_CONSOLE } from "../support/small-guests.ts";

let room: CommandRoom;
beforeAll(() => {
  room = new CommandRoom();
}, 120_000);
afterAll(() => room.close());

const says = (text: string) => expect.stringContaining(text);

describe("a VM that is running", { timeout: 120_000 }, () => {
  it("has one runner; the others are told who it is", async () => {
    await room.load("one", SPINNING_GUEST);
    const runner = room.start("bhyve", [...WITH_CONSOLE, "one"]);
    await runner.printed("U");
    const busy = says(`VM one is busy: process ${runner.process.pid} runs it`);
    const second = await room.spawn("bhyve", [...WITH_CONSOLE, "one"]);
    expect([second.status, second.stderr]).toEqual([4, busy]);
    const file = room.path("one.elf");
    const reload = await room.run("tshyve", ["linuxload", "-k", file, "-m", "32", "one"]);
    expect([reload.status, reload.stderr]).toEqual([1, busy]);
    const destroy = await room.run("bhyvectl", ["--vm=one", "--destroy"]);
    expect([destroy.status, destroy.stderr]).toEqual([255, busy]);
    const unload = await room.run("tshyve", ["kldunload", "vmm"]);
    expect([unload.status, unload.stderr]).toEqual([
      1,
      says("can't unload vmm: a VM exists (one)"),
    ]);
    runner.process.kill("SIGKILL");
    await runner.ended;
  });

  it("is crashed when its runner is killed: not to be run, but to be looked at and loaded again", async () => {
    expect((await room.run("tshyve", ["ls"])).stdout).toBe("one\n");
    const again = await room.spawn("bhyve", [...WITH_CONSOLE, "one"]);
    expect([again.status, again.stderr]).toEqual([4, says("cannot be booted: its runner died")]);
    const rip = await room.run("bhyvectl", ["--vm=one", "--get-rip"]);
    expect([rip.status, rip.stdout]).toEqual([0, says("0x0000000000100000")]);
    await room.load("one", POWERED_OFF_GUEST);
    expect((await room.spawn("bhyve", [...WITH_CONSOLE, "one"])).status).toBe(1);
    expect((await room.run("bhyvectl", ["--vm=one", "--destroy"])).status).toBe(0);
    expect(readdirSync(room.path("vmm"))).toEqual([]);
    expect((await room.run("tshyve", ["kldunload", "vmm"])).status).toBe(0);
    expect(existsSync(room.path("vmm"))).toBe(false);
  });
});
