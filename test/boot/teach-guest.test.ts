// SPDX-License-Identifier: BSD-2-Clause
// A whole guest on the whole machine: loader, processor, timers, interrupts, PCI, disk, serial line.
import { beforeAll, describe, expect, it } from "vitest";
import { committedImage } from "../../images/teach/artefact.ts";
import { SUSPEND_STATUS } from "../../src/vmm/suspend.ts";
import { bundled } from "../support/bundled.ts";
import type { TeachMachine, TeachOptions } from "../support/teach-machine.ts";

const support = await bundled<typeof import("../support/teach-machine.ts")>(
  new URL("../support/teach-machine.ts", import.meta.url),
);
const boot = (disk = committedImage(), options: TeachOptions = {}) =>
  support.TeachMachine.boot(disk, options);

/** The partition that the kernel writes to. */
const NOTES = { start: 936 * 512, end: 968 * 512 };

function withoutNotes(disk: Uint8Array): Uint8Array {
  return disk.slice().fill(0, NOTES.start, NOTES.end);
}

/** Fletcher's sum over 32-bit words, as the guest prints it. */
function fletcher(disk: Uint8Array): string {
  let low = 0;
  let high = 0;
  const view = new DataView(disk.buffer, disk.byteOffset, disk.length);
  for (let at = 0; at < disk.length; at += 4) {
    low = (low + view.getUint32(at, true)) % 0xffff_ffff;
    high = (high + low) % 0xffff_ffff;
  }
  return [high, low].map((word) => word.toString(16).padStart(8, "0")).join("");
}

describe("the teaching guest", { timeout: 60_000 }, () => {
  const disk = committedImage();
  let guest: TeachMachine;
  beforeAll(async () => {
    guest = await boot(disk);
  }, 60_000);

  it("is loaded with the module that is configured, and the one that this needs", () => {
    const lines = guest.loaderText.split("\n");
    const first = lines.indexOf("Loading /boot/defaults/loader.conf");
    expect(lines.slice(first, first + 5)).toEqual([
      "Loading /boot/defaults/loader.conf",
      expect.stringMatching(
        /^\/boot\/kernel\/kernel text=0x\w+ text=0x\w+ data=0x\w+\+0x\w+ syms=\[0x8\+0x\w+\+0x8\+0x\w+\]$/,
      ),
      expect.stringMatching(/^\/boot\/kernel\/virtio_blk\.ko size 0x\w+ at 0x2\w{2}000$/),
      "loading required module 'virtio'",
      expect.stringMatching(/^\/boot\/kernel\/virtio\.ko size 0x\w+ at 0x2\w{2}000$/),
    ]);
  });

  it("finds what the loader has handed over", () => {
    const { bootText } = guest;
    expect(bootText).toMatch(/^Metadata at 0x\w+, first free byte 0x\w+, boothowto 0x1000$/m);
    expect(bootText).toMatch(/^ {2}\/boot\/kernel\/kernel +elf kernel +0x200000, 0x\w+ bytes$/m);
    expect(bootText).toMatch(/^ {2}\/boot\/kernel\/virtio_blk\.ko +elf obj module 0x/m);
    expect(bootText).toMatch(/^ {2}\/boot\/kernel\/virtio\.ko +elf obj module 0x/m);
    expect(bootText).toContain("Environment: root is ufs:/dev/vtbd0p1 on disk0p1:\n");
    expect(bootText).toContain("  0x000000000 - 0x0000a0000     640 KiB  RAM\n");
    expect(bootText).toContain("  0x000100000 - 0x004000000   64512 KiB  RAM\n");
  });

  it("finds the firmware's tables and the disk, through both its modules", () => {
    expect(guest.bootText).toContain("\nACPI: FACP APIC HPET MCFG SPCR\n");
    expect(guest.bootText).toContain("\nvtbd0: 1001 sectors of 512 bytes, BHYVE-");
    expect(guest.bootText).toContain("\nvtbd0: boot number 1 from this disk\n");
  });

  // bhyve's local APIC runs at 2^27 Hz; the TSC at eight times that. The 8254 measures both.
  it("measures the frequencies of TSC and APIC timer to five digits", () => {
    expect(guest.bootText).toContain(
      "\nClocks: TSC 1073.74 MHz, APIC timer 134.21 MHz, 100 ticks a second\n",
    );
  });

  it("lists its commands", () => {
    const names = guest.command("help").match(/^ {2}\w+/gm);
    expect(names?.map((name) => name.trim())).toEqual(
      "bench disk fault help mem pci poweroff reboot time triple".split(" "),
    );
  });

  it("lists the PCI functions with what configuration space says of each", () => {
    expect(guest.command("pci").trimEnd().split("\n")).toEqual([
      expect.stringMatching(/^ {2}0:0:0 +1275:1275 +host bridge *$/),
      expect.stringMatching(
        /^ {2}0:1:0 +1af4:1001 +mass storage io 0x2000 mem 0xc000\w+ .*INTA irq \d+ MSI-X$/,
      ),
      expect.stringMatching(/^ {2}0:31:0 +8086:7000 +ISA bridge *$/),
    ]);
  });

  it("shows its memory", () => {
    const text = guest.command("mem");
    expect(text).toMatch(/^ {2}text +0xffffffff80200000 - 0xffffffff8020\w000$/m);
    expect(text).toMatch(/^Free: 6\d{4} KiB from 0x\w+ on$/m);
  });

  it("walks its page tables to the kernel's text, which it may read and execute", () => {
    const lines = guest.command("mem 0xffffffff80200000").split("\n");
    expect(lines.slice(0, 4).map((line) => line.slice(0, 12))).toEqual([
      "  PML4 [511]",
      "  PDPT [510]",
      "  PD   [  1]",
      "  PT   [  0]",
    ]);
    expect(lines[3]).toMatch(/ -> 0x200000, read, execute$/);
    const code = guest.machine.memory.readable(0x200000, 16)!;
    const hex = [...code].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    expect(lines[4]).toContain(`ffffffff80200000  ${hex}  `);
  });

  it("survives to look where nothing is", () => {
    expect(guest.command("mem 0")).toMatch(
      /PML4 \[ {2}0\] 0{16} nothing here\n#PF page fault at memcpy\+0x\w+: read of 0x0, where nothing is mapped\n$/,
    );
  });

  it.each([
    ["divide", /#DE divide error at divide\+0x7/],
    ["undefined", /#UD invalid opcode at undefined\+0x0/],
    ["canonical", /#GP general protection at noncanonical\+0x0/],
    ["null", /#PF page fault at null\+0x0: read of 0x0, where nothing is mapped/],
    ["text", /#PF page fault at text\+0x0: write to 0xffffffff8020\w+, which is protected/],
    ["execute", /#PF page fault at (0xffffffff8020\w+): fetch from \1, which is protected/],
    ["stack", /#DF double fault at recurse/],
  ])("takes the exception of `fault %s` and goes on", (name, expected) => {
    expect(guest.command(`fault ${name}`)).toMatch(expected);
  });

  it("reads its whole disk", () => {
    expect(guest.command("disk sum")).toContain(`500 KiB, sum ${fletcher(disk)}, `);
  });

  it("reads a sector", () => {
    expect(guest.command("disk read 1").split("\n")[0]).toBe(
      "0000  45 46 49 20 50 41 52 54 00 00 01 00 5c 00 00 00", // EFI PART, UEFI 2.10 table 5-5
    );
  });

  it("finds the partitions of its disk", () => {
    const text = guest.command("disk");
    expect(text).toContain("  vtbd0p1      40 -    935  root\n");
    expect(text).toContain("  vtbd0p2     936 -    967  notes\n");
  });

  it("ticks a hundred times a second, and reads the time of day", () => {
    const lines = guest.command("time 3").trimEnd().split("\n");
    const ticks = lines.map((line) => Number(/, (\d+) ticks$/.exec(line)?.[1]));
    const seconds = lines.map(
      (line) => Date.parse(`${line.slice(0, 19).replace(" ", "T")}Z`) / 1000,
    );
    expect(lines).toHaveLength(4);
    expect(ticks.map((count) => count - ticks[0]!)).toEqual([0, 100, 200, 300]);
    expect(lines[0]).toMatch(/^2012-12-01 00:00:0\d, up \d\.\d{6} s, /);
    expect(seconds[3]! - seconds[0]!).toBe(3);
  });

  it("computes right in every loop of its benchmark", () => {
    const text = guest.command("bench");
    expect(text.match(/ right$/gm)).toHaveLength(7);
    expect(text).not.toContain("WRONG");
  });

  it("edits the line: backspace, Ctrl-U", () => {
    expect(guest.type("rubbish\x15tip\x7fme\r")).toMatch(/\b2012-12-01 /);
  });

  it("says so when it is given what is no command", () => {
    expect(guest.command("frobnicate")).toBe("frobnicate: there is no such command\n");
    expect(guest.command("disk read x")).toBe("disk: 'x' is not a sector\n");
    expect(guest.command("disk read 99999")).toBe("disk: sector 99999 could not be read\n");
    expect(guest.command("time x")).toBe("time: 'x' is not a number of seconds\n");
    expect(guest.command("fault x")).toBe("fault: there is no 'x'\n");
  });
});

describe("the end of the teaching guest", { timeout: 60_000 }, () => {
  it.each([
    ["poweroff", 1],
    ["reboot", 0],
    ["triple", 3],
  ])("is, after `%s`, bhyve's exit status %i", async (command, status) => {
    expect(SUSPEND_STATUS[(await boot()).end(command)]).toBe(status);
  });

  it("leaves on the disk what it wrote, and nothing else changed", async () => {
    const disk = committedImage();
    const first = await boot(disk);
    expect(first.command("disk write to be kept")).toBe("note 1 is on the disk\n");
    first.end("reboot");
    const second = await boot(disk);
    expect(second.bootText).toContain("vtbd0: boot number 2 from this disk\n");
    expect(second.command("disk")).toContain("  boots: 2, notes: 1\n   1  to be kept\n");
    expect(Buffer.compare(withoutNotes(disk), withoutNotes(committedImage()))).toBe(0);
  });
});

describe("the teaching guest, run twice", { timeout: 60_000 }, () => {
  it("retires as many instructions and prints the same, to the last command", async () => {
    const runs = await Promise.all(
      [1, 2].map(async () => {
        const guest = await boot();
        const commands = ["pci", "fault", "disk write again", "disk sum", "time 1"];
        const texts = commands.map((line) => guest.command(line));
        const counts = [guest.retired, guest.machine.clock.now()];
        guest.end("poweroff");
        return { bootText: guest.bootText, texts, counts, retired: guest.retired };
      }),
    );
    expect(runs[0]!.retired).toBeGreaterThan(1_000_000);
    expect(runs[1]).toEqual(runs[0]);
  });
});

describe("the teaching guest on other machines", { timeout: 60_000 }, () => {
  const works = (guest: TeachMachine) => {
    expect(guest.command("disk write here")).toBe("note 1 is on the disk\n");
    expect(guest.command("time 1").trimEnd().split("\n")).toHaveLength(2);
  };

  it("looks at the queue itself where the disk has no MSI-X (-W)", async () => {
    works(await boot(committedImage(), { more: ["-W"] }));
  });

  it("takes the local APIC's registers as MSRs where it starts in x2APIC mode (-x)", async () => {
    works(await boot(committedImage(), { more: ["-x"] }));
  });

  it("finds its console where a PCI UART is at COM1's place (-S 31,uart,stdio)", async () => {
    works(await boot(committedImage(), { platform: ["-A", "-I", "-S", "31,uart,stdio"] }));
  });

  it("runs without ACPI tables, and cannot switch off then", async () => {
    const platform = ["-s", "0,hostbridge", "-s", "31,lpc", "-l", "com1,stdio"];
    const guest = await boot(committedImage(), { platform });
    expect(guest.bootText).toContain("ACPI: no tables\n");
    works(guest);
    expect(guest.command("poweroff")).toMatch(/^poweroff: without ACPI tables/);
    expect(guest.end("reboot")).toBe("reset");
  });

  it("has no disk where that speaks the modern interface alone", async () => {
    const guest = await boot(committedImage(), { diskOptions: ",disable-legacy" });
    expect(guest.command("disk")).toBe("disk: there is none, or no driver for it\n");
  });

  it("hears of a disk that cannot be written to", async () => {
    const guest = await boot(committedImage(), { diskOptions: ",ro" });
    expect(guest.bootText).toContain("vtbd0: could not be written to\n");
    expect(guest.command("disk write lost")).toBe("disk: could not be written to\n");
  });
});
