// SPDX-License-Identifier: BSD-2-Clause
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the loader's own syntax for variables
import { describe, expect, it } from "vitest";
import { diskWith, type Files } from "../../../test/support/boot-image.ts";
import { CommandError } from "./command-error.ts";
import type { ConfDialect } from "./conf-syntax.ts";
import { DeviceTable } from "./devices.ts";
import { Environment } from "./environment.ts";
import { LoaderConf } from "./loader-conf.ts";
import { LoaderFiles } from "./loader-files.ts";
import type { Leave } from "./outcome.ts";

/** Reads a whole configuration. `reboot` in an exec leaves the loader; `bad` fails; the rest is noted. */
async function read(
  files: Files,
  dialect: ConfDialect = "lua",
  preset: Record<string, string> = {},
) {
  const environment = new Environment();
  environment.set("currdev", "disk0p2:");
  for (const [name, value] of Object.entries(preset)) environment.set(name, value);
  let printed = "";
  const commands: string[] = [];
  const conf = new LoaderConf({
    dialect,
    environment,
    files: new LoaderFiles(new DeviceTable(diskWith(files)), environment),
    print: (text) => {
      printed += text;
    },
    execute: async (line): Promise<Leave | undefined> => {
      commands.push(line);
      if (line === "bad") throw new CommandError("no good");
      return line === "reboot" ? { kind: "rebooted" } : undefined;
    },
  });
  const left = await conf.load();
  return { conf, environment, left, commands, printed: () => printed };
}

const DEFAULTS = "/boot/defaults/loader.conf";
const CONF = "/boot/loader.conf";

describe("the files of a configuration", () => {
  const files = {
    [DEFAULTS]: `loader_conf_files="/boot/device.hints ${CONF} /boot/loader.conf.local"
loader_conf_dirs="/boot/loader.conf.d /boot/none"
local_loader_conf_files="/boot/last.conf"
order="defaults"`,
    "/boot/device.hints": 'hint.uart.0.irq="4"\norder="hints"\n',
    [CONF]: 'order="${order} conf"\nloader_conf_files="/boot/extra.conf"\n',
    "/boot/extra.conf": 'order="${order} extra"\n',
    "/boot/loader.conf.local": 'order="${order} local"\n',
    "/boot/loader.conf.d/b.conf": 'order="${order} d"\n',
    "/boot/loader.conf.d/README": 'order="${order} readme"\n',
    "/boot/last.conf": 'order="${order} last"\n',
  };

  it("are read by the Lua loader in this order, each announced", async () => {
    const { environment, printed } = await read(files);
    expect(environment.get("order")).toBe("hints conf extra local d last");
    expect(environment.get("hint.uart.0.irq")).toBe("4");
    expect(printed()).toBe(
      [
        `Loading ${DEFAULTS}`,
        "Loading /boot/device.hints",
        `Loading ${CONF}`,
        "Loading /boot/extra.conf",
        "Loading /boot/loader.conf.local",
        "Loading /boot/loader.conf.d/b.conf",
        "Failed to load conf dir '/boot/none': not a directory",
        "Loading /boot/last.conf",
        "",
      ].join("\n"),
    );
  });

  it("are read by the Forth loader without the directories, and in silence", async () => {
    const { environment, printed } = await read(files, "forth");
    expect(environment.get("order")).toBe("hints conf extra local");
    expect(environment.get("loader_conf_files")).toBe("/boot/extra.conf");
    expect(printed()).toBe("");
  });

  it("are read once, also when they name themselves", async () => {
    const { environment } = await read({
      [DEFAULTS]: `loader_conf_files="${CONF}"`,
      [CONF]: `n="\${n}x"\nloader_conf_files="${CONF} ${DEFAULTS}"`,
    });
    expect(environment.get("n")).toBe("x");
  });

  it("have stand-ins where an image has no defaults", async () => {
    const { conf, environment } = await read({ [CONF]: 'a="1"\n' }, "forth", { kernel: "mine" });
    expect(environment.get("a")).toBe("1");
    expect(environment.get("kernel")).toBe("mine");
    expect(environment.get("bootfile")).toBe("kernel");
    expect(conf.hasReadAny).toBe(true);
  });
});

describe("what is wrong in a file", () => {
  const text = 'a="1"\n\nthis is wrong\nb="2"\n';

  it("costs the Lua loader that line", async () => {
    const { environment, printed } = await read({ [DEFAULTS]: text });
    expect([environment.get("a"), environment.get("b")]).toEqual(["1", "2"]);
    expect(printed()).toContain("Malformed line (3):\n\t'this is wrong'\n");
    expect(printed()).toContain(`Failed to parse config: '${DEFAULTS}'`);
  });

  it("costs the Forth loader the rest of the file, and points at it", async () => {
    const { conf, environment, printed } = await read({ [DEFAULTS]: text }, "forth");
    expect([environment.get("a"), environment.get("b")]).toEqual(["1", undefined]);
    expect(printed()).toBe(
      `Warning: syntax error on file ${DEFAULTS}, line 3\nthis is wrong\n     ^\n`,
    );
    expect(conf.hasReadAny).toBe(false);
  });

  it("in a value is said as well", async () => {
    const lua = await read({ [DEFAULTS]: 'a="x$"\nb="2"\n' });
    expect(lua.printed()).toContain("Failed to parse variable 'a': Unescaped $ at end of line");
    expect(lua.environment.get("b")).toBe("2");
    const forth = await read({ [DEFAULTS]: 'a="${x"\n' }, "forth");
    expect(forth.printed()).toContain(
      `Warning: bad definition on file ${DEFAULTS}, line 1\na="\${x"\n`,
    );
  });

  it("may be that a variable doubles for ever", async () => {
    const { environment, printed } = await read({
      [DEFAULTS]: `a="xx"\n${'a="${a}${a}"\n'.repeat(40)}z="1"`,
    });
    expect(printed()).toMatch(/the value is too long|no room for variable 'a'/);
    expect(environment.get("z")).toBe("1");
  });

  it("is a file too large to be a text", async () => {
    const { printed } = await read({ [DEFAULTS]: "#".repeat(2 ** 20 + 1) });
    expect(printed()).toContain("too many for a text");
  });
});

describe("statements about modules", () => {
  const files = {
    [DEFAULTS]: `b_load="NO"
a_load="YES"
b_name="bee"
b_type="md_image"
a_flags="-x \${y}"
b_load="yes"
module_blacklist="drm, radeon;x"
`,
  };

  it("are kept in the order of first mention, as they stand", async () => {
    const { conf } = await read(files);
    expect([...conf.modules]).toEqual([
      ["b", { load: "yes", name: "bee", type: "md_image" }],
      ["a", { load: "YES", flags: "-x ${y}" }],
    ]);
    expect([...conf.blacklist()]).toEqual(["drm", "radeon", "x"]);
  });

  it("are forgotten by a reload, which also takes variables back", async () => {
    const { conf, environment } = await read(
      { [DEFAULTS]: 'a="conf"\nb="conf"\nm_load="YES"\n' },
      "lua",
      {
        a: "preset",
      },
    );
    environment.set("b", "changed at the prompt");
    conf.optionsOf("other").load = "YES";
    await conf.reload();
    expect([...conf.modules.keys()]).toEqual(["m"]);
    expect(environment.get("a")).toBe("conf");
    expect(environment.get("b")).toBe("conf");
  });
});

describe("exec", () => {
  it("runs a command on the spot, may fail, and may leave the loader", async () => {
    const { commands, left, printed, environment } = await read({
      [DEFAULTS]: 'exec="echo hi"\nexec="bad"\nexec="reboot"\na="never"\n',
    });
    expect(commands).toEqual(["echo hi", "bad", "reboot"]);
    expect(printed()).toContain("no good\nFailed to exec 'bad'\n");
    expect(left).toEqual({ kind: "rebooted" });
    expect(environment.has("a")).toBe(false);
  });
});

describe("verbose_loading and nextboot", () => {
  it.each(["lua", "forth"] as const)("are understood (%s)", async (dialect) => {
    const files = {
      [DEFAULTS]: 'verbose_loading="YES"\nnextboot_conf="/boot/nextboot.conf"\nkernel="kernel"\n',
      "/boot/nextboot.conf": 'nextboot_enable="YES"\nkernel="once"\n',
    };
    const armed = await read(files, dialect);
    expect(armed.conf.isVerbose).toBe(true);
    expect(armed.environment.get("kernel")).toBe("once");
    expect(armed.environment.get("nextboot_enable")).toBe("NO");
    const disarmed = await read(
      { ...files, "/boot/nextboot.conf": 'nextboot_enable="NO"\nkernel="once"\n' },
      dialect,
    );
    expect(disarmed.environment.get("kernel")).toBe("kernel");
    const forbidden = await read(files, dialect, { nextboot_enable: "NO" });
    expect(forbidden.environment.get("kernel")).toBe("kernel");
  });
});
