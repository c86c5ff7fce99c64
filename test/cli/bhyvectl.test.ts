// SPDX-License-Identifier: BSD-2-Clause
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CommandRoom, type Ended, PROGRAM } from "../support/commands.ts";
import {
  NMI_GUEST,
  POWERED_OFF_GUEST,
  SPINNING_GUEST,
  WITH_CONSOLE,
} from "../support/small-guests.ts";

const TIMEOUT = 60_000;

let room: CommandRoom;
beforeAll(async () => {
  room = new CommandRoom();
  await room.run("tshyve", ["kldload", "vmm"]);
}, TIMEOUT);
afterAll(() => room.close());

function ctl(vm: string, ...args: string[]): Promise<Ended> {
  return room.run("bhyvectl", [`--vm=${vm}`, ...args]);
}

/** What an option prints, as one line. */
async function shown(vm: string, ...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await ctl(vm, ...args);
  if (status !== 0) throw new Error(stderr);
  return stdout.trimEnd();
}

describe("bhyvectl's command line", { timeout: TIMEOUT }, () => {
  it.each([
    [["--vm=x", "--no-such-flag"], "unrecognized option `--no-such-flag'"],
    [["--vm=x", "-x"], "illegal option -- x"],
    [["--vm=x", "--create=1"], "option `--create' doesn't allow an argument"],
    [["--vm=x", "--set-rip"], "option `--set-rip' requires an argument"],
    [["--vm=x", "--get-c"], "option `--get-c' is ambiguous"],
    [["--get-all"], "--vm=<vmname> is required"],
    [["--vm=x", "--get-vmcb-asid"], "unrecognized option `--get-vmcb-asid'"],
  ])("%j: usage, and status 1", async (args, message) => {
    const { status, stdout, stderr } = await room.run("bhyvectl", args);
    expect(stderr).toContain(`bhyvectl: ${message}\nUsage: bhyvectl --vm=<vmname>\n`);
    expect(stderr).toContain("       [--get-stats]\n");
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
  });

  it("is a program's", async () => {
    const ended = await room.spawn("bhyvectl", ["--vm=alone", "--create", "--get-cs", "--destroy"]);
    expect(ended).toMatchObject({ status: 0, stdout: "cs[0]\t\t0xf000\n", stderr: "" });
  });

  it("opens nothing that is not there", async () => {
    const { status, stderr } = await ctl("nobody", "--get-rip");
    expect(status).toBe(1);
    expect(stderr).toBe(
      "bhyvectl: vm_open: nobody could not be opened: No such file or directory\n",
    );
  });
});

describe("an empty VM", { timeout: TIMEOUT }, () => {
  it("is created once, shown as after a reset, and destroyed", async () => {
    expect(await ctl("empty", "--create")).toMatchObject({ status: 0, stdout: "", stderr: "" });
    expect(await ctl("empty", "--create")).toMatchObject({
      status: 255,
      stdout: "errno = 17\n",
      stderr: "bhyvectl: VM empty exists already\n",
    });
    // SDM 3A table 9-1.
    expect(await shown("empty", "--get-rip", "--get-desc-cs")).toBe(
      "rip[0]\t\t0x000000000000fff0\ncs desc[0]\t0x00000000ffff0000/0x0000ffff/0x00000093",
    );
    expect(await shown("empty", "--get-memseg")).toBe("ID  Length      Name");
    expect(await ctl("empty", "--set-rip=0")).toMatchObject({
      status: 255,
      stdout: "errno = 37\n",
    });
    expect(await ctl("empty", "--destroy")).toMatchObject({ status: 0, stdout: "" });
    expect(await ctl("empty", "--destroy")).toMatchObject({ status: 1 });
  });

  it("is made, given memory and registers, asked and destroyed in one command", async () => {
    const { status, stdout } = await ctl(
      "brief",
      ...["--destroy", "--get-rip", "--get-lowmem", "--get-memmap"],
      ...["--set-rip=0x7c00", "--set-mem", "33", "--create"],
    );
    expect(stdout).toBe(
      [
        "Address     Length      Segment     Offset      Prot  Flags",
        "0           34MB        sysmem      0           RWX   ",
        "lowmem\t\t0x0000000000000000/35651584",
        "rip[0]\t\t0x0000000000007c00\n",
      ].join("\n"),
    );
    expect(status).toBe(0);
    expect((await room.run("tshyve", ["ls"])).stdout).not.toContain("brief");
  });

  it("keeps the memory it has", async () => {
    await ctl("sized", "--create", "--set-lowmem=32", "--set-highmem=32");
    expect(await ctl("sized", "--set-mem=64")).toMatchObject({ status: 0 });
    expect(await ctl("sized", "--set-mem=128")).toMatchObject({
      status: 255,
      stderr: "bhyvectl: VM sized has 64 MiB of memory already\n",
    });
    expect(await room.spawn("bhyve", ["sized"])).toMatchObject({
      status: 4,
      stderr: expect.stringContaining("cannot be booted: no kernel is loaded"),
    });
  });
});

describe("a loaded VM at rest", { timeout: TIMEOUT }, () => {
  beforeAll(() => room.load("rest", SPINNING_GUEST), TIMEOUT);

  it("tells everything at once", async () => {
    const lines = (await shown("rest", "--get-all")).split("\n");
    expect(lines).toContain(`rip[0]\t\t0x${PROGRAM.toString(16).padStart(16, "0")}`);
    expect(lines).toContain("cs[0]\t\t0x0010");
    expect(lines).toContain("active cpus:\t (none)");
    expect(lines).toContain("cpu_topology:\tsockets=1, cores=1, threads=1, maxcpus=1");
    expect(lines).toContain("total number of vm exits                \t0");
    // No line of it is missing, doubled or out of bhyve's order.
    const firsts = lines.map((line) => line.split(/[[\t:]/)[0]!.replace(/ desc$/, ".desc"));
    expect(firsts.slice(0, 36).join(" ")).toBe(
      "ID  Length      Name 0   32MB        sysmem " +
        "Address     Length      Segment     Offset      Prot  Flags " +
        "0           32MB        sysmem      0           RWX    " +
        "efer cr0 cr2 cr3 cr4 dr0 dr1 dr2 dr3 dr6 dr7 rsp rip rax rbx rcx rdx rsi rdi rbp " +
        "r8 r9 r10 r11 r12 r13 r14 r15 rflags ds.desc es.desc fs.desc",
    );
  });

  it.each([
    ["--set-rax=0xdeadbeefcafe0001", "--get-rax", "rax[0]\t\t0xdeadbeefcafe0001"],
    ["--set-rsp=4096", "--get-rsp", "rsp[0]\t\t0x0000000000001000"],
    ["--set-rip=-1", "--get-rip", "rip[0]\t\t0xffffffffffffffff"],
    ["--set-rflags=0x246", "--get-rflags", "rflags[0]\t0x0000000000000246"],
    ["--set-cr2=017", "--get-cr2", "cr2[0]\t\t0x000000000000000f"],
    ["--set-cr3=0x2000", "--get-cr3", "cr3[0]\t\t0x0000000000002000"],
    ["--set-cr4=0x620", "--get-cr4", "cr4[0]\t\t0x0000000000000620"],
    ["--set-efer=0xd01", "--get-efer", "efer[0]\t\t0x0000000000000d01"],
    ["--set-dr3=0x99", "--get-dr3", "dr3[0]\t\t0x0000000000000099"],
    ["--set-dr7=0x401", "--get-dr7", "dr7[0]\t\t0x0000000000000401"],
    ["--set-fs=0x2b", "--get-fs", "fs[0]\t\t0x002b"],
    ["--set-x2apic-state=1", "--get-x2apic-state", "x2apic_state[0]\t1"],
    ["--inject-nmi", "--get-intinfo", "pending:\tn/a\ncurrent:\tnmi vector 2"],
    ["--set-rtc-time=86400", "--get-rtc-time", "rtc time 0x15180: Fri Jan 02 00:00:00 1970"],
  ])("takes %s", async (set, get, line) => {
    expect(await shown("rest", set, get)).toBe(line);
    // Also for whoever comes later; a clock goes on.
    if (get !== "--get-rtc-time") expect(await shown("rest", get)).toBe(line);
  });

  it("takes descriptors, capabilities and bytes of the RTC's memory", async () => {
    const place = ["--desc-base=0xffff800000000000", "--desc-limit=0xfff", "--desc-access=0xc093"];
    expect(await shown("rest", "--set-desc-gs", ...place, "--get-desc-gs")).toBe(
      "gs desc[0]\t0xffff800000000000/0x00000fff/0x0000c093",
    );
    expect(await shown("rest", "--set-desc-idtr", ...place, "--get-desc-idtr")).toBe(
      "idtr[0]\t\t0xffff800000000000/0x00000fff",
    );
    await ctl("rest", "--capname=hlt_exit", "--setcap=1");
    expect(await shown("rest", "--capname=hlt_exit", "--getcap")).toBe(
      'Capability "hlt_exit" is set on vcpu 0',
    );
    await ctl("rest", "--rtc-nvram-offset=0x50", "--set-rtc-nvram=0xa5");
    expect(await shown("rest", "--rtc-nvram-offset=80", "--get-rtc-nvram")).toBe(
      "rtc nvram[080]: 0xa5",
    );
  });

  it.each([
    [["--set-cr0=0x80000000"], 22, "cr0 cannot be 0x80000000: PG without PE"],
    [["--set-rax=zebra"], 22, "--set-rax takes a number, not 'zebra'"],
    [["--cpu=1", "--get-rip"], 22, "VM rest has no vCPU 1: only 0"],
    [["--capname=bpt_exit", "--setcap=1"], 2, 'Capability "bpt_exit" is not available'],
    [
      ["--rtc-nvram-offset=1", "--set-rtc-nvram=1"],
      22,
      "rtc nvram[1] cannot be written: it is the clock's own, or outside of it",
    ],
    [["--assert-lapic-lvt=7"], 22, "the local APIC has no LVT 7: expected 0 to 6"],
    [
      ["--get-vmcs-link"],
      45,
      "--get-vmcs-link: this machine runs without hardware virtualization and has no VMCS",
    ],
  ])("refuses %j", async (args, errno, sentence) => {
    expect(await ctl("rest", ...args)).toEqual({
      status: 255,
      signal: undefined,
      stdout: `errno = ${errno}\n`,
      stderr: `bhyvectl: ${sentence}\n`,
    });
  });

  it("is not destroyed if something before that failed", async () => {
    await ctl("rest", "--set-rax=zebra", "--destroy");
    expect((await room.run("tshyve", ["ls"])).stdout.split("\n")).toContain("rest");
  });

  it("can be stopped before it has run, once", async () => {
    await room.load("unused", SPINNING_GUEST);
    expect(await ctl("unused", "--force-poweroff")).toMatchObject({ status: 0 });
    expect(await ctl("unused", "--force-reset")).toMatchObject({
      status: 255,
      stderr: "bhyvectl: VM unused has been stopped already: poweroff\n",
    });
    expect(await room.spawn("bhyve", ["unused"])).toMatchObject({ status: 4 });
  });
});

describe("a running VM", { timeout: TIMEOUT }, () => {
  async function started(vm: string, program: readonly number[]) {
    await room.load(vm, program);
    const bhyve = room.start("bhyve", [...WITH_CONSOLE, vm]);
    await bhyve.printed("U");
    return bhyve;
  }

  it.each([
    ["--force-reset", 0],
    ["--force-poweroff", 1],
  ])("ends by %s with bhyve's status %i", async (flag, expected) => {
    const bhyve = await started("forced", SPINNING_GUEST);
    expect(await ctl("forced", flag)).toMatchObject({ status: 0, stdout: "", stderr: "" });
    expect(await bhyve.ended).toMatchObject({ status: expected, stderr: "" });
    expect(await shown("forced", "--get-active-cpus", "--get-suspended-cpus")).toBe(
      "active cpus:\t 0\nsuspended cpus:\t 0",
    );
    await ctl("forced", "--destroy");
  });

  it("shows its registers and statistics, and goes on", async () => {
    const bhyve = await started("seen", SPINNING_GUEST);
    const spin = PROGRAM + SPINNING_GUEST.length - 2;
    expect(await shown("seen", "--get-rip", "--get-rax", "--get-active-cpus")).toBe(
      `rip[0]\t\t0x${spin.toString(16).padStart(16, "0")}\n` +
        "rax[0]\t\t0x0000000000000055\nactive cpus:\t 0",
    );
    const retired = async () =>
      Number(/instructions retired\s+(\d+)/.exec(await shown("seen", "--get-stats"))![1]);
    const before = await retired();
    expect(before).toBeGreaterThan(3);
    // On a busy host the VM's thread may not have had its turn since.
    await expect.poll(retired, { timeout: 20_000 }).toBeGreaterThan(before);
    const stats = await shown("seen", "--get-stats");
    expect(stats).toMatch(/^vcpu0 stats:\n/);
    expect(stats).toContain("number of times in/out was intercepted  \t1\n");
    expect(await ctl("seen", "--destroy")).toMatchObject({ status: 255, stdout: "errno = 16\n" });
    expect(await ctl("seen", "--force-poweroff", "--destroy")).toMatchObject({ status: 0 });
    expect(await bhyve.ended).toMatchObject({ status: 1, stdout: "U" });
    expect((await room.run("tshyve", ["ls"])).stdout).not.toContain("seen");
  });

  it("is steered by setting its registers", async () => {
    const bhyve = await started("steered", [...SPINNING_GUEST, ...POWERED_OFF_GUEST]);
    const second = PROGRAM + SPINNING_GUEST.length;
    expect(await ctl("steered", `--set-rip=${second}`)).toMatchObject({ status: 0 });
    expect(await bhyve.ended).toMatchObject({ status: 1, stdout: "UU" });
    // What it counted is there until it is loaded again.
    expect(await shown("steered", "--get-stats")).toContain(
      "number of times in/out was intercepted  \t3\n",
    );
    expect(await shown("steered", "--get-exit-reason")).toBe("exit_reason[0]\t0x1e");
  });

  it("takes NMIs, from both ways in", async () => {
    const bhyve = await started("nmi", NMI_GUEST);
    await ctl("nmi", "--inject-nmi");
    await bhyve.printed("UN");
    await ctl("nmi", "--assert-lapic-lvt=1");
    await bhyve.printed("UNN");
    expect(await shown("nmi", "--get-stats")).toContain(
      "number of NMIs delivered to vcpu        \t2\n",
    );
    await ctl("nmi", "--force-poweroff");
    expect(await bhyve.ended).toMatchObject({ status: 1 });
  });
});
