// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { diskWith, forthFiles, hostWith, luaFiles } from "../../../test/support/boot-image.ts";
import { TEST_KERNEL_ENTRY } from "../../../test/support/elf-image.ts";
import {
  atPrompt,
  preloadRecords,
  recordTexts,
  session,
} from "../../../test/support/loader-session.ts";
import { mutated } from "../../../test/support/mutation.ts";
import { SeededRandom } from "../../../test/support/random.ts";
import { GuestMemory, MIB } from "../../mmu/guest-memory.ts";
import { SymbolTable } from "../symbols.ts";

const ENTER = "\r";
const KERNEL = "/boot/kernel/kernel";

describe("an image of the Forth times boots", () => {
  it("with the lines of a bhyveload session of 2012", async () => {
    const { result, console } = await session([ENTER], { files: forthFiles() });
    expect(result.kind).toBe("booted");
    expect(console.lines.slice(0, 7)).toEqual([
      "Consoles: userboot",
      "",
      "FreeBSD/amd64 User boot, Revision 1.1",
      "Loading /boot/defaults/loader.conf",
      "/boot/kernel/kernel text=0x100 data=0x40+0x400 syms=[0x8+0x30+0x8+0x7]",
      "/boot/kernel/virtio_blk.ko size 0x2c8 at 0x203000",
      "loading required module 'virtio'",
    ]);
    expect(console.lines[7]).toBe("/boot/kernel/virtio.ko size 0x1f8 at 0x204000");
    expect(console.text.trimEnd().endsWith("Booting...")).toBe(true);
  });

  it("after the countdown if nobody is there, in ten seconds", async () => {
    const { result, console } = await session([], { files: forthFiles() });
    expect(result.kind).toBe("booted");
    expect(console.elapsedMs).toBe(10_000);
  });

  it("the way its own loader.rc says: words it knows, Forth passed over", async () => {
    const rc = `\\ Loader.rc
include /boot/loader.4th
try-include /boot/loader.rc.local
initialize
drop
s" currdev" getenv type
check-password
include /boot/beastie.4th
beastie-start
`;
    const { result, console } = await session([ENTER], {
      files: forthFiles({ "/boot/loader.rc": rc, "/boot/loader.4th": "", "/boot/beastie.4th": "" }),
    });
    expect(result.kind).toBe("booted");
    // `initialize` loads nothing: the kernel comes when the menu boots.
    expect(console.lines[4]!.startsWith("/boot/kernel/kernel")).toBe(false);
    expect(console.text).toContain("Autoboot in 9 seconds");
    expect(console.text).toContain("/boot/kernel/kernel text=");
  });

  it("says how many lines of Forth it did not run", async () => {
    const { console } = await session([], {
      files: forthFiles({ "/boot/loader.rc": "start\n: x 1 ;\nx\n" }),
    });
    expect(console.text).toContain("/boot/loader.rc: 2 lines of Forth were not run");
  });

  it("by boot.conf where there is no loader.rc", async () => {
    const { result, console } = await session([], {
      files: forthFiles({
        "/boot/boot.conf": "load /boot/kernel/kernel\n-load nothing\nboot -v\n",
      }),
    });
    expect(console.text).toContain("can't find 'nothing'");
    expect(result.kind).toBe("booted");
  });
});

describe("an image of the Lua times boots", () => {
  it("with a line for each configuration file", async () => {
    const { result, console } = await session([ENTER]);
    expect(result.kind).toBe("booted");
    expect(console.lines.slice(2, 9)).toEqual([
      "FreeBSD/amd64 User boot lua, Revision 1.2",
      "Loading /boot/defaults/loader.conf",
      "Loading /boot/defaults/loader.conf",
      "Loading /boot/device.hints",
      "Loading /boot/loader.conf",
      "Loading /boot/loader.conf.local",
      "Loading /boot/loader.conf.d/10-net.conf",
    ]);
    expect(console.text).toContain(
      "Loading kernel...\n/boot/kernel/kernel text=0x100 data=0x40+0x400 0x8+0x30+0x8+0x7\nLoading configured modules...\n",
    );
  });

  it("without a menu when beastie_disable is set, and counts down in words", async () => {
    const { result, console } = await session([2500, ENTER], {
      files: luaFiles({ "/boot/loader.conf": 'beastie_disable="YES"\n' }),
    });
    expect(result.kind).toBe("booted");
    expect(console.elapsedMs).toBe(2500);
    expect(console.text).toContain("Hit [Enter] to boot immediately");
    expect(console.text).toContain("Booting [/boot/kernel/kernel] in 8 seconds...");
    expect(console.text).not.toContain("Welcome");
  });
});

describe("what a booted kernel is given", () => {
  it("is its entry, and the registers of vm_setup_freebsd_registers", async () => {
    const { result, memory } = await session([ENTER]);
    if (result.kind !== "booted") throw new Error("did not boot");
    expect(result.entry.rip).toBe(TEST_KERNEL_ENTRY);
    expect(result.kernelPath).toBe(KERNEL);
    const { start, end } = result.symbols!;
    const symbols = SymbolTable.fromSymbolBlock(memory.readable(start, end - start)!);
    expect(symbols.lookup(TEST_KERNEL_ENTRY)?.name).toBe("btext");
  });

  it("is the files in the order of loading", async () => {
    const { memory } = await session([ENTER]);
    expect(recordTexts(memory, 1)).toEqual([
      KERNEL,
      "/boot/kernel/virtio_blk.ko",
      "/boot/kernel/virtio.ko",
    ]);
  });

  it("is every variable of the loader, the root from fstab among them", async () => {
    const { kenv } = await session([ENTER]);
    expect(Object.fromEntries(kenv)).toMatchObject({
      LINES: "24",
      boot_serial: "1",
      console: "userboot",
      currdev: "disk0p2:",
      loaddev: "disk0p2:",
      "hint.uart.0.flags": "0x10",
      hostname: "tiny",
      kernelname: KERNEL,
      "script.lang": "lua",
      "smbios.bios.vendor": "BHYVE",
      "vfs.root.mountfrom": "ufs:/dev/vtbd0p2",
      "vfs.root.mountfrom.options": "rw",
    });
    expect(kenv.has("loader_conf_files")).toBe(false);
  });

  it("is a boothowto of RB_SERIAL, from bhyveload's boot_serial", async () => {
    const { memory } = await session([ENTER]);
    const howto = preloadRecords(memory).find((record) => record.type === 0x8007)!;
    expect(howto.data.readUInt32LE(0)).toBe(0x1000);
  });

  it("may be told otherwise by -e", async () => {
    const { kenv } = await session([ENTER], {
      variables: ["boot_serial=NO", "vfs.root.mountfrom=zfs:tank", "loaddev=disk9:"],
    });
    expect(kenv.get("boot_serial")).toBe("NO");
    expect(kenv.get("vfs.root.mountfrom")).toBe("zfs:tank");
    expect(kenv.get("loaddev")).toBe("disk0p2:");
  });
});

describe("where it boots from", () => {
  it("is the host's directory when there is no disk", async () => {
    const { kenv } = await session([ENTER], { devices: hostWith(luaFiles()) });
    expect(kenv.get("currdev")).toBe("host0:");
  });

  it("is the first disk, with the host's directory beside it", async () => {
    const devices = [
      ...hostWith(luaFiles()),
      ...diskWith(forthFiles()),
      ...diskWith(luaFiles(), 1),
    ];
    const { kenv } = await session([ENTER], { devices });
    expect(kenv.get("currdev")).toBe("disk0p2:");
    expect(kenv.get("script.lang")).toBe("forth");
  });

  it("is the disk as a whole when no part of it can be booted", async () => {
    const { answers } = await atPrompt(["show currdev"], {
      devices: diskWith(luaFiles()).map((device) => ({ ...device, bootPreference: 0 })),
    });
    expect(answers).toEqual(["disk0:"]);
  });

  it("may be a bare tree: a kernel, and nothing else", async () => {
    const files = { [KERNEL]: luaFiles()[KERNEL]! };
    const { result, console, kenv } = await session([], { devices: hostWith(files) });
    expect(result.kind).toBe("booted");
    expect(console.text).toContain("/boot/kernel/kernel text=");
    expect(kenv.has("vfs.root.mountfrom")).toBe(false);
  });
});

describe("an image that cannot be booted", () => {
  const { [KERNEL]: _, ...noKernel } = forthFiles();

  it("without a kernel ends at the prompt, with the loader's words", async () => {
    const { result, console } = await session([], { files: noKernel });
    expect(result.kind).toBe("quit");
    expect(console.text).toContain("can't find 'kernel'\nUnable to load a kernel!\n");
    expect(console.text).toContain("can't load 'kernel'\nno valid kernel found\n");
    expect(console.text.trimEnd().endsWith("OK")).toBe(true);
  });

  it("without a kernel, in the Lua loader's words", async () => {
    const { [KERNEL]: __, ...files } = luaFiles();
    const { console } = await session([ENTER], { files });
    expect(console.text).toContain("Loading kernel...\nFailed to load kernel 'kernel'\n");
    expect(console.text).toContain("can't load 'kernel'\nno bootable kernel\nExiting menu!\n");
  });

  it("with a damaged kernel says what is wrong with it", async () => {
    const { console } = await session([], {
      files: forthFiles({ [KERNEL]: "this is no kernel" }),
    });
    expect(console.text).toContain(
      "can't load file '/boot/kernel/kernel': /boot/kernel/kernel is not an ELF file",
    );
  });

  const withBigFile = (sizeBytes: number) =>
    session([ENTER], {
      memory: new GuestMemory(32 * MIB),
      files: luaFiles({
        "/boot/loader.conf": 'big_load="YES"\nbig_type="md_image"\nbig_name="/big"\n',
        "/big": new Uint8Array(sizeBytes),
      }),
    });

  it("as a whole boots without the file that does not fit, and says so", async () => {
    const { result, console, memory } = await withBigFile(31 * MIB);
    expect(result.kind).toBe("booted");
    expect(console.text).toContain("/big does not fit into the first 32 MiB of guest memory");
    expect(recordTexts(memory, 1)).toEqual([KERNEL]);
  });

  it("for want of a page for the kernel's lists says so, and stays", async () => {
    const { result, console } = await withBigFile(32 * MIB - 0x20_3000);
    expect(result.kind).toBe("quit");
    expect(console.text).toContain("/big size=0x1dfd000\n");
    expect(console.text).toContain("the kernel's environment and module list does not fit");
  });

  it("with no disk at all still has a prompt", async () => {
    const { result, console } = await session(["ls\r", "quit\r"], { devices: [] });
    expect(result.kind).toBe("quit");
    expect(console.text).toContain("open '/' failed: no such file or directory");
  });
});

describe("a password", () => {
  it("locks the boot until it is right", async () => {
    const { result, console } = await session(["wrong\r", 4000, "right\r", ENTER], {
      files: luaFiles({ "/boot/loader.conf": 'bootlock_password="right"\n' }),
    });
    expect(result.kind).toBe("booted");
    expect(console.text).toContain("Bootlock password:\nloader: incorrect password");
    expect(console.output).not.toContain("wrong");
  });

  it("stands before the prompt, not before the countdown", async () => {
    const files = forthFiles({ "/boot/loader.conf": 'password="pw"\n' });
    expect((await session([], { files })).result.kind).toBe("booted");
    const stopped = await session([" ", "no\r"], { files });
    expect(stopped.result.kind).toBe("quit");
    expect(stopped.console.text).toContain("Password:\nloader: incorrect password");
  });
});

it("an image with damaged text files boots, or ends at the prompt", async () => {
  const random = new SeededRandom(0xb007);
  const texts = [
    "/boot/defaults/loader.conf",
    "/boot/loader.conf",
    "/boot/device.hints",
    "/etc/fstab",
  ];
  const kinds = new Set<string>();
  for (let i = 0; i < 150; i++) {
    const image = { ...(i % 2 === 0 ? luaFiles() : forthFiles({ "/boot/loader.rc": "start\n" })) };
    for (const path of [...texts, "/boot/loader.rc", "/boot/kernel/linker.hints"]) {
      const content = image[path];
      if (content === undefined || random.below(2) === 0) continue;
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      image[path] = mutated(bytes, random);
    }
    const { result } = await session([ENTER, "boot\r"], { files: image, isTerminal: i % 3 === 0 });
    kinds.add(result.kind);
  }
  expect(kinds.has("booted")).toBe(true);
});

it("scripts that call each other for ever come to an end", async () => {
  const { console } = await session([], {
    isTerminal: false,
    files: forthFiles({
      "/boot/loader.rc": "include /a\ninclude /b\n",
      "/a": "include /a\n",
      "/b": "echo b\n".repeat(20_000),
    }),
  });
  expect(console.text).toContain("scripts run scripts too deeply");
  expect(console.text).toContain("too many commands in scripts");
});
