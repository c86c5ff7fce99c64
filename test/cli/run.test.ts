// SPDX-License-Identifier: BSD-2-Clause
import { existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CommandRoom, type Ended } from "../support/commands.ts";
import { helloGuest, promptGuest } from "../support/small-guest.ts";

const IMAGES = fileURLToPath(new URL("../../images", import.meta.url));

let room: CommandRoom;
beforeAll(() => {
  room = new CommandRoom();
  symlinkSync(IMAGES, room.path("images"));
  room.file("hello", helloGuest());
  room.file("prompt", promptGuest());
}, 60_000);
afterAll(() => room.close());

/** Runs a guest of 32 MiB with nothing to read, or with what is piped in. */
async function run(args: readonly string[], input?: string): Promise<Ended> {
  const words = ["run", "-m", "32M", ...args];
  const command = room.start("tshyve", words, input === undefined ? "ignore" : "pipe");
  command.process.stdin?.end(input);
  return command.ended;
}

const prompt = (...args: readonly string[]) => ["--linux", "prompt", "--no-capsule", ...args];
const figures = /tshyve run: \d+ instructions, .* of guest time in .*; exits: inout \d+, mmio/;

describe("tshyve run ends with a status of its own", { timeout: 60_000 }, () => {
  it.each<[what: string, status: number, says: string, args: readonly string[], input?: string]>([
    ["met", 0, "all that was expected", prompt("--expect", "ready", "--expect", "/^> $/m")],
    ["powered off", 0, "the guest powered off", prompt(), "q"],
    ["a text that must not come", 2, 'printed "small"', prompt("--fail", "small")],
    ["an expression that must not come", 2, "printed /r.*y/", prompt("--fail", "/r.*y/")],
    ["a missing file", 4, "cannot open nowhere", ["--linux", "nowhere"]],
    ["no kernel", 4, "prompt.txt", ["--linux", "prompt.txt"]],
    ["no such guest", 4, "there is no guest 'plan9': expected teach", ["--guest", "plan9"]],
    ["panic", 6, "kernel panicked: out of tea", prompt("--expect", "never"), "p"],
    ["too early", 8, 'powered off before "never" was seen', prompt("--expect", "never"), "q"],
    ["guest time", 10, 'time before "never"', prompt("--expect", "never", "--timeout", "1h")],
    ["real time", 12, "300ms of real time are over", prompt("--wall-timeout", "300ms"), "l"],
    ["instructions", 14, "used up its inst", prompt("--max-instructions", "100_000"), "l"],
    ["triple fault", 16, "ended in a triple fault", prompt("--expect", "never"), "t"],
    ["halted", 18, "halted for good, with interrupts off", prompt(), "h"],
    ["reset", 20, "reset the machine", prompt(), "r"],
    ["a panic that is allowed", 20, "reset the machine", prompt("--allow-panic"), "p"],
    ["idle", 22, "waits for input that cannot come, and not for", prompt("--expect", "never")],
    ["no guest", 64, "expected one of --freebsd, --linux and --guest", []],
    ["an unknown option", 64, "Unknown option '--frob'", ["--frob"]],
    ["the guest's own", 15, "exited with code 7", prompt("-l", "pc-testdev"), "e"],
  ])("%s: %i", async (_what, status, says, args, input) => {
    room.file("prompt.txt", "not a kernel");
    const ended = await run(args, input);
    expect([ended.status, ended.stderr]).toEqual([status, expect.stringContaining(says)]);
    // One sentence, and no stack.
    expect(ended.stderr).not.toMatch(/\n\s+at /);
    if (status < 64 && status !== 4) expect(ended.stderr).toMatch(figures);
  });
});

describe("tshyve run", { timeout: 120_000 }, () => {
  it("passes the console on and leaves nothing behind", async () => {
    const ended = await run(["--linux", "hello"]);
    expect([ended.status, ended.stdout]).toEqual([0, "hello, world\r\n"]);
    expect(existsSync(room.path("vmm"))).toBe(false);
    expect(existsSync(room.path("tshyve-failure"))).toBe(false);
  });

  it("types what a script says", async () => {
    room.file(
      "session",
      [
        "# a session",
        "timeout 5s",
        "expect > ",
        "send a",
        "expect [a]",
        "sleep 2s",
        "type q",
        "",
      ].join("\n"),
    );
    const ended = await run(prompt("--script", "session", "--log", "out.log"));
    // Echoes are of what was typed, Enter included.
    expect([ended.status, ended.stdout]).toEqual([0, expect.stringContaining("[a]\r\n> ")]);
    expect(ended.stderr).toContain("the guest powered off (status 0)");
    expect(ended.stderr).toContain(" instructions, 2.0");
    room.file("session", 'expect "> "\nsend \\x62\nexpect /\\[(b)\\]/\n');
    const met = await run(prompt("--script", "session", "--log", "out.log"));
    expect([met.status, met.stderr]).toEqual([
      0,
      expect.stringContaining("script came to its end"),
    ]);
    expect(readFileSync(room.path("out.log"), "latin1")).toBe("small guest ready\r\n> [b]\r\n");
    room.file("session", "expect >\n\nshout\n");
    const wrong = await run(prompt("--script", "session"));
    expect([wrong.status, wrong.stderr]).toEqual([
      4,
      expect.stringContaining("session line 3: 'shout'"),
    ]);
  });

  it("writes the result down for a CI server", async () => {
    const ended = await run(
      prompt("--junit", "junit.xml", "--expect", "ready", "--expect", "<&>"),
      "q",
    );
    expect(ended.status).toBe(8);
    const xml = readFileSync(room.path("junit.xml"), "utf8");
    expect(xml).toContain('<testsuite name="tshyve run" tests="3" failures="2" time="0.00');
    expect(xml).toMatch(
      /<testcase classname="tshyve" name="expect ready" time="0.000\d+"><\/testcase>/,
    );
    expect(xml).toContain('name="expect &lt;&amp;&gt;"');
    expect(xml).toContain('<failure type="unmet" message="the guest powered off before');
    expect(xml).toContain("<system-out>small guest ready\n&gt; </system-out>");
  });

  it("goes the same way every time", async () => {
    const line = async () => {
      const { stderr } = await run(prompt("--script", "twice"));
      return /\d+ instructions, .* of guest time/.exec(stderr)?.[0];
    };
    room.file("twice", "expect >\nsend xyz\nexpect [z]\nsleep 90s\n");
    const first = await line();
    expect(first).toMatch(/^\d+ instructions, 1 min 30\.0 s/);
    expect(await line()).toBe(first);
  });

  it("takes input as it comes, and ends at a signal", async () => {
    const command = room.start("tshyve", ["run", "-m", "32M", ...prompt()], "pipe");
    await command.printed("> ");
    command.process.stdin?.write("x");
    await command.printed("[x]");
    command.process.kill("SIGINT");
    expect((await command.ended).status).toBe(130);
  });
});

describe("a failure capsule", { timeout: 120_000 }, () => {
  it("says what there is to know, and repeats the run to the same instruction", async () => {
    const failed = await run(
      ["--linux", "prompt", "--capsule", "capsules/one", "--timeout", "3s"],
      "xp",
    );
    expect(failed.status).toBe(6);
    expect(failed.stderr).toContain(
      "see capsules/one; tshyve run --replay capsules/one repeats it",
    );
    const file = (name: string) => readFileSync(room.path(`capsules/one/${name}`), "utf8");
    expect(file("console.log")).toContain("panic: out of tea");
    expect(file("state.txt")).toMatch(/panicked: out of tea \(status 6\)\nafter \d+ instructions/);
    expect(file("state.txt")).toMatch(/\n#0 0x20[0-9a-f]+ at command_p\+0x/);
    expect(file("stats.txt")).toMatch(/number of times in\/out was intercepted +\d+\n/);
    expect(file("images.txt")).toMatch(/^[0-9a-f]{64} {2}\d+ {2}\/.*\/prompt\n$/);
    const repeated = await room.spawn("tshyve", ["run", "--replay", "capsules/one"]);
    expect([repeated.status, repeated.stderr]).toEqual([
      0,
      expect.stringContaining("in the same state"),
    ]);
    expect(repeated.stdout).toBe(failed.stdout);
    const some = ["run", "--replay", "capsules/one", "--max-instructions", "150"];
    expect((await room.spawn("tshyve", some)).stderr).toContain(" 150 instructions, ");
  });

  it("takes the next free name, and notices that a file has changed", async () => {
    const args = ["--linux", "copy", "--capsule", "capsules/two"];
    room.file("copy", promptGuest());
    await run(args, "r");
    const second = await run(args, "t");
    expect(second.stderr).toContain("see capsules/two-2;");
    const same = await room.spawn("tshyve", ["run", "--replay", "capsules/two-2"]);
    expect(same.status).toBe(0);
    room.file("copy", helloGuest());
    const other = await room.spawn("tshyve", ["run", "--replay", "capsules/two-2"]);
    expect([other.status, other.stderr]).toEqual([24, expect.stringContaining("another state")]);
    room.file("capsules/two/capsule.json", "{}");
    const broken = await room.spawn("tshyve", ["run", "--replay", "capsules/two"]);
    expect([broken.status, broken.stderr]).toEqual([
      4,
      expect.stringContaining("is no failure capsule"),
    ]);
  });
});

describe("tshyve run with a FreeBSD image", { timeout: 300_000 }, () => {
  it("boots the guest that comes along, and types a command at its prompt", async () => {
    const ended = await run(["--guest", "teach", "--expect", "triple ", "--", "help"]);
    expect([ended.status, ended.stdout]).toEqual([0, expect.stringContaining("teach> help\r\n")]);
    expect(ended.stdout.match(/User boot/g)).toHaveLength(1);
  });

  it("leaves the image as it was, unless it is told to write", async () => {
    const image = room.path("teach.img");
    const pristine = gunzipSync(readFileSync(join(IMAGES, "teach/teach.img.gz")));
    writeFileSync(image, pristine);
    room.file("write", "expect teach>\ntype disk write changed\nexpect teach>\ntype poweroff\n");
    const args = ["--freebsd", "teach.img", "--script", "write", "--timeout", "60s"];
    const before = statSync(image).mtimeMs;
    expect((await run(args)).stdout).toContain("teach> disk write changed");
    expect(statSync(image).mtimeMs).toBe(before);
    await run([...args, "--write-disks"]);
    expect(readFileSync(image).equals(pristine)).toBe(false);
  });
});
