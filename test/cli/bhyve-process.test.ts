// SPDX-License-Identifier: BSD-2-Clause
// What bhyve does with its process: signals, streams, status.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CommandRoom, RunningCommand } from "../support/commands.ts";
import {
  ACPI_GUEST,
  ECHO_GUEST,
  LINES_GUEST,
  POWERED_OFF_GUEST,
  SPINNING_GUEST,
  TALKING_GUEST,
  WITH_CONSOLE,
} from "../support/small-guests.ts";
import { findTool } from "../support/tools.ts";

const TIMEOUT = 60_000;

let room: CommandRoom;
beforeAll(async () => {
  room = new CommandRoom();
  await room.run("tshyve", ["kldload", "vmm"]);
}, TIMEOUT);
afterAll(() => room.close());

async function started(program: readonly number[], ...options: string[]): Promise<RunningCommand> {
  await room.load("vm", program);
  const bhyve = room.start("bhyve", [...WITH_CONSOLE, ...options, "vm"], "pipe");
  await bhyve.printed("U");
  return bhyve;
}

/** The same on a terminal of its own, whose state before and after is in files of these names. */
async function onTerminal(program: readonly number[]): Promise<RunningCommand> {
  await room.load("vm", program);
  const words = [process.execPath, room.program("bhyve"), ...WITH_CONSOLE, "vm"];
  const line = `stty -a >before; ${words.map((word) => `'${word}'`).join(" ")}; stty -a >after`;
  const env = { ...process.env, TSHYVE_VMM_DIR: room.path("vmm"), SHELL: "/bin/sh" };
  const options = { cwd: room.directory, env };
  return new RunningCommand(spawn("script", ["-qec", line, "/dev/null"], options));
}

/** The VM was let go of in order: nobody runs it, and its last state is there. */
async function expectKept(): Promise<void> {
  const { stdout } = await room.run("bhyvectl", ["--vm=vm", "--get-rax", "--get-active-cpus"]);
  expect(stdout).toBe("rax[0]\t\t0x0000000000000055\nactive cpus:\t 0\n");
}

describe("bhyve's process", { timeout: TIMEOUT }, () => {
  it("presses the power button on SIGTERM once the guest's ACPI listens", async () => {
    const bhyve = await started(ACPI_GUEST, "-A");
    bhyve.process.kill("SIGTERM");
    expect(await bhyve.ended).toMatchObject({ status: 1, signal: undefined, stderr: "" });
  });

  it.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)(
    "is ended by %s otherwise, and the VM's state is kept",
    async (signal) => {
      const bhyve = await started(SPINNING_GUEST);
      bhyve.process.kill(signal);
      expect(await bhyve.ended).toMatchObject({ status: undefined, signal, stderr: "" });
      await expectKept();
    },
  );

  it("ends quietly when nobody reads its output any more", async () => {
    const bhyve = await started(TALKING_GUEST);
    bhyve.process.stdout?.destroy();
    expect(await bhyve.ended).toMatchObject({ status: 141, stderr: "" });
    await expectKept();
  });

  it("goes on when its input ends", async () => {
    const bhyve = await started(ECHO_GUEST);
    bhyve.process.stdin?.end("typed");
    await bhyve.printed("Utyped");
    expect((await room.run("bhyvectl", ["--vm=vm", "--force-reset"])).status).toBe(0);
    expect(await bhyve.ended).toMatchObject({ status: 0, stdout: "Utyped" });
  });

  it("needs no open streams at all", async () => {
    await room.load("vm", POWERED_OFF_GUEST);
    const command = `exec "$0" "$@" <&- >&- 2>&-`;
    const script = room.path("dist/bhyve.js");
    const args = ["-c", command, process.execPath, script, ...WITH_CONSOLE, "vm"];
    const env = { ...process.env, TSHYVE_VMM_DIR: room.path("vmm") };
    const { ended } = new RunningCommand(spawn("/bin/sh", args, { cwd: room.directory, env }));
    expect(await ended).toMatchObject({ status: 1 });
  });

  it.skipIf(findTool("script") === undefined)(
    "gives Ctrl-C on a terminal to the guest, and puts the terminal back",
    async () => {
      const terminal = await onTerminal(ECHO_GUEST);
      await terminal.printed("U");
      terminal.process.stdin?.write("a\x03b");
      await terminal.printed("Ua\x03b");
      await room.run("bhyvectl", ["--vm=vm", "--force-poweroff"]);
      await terminal.ended;
      expect(readFileSync(room.path("after"), "utf8")).toBe(
        readFileSync(room.path("before"), "utf8"),
      );
    },
  );

  it.skipIf(findTool("script") === undefined)(
    "sends a terminal the line ends that the guest has sent",
    async () => {
      const { ended } = await onTerminal(LINES_GUEST);
      expect((await ended).stdout).toBe("U\r\n50%\r100%\r\r\nlast\r");
    },
  );

  it("warns of a console that no bridge leads to", async () => {
    await room.load("vm", POWERED_OFF_GUEST);
    expect(await room.spawn("bhyve", ["-l", "com1,stdio", "vm"])).toMatchObject({
      status: 1,
      stdout: "",
      stderr: "bhyve: com1 is not there without an LPC bridge: add -s 31,lpc\n",
    });
  });

  it("writes the trace that was asked for, and none otherwise", async () => {
    const file = room.path("run.trace");
    const options = ["-o", "trace=port+insn", "-o", `trace.file=${file}`];
    const bhyve = await started(POWERED_OFF_GUEST, ...options);
    expect(await bhyve.ended).toMatchObject({ status: 1 });
    const lines = readFileSync(file, "utf8").split("\n");
    expect(lines[0]).toBe("0 insn 0x0000000000100000 66baf803             mov dx, 0x3f8");
    expect(lines).toContain("3 port out 0x03f8 size 1 value 0x55");
    expect(lines).toContain("6 port out 0x0404 size 2 value 0x3400");
  });

  it("tells its guest's calls while that runs", async () => {
    const bhyve = await started(SPINNING_GUEST);
    const map = room.file("System.map", "0000000000100000 T start\n");
    const { stdout } = await room.run("tshyve", ["backtrace", "-s", map, "vm"]);
    expect(stdout).toBe("#0 0x100007 at start+0x7\n");
    expect(await room.run("tshyve", ["backtrace", "-s", "/no/such.map", "vm"])).toMatchObject({
      status: 1,
      stderr: "tshyve backtrace: cannot open /no/such.map: there is no such file\n",
    });
    bhyve.process.kill("SIGINT");
    await bhyve.ended;
    expect((await room.run("tshyve", ["backtrace", "-s", map, "vm"])).stdout).toBe(stdout);
  });

  it("shows what its guest's code becomes while that runs, and afterwards", async () => {
    const bhyve = await started(SPINNING_GUEST);
    const map = room.file("System.map", "0000000000100000 T start\n");
    const file = room.path("unit.wasm");
    const args = ["jit", "--vm=vm", "--address=0x100000", `--symbols=${map}`, `--wasm=${file}`];
    const { stdout } = await room.run("tshyve", args);
    expect(stdout).toMatch(
      /^0x100000: \d+ blocks?, \d+ instructions, [\d,]+ bytes of WebAssembly\n/,
    );
    expect(stdout).toMatch(/^0x100000 +\d+ +interpreter, entered once$/m);
    expect(stdout).toContain("\n0x100000 <start>:\n");
    expect(stdout).toContain("func $u0 (param i32) (result i32)\n");
    expect(WebAssembly.validate(readFileSync(file))).toBe(true);
    expect(await room.run("tshyve", ["jit", "--vm=vm", "--wasm=/no/such/file"])).toMatchObject({
      status: 1,
      stderr: "tshyve jit: cannot write /no/such/file: its directory does not exist\n",
    });
    bhyve.process.kill("SIGINT");
    await bhyve.ended;
    const atRest = (await room.run("tshyve", args)).stdout;
    expect(atRest).toContain("\nThe VM is at rest: what ran how often is forgotten.\n");
    const guest = (text: string) => text.slice(text.indexOf("\n0x100000 <start>:\n"));
    expect(guest(atRest)).toBe(guest(stdout));
  });

  it("shows where its guest spends its instructions, while that runs", async () => {
    const bhyve = await started(SPINNING_GUEST);
    const map = room.file("System.map", "0000000000100000 T start\n");
    const args = ["jit", "--vm=vm", `--symbols=${map}`];
    const hot = await room.run("tshyve", [...args, "--hot=3", "--by=function", "--seconds=0.5"]);
    expect(hot.stderr).toBe("");
    const lines = hot.stdout.split("\n");
    expect(lines[0]).toMatch(
      /^VM vm: 0.5 seconds, [\d,]+ instructions, \d+\.\d % of them in units$/,
    );
    expect(lines[2]).toMatch(/^ *share +translated +hottest at +mode +blocks +run by +name$/);
    expect(lines[3]).toMatch(/^100\.0 % +\d+ % +0x10000\d +kernel +\d+ +unit \d+ +start$/);
    const { stdout } = await room.run("tshyve", [...args, "--address=0x100007"]);
    expect(stdout).toMatch(/^block +instructions +of the latest --hot +run by$/m);
    expect(stdout).toMatch(/^0x100007 +\d+ +\d+\.\d % +unit \d+$/m);
    bhyve.process.kill("SIGINT");
    await bhyve.ended;
  });

  it("is reached by a name as long as names may be", async () => {
    const vm = "n".repeat(229);
    await room.run("bhyvectl", [`--vm=${vm}`, "--create"]);
    await room.load("vm", SPINNING_GUEST);
    const kernel = room.path("vm.elf");
    const loaded = await room.run("tshyve", ["linuxload", "-k", kernel, "-m", "32", vm]);
    expect(loaded.stderr).toBe("");
    const bhyve = room.start("bhyve", [...WITH_CONSOLE, vm]);
    await bhyve.printed("U");
    expect(await room.run("bhyvectl", [`--vm=${vm}`, "--force-reset"])).toMatchObject({
      status: 0,
      stderr: "",
    });
    expect((await bhyve.ended).status).toBe(0);
  });
});

describe("bhyve's configuration", { timeout: TIMEOUT }, () => {
  it("comes from files, variables and flags, the last word counting", async () => {
    const file = room.file(
      "vm.conf",
      "# a machine\n\n  acpi_tables=yes\nmemory.size=64M\npci.0.31.0.device=lpc\nx86.strictio=on\n",
    );
    const args = ["-k", file, "-o", "x86.strictio=off", "-m", "128M", "-o", "config.dump=1", "vm1"];
    const { status, stdout } = await room.spawn("bhyve", args);
    expect(stdout).toBe(
      [
        "acpi_tables=yes",
        "config.dump=1",
        "memory.size=128M",
        "name=vm1",
        "pci.0.31.0.device=lpc",
        "x86.strictio=off\n",
      ].join("\n"),
    );
    expect(status).toBe(1);
  });

  it("runs a VM that is described in a file alone", async () => {
    await room.load("vm", POWERED_OFF_GUEST);
    const file = room.file(
      "whole.conf",
      "name=vm\npci.0.31.0.device=lpc\nlpc.com1.path=%(console)\nconsole=stdio\n",
    );
    expect(await room.spawn("bhyve", ["-k", file])).toMatchObject({
      status: 1,
      stdout: "U",
      stderr: "",
    });
  });

  it.each([
    [["-k", "/no/such.conf", "vm"], "cannot read /no/such.conf: there is no such file"],
    [["-o", "novalue", "vm"], "invalid configuration option 'novalue': expected name=value"],
    [["-o", "acpi_tables=maybe", "vm"], "Invalid value 'maybe' for boolean variable 'acpi_tables'"],
    [["-o", "cpu=z80", "vm"], "Invalid value 'z80' for variable 'cpu': expected x86-64-v2"],
    [
      ["-o", "memory.size=%(a)", "-o", "a=%(memory.size)", "vm"],
      "configuration variables refer to each other",
    ],
  ])("%j is refused with status 4", async (args, message) => {
    const { status, stderr } = await room.spawn("bhyve", args);
    expect(stderr).toContain(message);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(status).toBe(4);
  });
});
