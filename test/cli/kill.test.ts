// SPDX-License-Identifier: BSD-2-Clause
// bhyve is killed while its guest writes: what the guest was told is on the disk is in the image. TSHYVE_KILLS says
// how often (50 in a release). A killed process loses nothing that it has given to its host, so that this finds what
// the machine itself holds back; that the host is told to put it on the disk is test/devices/durability.test.ts's.
import { readFileSync, truncateSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CommandRoom } from "../support/commands.ts";
import {
  FLUSHING_DISK_BYTES,
  FLUSHING_SLOT,
  flushingGuest,
  lastFlushed,
  REGION_BYTES,
  REGIONS,
  roundsOf,
} from "../support/flushing-guest.ts";
import { SeededRandom } from "../support/random.ts";
import { WITH_CONSOLE } from "../support/small-guests.ts";

const KILLS = Number(process.env["TSHYVE_KILLS"] ?? 10);
const LONGEST_LIFE_MS = 300;
/** More rounds than a guest gets done in its life. */
const MOST_ROUNDS_AHEAD = 100_000;

let room: CommandRoom;
beforeAll(() => {
  room = new CommandRoom();
  room.file("flushing", flushingGuest());
}, 60_000);
afterAll(() => room.close());

/** What is wrong with a disk whose guest was told that round `flushed` is on it. */
function losses(disk: Uint8Array, flushed: number): string[] {
  const words = new Uint32Array(disk.buffer, disk.byteOffset, disk.length / 4);
  const wrong: string[] = [];
  for (let region = 0; region < REGIONS; region++) {
    const acknowledged = roundsOf(region, flushed).at(-1) ?? 0;
    const later = new Set(roundsOf(region, flushed + MOST_ROUNDS_AHEAD));
    const first = (region * REGION_BYTES) / 4;
    for (const round of new Set(words.subarray(first, first + REGION_BYTES / 4))) {
      if (round === acknowledged || (round > acknowledged && later.has(round))) continue;
      wrong.push(`region ${region} has round ${round}, and ${acknowledged} was flushed`);
    }
  }
  return wrong;
}

describe("bhyve, killed while its guest writes", { timeout: 30_000 + KILLS * 10_000 }, () => {
  const random = new SeededRandom(50);
  const flushed: number[] = [];

  it.each(Array.from({ length: KILLS }, (_, i) => i + 1))("kill %d", async (_kill) => {
    const image = room.file("disk.img", "");
    truncateSync(image, FLUSHING_DISK_BYTES);
    const load = ["linuxload", "-k", room.path("flushing"), "-m", "32", "vm"];
    expect(await room.run("tshyve", load)).toMatchObject({ status: 0 });
    const disk = ["-s", `${FLUSHING_SLOT},virtio-blk,${image}`];
    const bhyve = room.start("bhyve", [...WITH_CONSOLE, ...disk, "vm"]);
    await bhyve.printed("F00000001\n");
    await sleep(random.below(LONGEST_LIFE_MS));
    bhyve.process.kill("SIGKILL");
    const { stdout, stderr, signal } = await bhyve.ended;
    expect([signal, stderr]).toEqual(["SIGKILL", ""]);
    expect(stdout).not.toContain("!");
    const last = lastFlushed(stdout);
    flushed.push(last);
    const content = new Uint8Array(readFileSync(image));
    expect(content.length).toBe(FLUSHING_DISK_BYTES);
    expect(losses(content, last)).toEqual([]);
    const left = await room.spawn("bhyve", [...WITH_CONSOLE, "vm"]);
    expect([left.status, left.stderr]).toEqual([
      4,
      "bhyve: virtual machine vm cannot be booted: its runner died; run bhyveload first\n",
    ]);
  });

  it("was at work each time", () => {
    expect(Math.min(...flushed)).toBeGreaterThan(0);
    expect(Math.max(...flushed)).toBeGreaterThan(REGIONS);
  });
});
