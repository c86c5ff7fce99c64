// SPDX-License-Identifier: BSD-2-Clause
// tshyve images and tshyve fetch as commands, against a publisher of this process's own.
import fs from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { FetchProgress } from "../../src/cli/fetch-progress.ts";
import { CommandRoom } from "../support/commands.ts";
import { ImageServer } from "../support/image-server.ts";
import { SeededRandom } from "../support/random.ts";
import { plainXz } from "../support/xz-file.ts";

const PLACE = "14.3-RELEASE/amd64/Latest/";
const FILE = "FreeBSD-14.3-RELEASE-amd64-ufs.raw";

let room: CommandRoom;
let server: ImageServer;
beforeAll(async () => {
  room = new CommandRoom();
  server = await ImageServer.start();
  server.publish(PLACE, { [`${FILE}.xz`]: plainXz(new SeededRandom(1).bytes(200_000)) });
  vi.stubEnv("TSHYVE_CACHE", room.path("cache"));
  vi.stubEnv("http_proxy", undefined);
  vi.stubEnv("all_proxy", undefined);
}, 60_000);
afterAll(() => {
  server.close();
  room.close();
  vi.unstubAllEnvs();
});

describe("tshyve fetch", () => {
  it("prints where the image is, and on stderr how far it is", async () => {
    const file = room.path(`cache/images/freebsd-14.3/${FILE}`);
    const args = ["fetch", "--mirror", server.root, "freebsd-14.3"];
    const first = await room.run("tshyve", args);
    expect(first).toMatchObject({ status: 0, stdout: `${file}\n` });
    expect(first.stderr).toContain(`downloading ${FILE}.xz: 100 % of 0.2 MiB`);
    expect(first.stderr).toContain(`unpacking ${FILE}.xz: 100 %`);
    expect(first.stderr).not.toContain("\r");
    expect(fs.statSync(file).size).toBe(200_000);
    expect(await room.run("tshyve", args)).toMatchObject({ stdout: `${file}\n`, stderr: "" });
    const listed = await room.run("tshyve", ["images"]);
    expect(listed.stdout).toContain("freebsd-14.3          FreeBSD 14.3-RELEASE");
    expect(listed.stdout).toContain(`${file}\n`);
    expect(listed.stdout).toContain(`Fetched images are in ${room.path("cache")}.`);
  });

  it.each([
    [["fetch"], "tshyve fetch: expected the name of one image\nusage: "],
    [["fetch", "a", "b"], "tshyve fetch: expected the name of one image\nusage: "],
    [["fetch", "--fast", "a"], "Unknown option '--fast'"],
    [["fetch", "plan9"], `tshyve fetch: 'plan9' is no image: "tshyve images" lists them\n`],
    [["images", "all"], "there is nothing to say but: tshyve images"],
  ])("%j ends with 1 and a sentence", async (args, says) => {
    expect(await room.run("tshyve", args)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining(says),
    });
  });

  it("that is killed goes on at the next call", { timeout: 30_000 }, async () => {
    const name = "FreeBSD-13.5-RELEASE-amd64.raw";
    const packed = plainXz(new SeededRandom(2).bytes(3_000_000));
    server.publish("13.5-RELEASE/amd64/Latest/", { [`${name}.xz`]: packed });
    server.troubles.push({ path: `${name}.xz`, trouble: { stallAt: 1_000_000 } });
    const args = ["fetch", "--mirror", server.root, "freebsd-13.5"];
    const command = room.start("tshyve", args);
    const part = room.path(`cache/images/freebsd-13.5/${name}.xz.part`);
    const size = () => fs.statSync(part, { throwIfNoEntry: false })?.size ?? 0;
    await vi.waitFor(() => expect(size()).toBe(1_000_000), 10_000);
    command.process.kill("SIGKILL");
    await command.ended;
    const { status, stdout } = await room.run("tshyve", args);
    expect([status, stdout]).toEqual([0, `${path.dirname(part)}/${name}\n`]);
    expect(server.requests.at(-1)).toMatchObject({ range: "bytes=1000000-", status: 206 });
  });
});

describe("the progress of a fetch", () => {
  const tell = (isTerminal: boolean, stepMs: number) => {
    let text = "";
    let now = 0;
    const write = (more: string) => {
      text += more;
    };
    const progress = new FetchProgress({ isTerminal, write, now: () => now });
    for (let done = 0; done <= 1000; done++) {
      const [what, file] = ["downloading", "a/b.xz"] as const;
      progress.report({ what, file, done: done * 1048576, total: 1000 * 1048576 });
      now += stepMs;
    }
    progress.end();
    return text;
  };

  it("is a line that changes on a terminal", () => {
    const lines = tell(true, 10).split("\r");
    expect(lines.length).toBeGreaterThan(40);
    expect(lines.length).toBeLessThan(60);
    expect(lines.at(-1)).toBe("downloading b.xz: 100 % of 1000.0 MiB, 100.0 MiB/s\n");
  });

  it("is a line a tenth in a log, and one after a while", () => {
    expect(tell(false, 10).trimEnd().split("\n")).toHaveLength(11);
    expect(tell(false, 1000).trimEnd().split("\n").length).toBeGreaterThan(30);
  });
});
