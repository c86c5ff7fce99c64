// SPDX-License-Identifier: BSD-2-Clause
// The teaching guest on disks of every kind, through the loader and the device, as commands.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, it } from "vitest";
import { equalBytes } from "../support/bytes.ts";
import { CommandRoom } from "../support/commands.ts";
import { buildQcow2, type ClusterContent } from "../support/qcow2-image.ts";

const TEACH = fileURLToPath(new URL("../../images/teach/teach.img.gz", import.meta.url));

let room: CommandRoom;
let image: Uint8Array;
beforeAll(() => {
  room = new CommandRoom();
  image = new Uint8Array(gunzipSync(readFileSync(TEACH)));
  room.file("teach.img", image);
  room.file(
    "write",
    "expect teach> \ntype disk write kept\nexpect is on the disk\ntype poweroff\n",
  );
  room.file("read", "expect teach> \ntype disk\nexpect teach> \ntype poweroff\n");
}, 60_000);
afterAll(() => room.close());

/** The guest's console, after a run that has to end well. */
async function run(script: string, ...args: readonly string[]): Promise<string> {
  const words = ["run", "-m", "64M", "--no-capsule", "--script", script, ...args];
  const { status, stdout, stderr } = await room.spawn("tshyve", words);
  expect([status, stderr]).toEqual([0, expect.stringContaining("status 0")]);
  return stdout;
}

/** The same disk with its clusters compressed, but for those that are zero. */
function compressed(bytes: Uint8Array): Uint8Array {
  const clusters = new Map<number, ClusterContent>();
  for (let at = 0; at < bytes.length; at += 4096) {
    const cluster = new Uint8Array(4096);
    cluster.set(bytes.subarray(at, at + 4096));
    if (cluster.some((byte) => byte !== 0)) {
      clusters.set(at / 4096, { kind: "compressed", bytes: cluster });
    }
  }
  return buildQcow2({ sizeBytes: bytes.length, clusterBits: 12, clusters });
}

it("a guest's writes go to the overlay, are there at the next run, and the base is untouched", {
  timeout: 60_000,
}, async () => {
  await run("write", "--freebsd", "teach.img,overlay=work.qcow2");
  const slot = "3,virtio-blk,teach.img,overlay=work.qcow2";
  expect(await run("read", "--freebsd", "teach.img", "-s", slot)).toContain(" 1  kept");
  expect(equalBytes(readFileSync(room.path("teach.img")), image)).toBe(true);
});

it("an overlay in memory, as every run's without a word, is forgotten", {
  timeout: 60_000,
}, async () => {
  const memory = ["--write-disks", "--freebsd", "teach.img,overlay=memory"];
  await run("write", ...memory);
  expect(await run("read", ...memory)).not.toContain("kept");
  await run("write", "--freebsd", "teach.img");
  expect(equalBytes(readFileSync(room.path("teach.img")), image)).toBe(true);
});

it("a compressed qcow2 image boots, and keeps what is written", { timeout: 60_000 }, async () => {
  room.file("teach.qcow2", compressed(image));
  await run("write", "--write-disks", "--freebsd", "teach.qcow2");
  expect(await run("read", "--freebsd", "teach.qcow2")).toContain(" 1  kept");
});

it("bhyveload and bhyve take the same words", { timeout: 60_000 }, async () => {
  await room.run("tshyve", ["kldload", "vmm"]);
  const disk = "teach.img,overlay=vm.qcow2";
  const loaded = await room.spawn("bhyveload", ["-m", "64M", "-d", disk, "vm"]);
  expect([loaded.status, loaded.stderr]).toEqual([0, ""]);
  const slots = ["-s", "0,hostbridge", "-s", `3,virtio-blk,${disk}`, "-s", "31,lpc"];
  const args = ["-A", "-m", "64M", ...slots, "-l", "com1,stdio", "-o", "clock=virtual", "vm"];
  const command = room.start("bhyve", args, "pipe");
  await command.printed("teach> ");
  command.process.stdin?.write("disk write from bhyve\r");
  await command.printed("is on the disk");
  command.process.stdin?.write("poweroff\r");
  expect(await command.ended).toMatchObject({ status: 1, stderr: "" });
  expect(await run("read", "--freebsd", disk)).toContain("1  from bhyve");
  expect(equalBytes(readFileSync(room.path("teach.img")), image)).toBe(true);
});

it("bhyveload refuses what is not what it is said to be", { timeout: 60_000 }, async () => {
  const { status, stderr } = await room.spawn("bhyveload", ["-d", "teach.img,format=qcow2", "vm"]);
  expect(status).toBe(64);
  expect(stderr).toBe(
    "bhyveload: disk image teach.img is damaged: it does not begin as a qcow2 image does\n",
  );
});
