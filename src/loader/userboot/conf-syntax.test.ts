// SPDX-License-Identifier: BSD-2-Clause
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the loader's own syntax for variables
import { describe, expect, it } from "vitest";
import { mutated } from "../../../test/support/mutation.ts";
import { SeededRandom } from "../../../test/support/random.ts";
import { type ConfStatement, expandLuaValue, parseConfLine } from "./conf-syntax.ts";

const blank: ConfStatement = { kind: "blank" };
const variable = (name: string, value: string): ConfStatement => ({
  kind: "variable",
  name,
  value,
});
const module = (name: string, field: "load" | "name" | "flags" | "before", value: string) =>
  ({ kind: "module", module: name, field, value }) satisfies ConfStatement;
const exec = (command: string): ConfStatement => ({ kind: "exec", command });
const malformed = (column = 0): ConfStatement => ({ kind: "malformed", column });

describe("a line that both loaders take alike", () => {
  it.each<[string, ConfStatement]>([
    ["", blank],
    ["  \t ", blank],
    ['# kernel="other"', blank],
    ["   # indented", blank],
    ['virtio_load="YES"', module("virtio", "load", "YES")],
    ["virtio_load=YES", module("virtio", "load", "YES")],
    ['  virtio_load = "YES"  # comment', module("virtio", "load", "YES")],
    ['hostuuid_name="/etc/hostid"', module("hostuuid", "name", "/etc/hostid")],
    ['if_vtnet_flags="-a b"', module("if_vtnet", "flags", "-a b")],
    [
      'exec="echo Loading /boot/defaults/loader.conf"',
      exec("echo Loading /boot/defaults/loader.conf"),
    ],
  ])("%j", (line, statement) => {
    expect(parseConfLine(line, "lua")).toEqual(statement);
    expect(parseConfLine(line, "forth")).toEqual(statement);
  });
});

describe("a line in the Lua loader's eyes", () => {
  it.each<[string, ConfStatement]>([
    ['kernel="kernel"', variable("kernel", "kernel")],
    ["autoboot_delay=3", variable("autoboot_delay", "3")],
    ["autoboot_delay=-1", variable("autoboot_delay", "-1")],
    ['hint.uart.0.flags="0x10"', variable("hint.uart.0.flags", "0x10")],
    ['0numeric="x"', variable("0numeric", "x")],
    ['a=""', variable("a", "")],
    // From the first quote to the last of the line.
    ['a="b" # say "c"', variable("a", 'b" # say "c')],
    ['a="it\\"s"', variable("a", 'it\\"s')],
    // No dot in a module's name: this is a variable.
    ['hw.foo_name="x"', variable("hw.foo_name", "x")],
    ['kernel="kernel"\r', variable("kernel", "kernel")],
    ["a=", malformed()],
    ['a="open', malformed()],
    ["a=b c", malformed()],
    ['a="b" c', malformed()],
    ["just words", malformed()],
    ["_a=b", malformed()],
    ["exec=reboot", variable("exec", "reboot")],
    ['exec="a" b', malformed()],
    ["virtio_load=", malformed()],
    ["a=$b", malformed()],
  ])("%j", (line, statement) => {
    expect(parseConfLine(line, "lua")).toEqual(statement);
  });

  const lookup = (name: string) => ({ b: "B", "dev.x": "D" })[name];
  it.each([
    ["plain", "plain"],
    ["$b/x", "B/x"],
    ["${b}x", "Bx"],
    ["$dev.x", "D"],
    ["\\$b", "$b"],
    ['say \\"hi\\"', 'say "hi"'],
    ["\\\\", "\\"],
    ["$unknown.", ""],
    ["${unknown}.", "."],
  ])("has the value %j expanded to %j", (value, expanded) => {
    expect(expandLuaValue(value, lookup)).toEqual({ ok: true, value: expanded });
  });

  it.each([
    ['a"b', "Stray quote at position '2'"],
    ["ab\\", "Stray escape at end of line"],
    ["ab$", "Unescaped $ at end of line"],
    ["a$-", "Malformed variable expression at position '2'"],
    ["${b", "Malformed variable expression at position '1'"],
  ])("has the value %j refused: %s", (value, reason) => {
    expect(expandLuaValue(value, lookup)).toEqual({ ok: false, reason });
  });
});

describe("a line in the Forth loader's eyes", () => {
  it.each<[string, ConfStatement]>([
    // The quotes stay: the value goes through a `set` command.
    ['kernel="kernel"', variable("kernel", '"kernel"')],
    ["autoboot_delay=-1", variable("autoboot_delay", "-1")],
    ['a="b" # say "c"', variable("a", '"b"')],
    ['a="it\\"s"', variable("a", '"it"s"')],
    ['a="${b}"', variable("a", '"${b}"')],
    ['hw.foo_load="YES"', module("hw.foo", "load", "YES")],
    ['foo_before="echo a"', module("foo", "before", "echo a")],
    ["exec=reboot", exec("reboot")],
    ['nextboot_enable="NO"', variable("nextboot_enable", '"NO"')],
    ["_load=YES", malformed(0)],
    ["0numeric=x", malformed(0)],
    ["a=", malformed(2)],
    ['a="open', malformed(2)],
    ["a=b c", malformed(4)],
    ["a=_b", malformed(2)],
    ["a b", malformed(2)],
    ['kernel="kernel"\r', malformed(15)],
  ])("%j", (line, statement) => {
    expect(parseConfLine(line, "forth")).toEqual(statement);
  });
});

it("any bytes make a statement, quickly", () => {
  const random = new SeededRandom(0xc0f);
  const lines = ['virtio_load="YES" # x', 'exec="echo ${a}"', 'hint.a.0.b = "c\\"d"', "a=b"];
  const kinds = new Set<string>();
  for (let i = 0; i < 4000; i++) {
    const bytes = mutated(new TextEncoder().encode(lines[i % 4]!), random);
    const line = new TextDecoder().decode(bytes);
    for (const dialect of ["lua", "forth"] as const) {
      const statement = parseConfLine(line, dialect);
      kinds.add(statement.kind);
      if (statement.kind === "variable") expandLuaValue(statement.value, () => "x");
    }
  }
  expect([...kinds].sort()).toEqual(["blank", "exec", "malformed", "module", "variable"]);
  for (const c of [" ", "a", '"', "=", "\\", "${", "_load"]) {
    const long = c.repeat(100_000);
    parseConfLine(`a${long}`, "lua");
    parseConfLine(`a="${long}`, "forth");
    expandLuaValue(long, () => undefined);
  }
});
