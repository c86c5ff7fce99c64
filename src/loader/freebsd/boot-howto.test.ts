// SPDX-License-Identifier: BSD-2-Clause
import { expect, it } from "vitest";
import { bootHowto } from "./boot-howto.ts";

function howto(args: string | undefined, initial: Record<string, string> = {}) {
  const variables = new Map(Object.entries(initial));
  const word = bootHowto(args, {
    get: (name) => variables.get(name),
    set: (name, value) => void variables.set(name, value),
  });
  return { word, variables };
}

// sys/sys/reboot.h gives the values.
it.each<[string | undefined, Record<string, string>, number]>([
  [undefined, {}, 0],
  [undefined, { boot_serial: "1" }, 0x1000],
  [undefined, { boot_serial: "NO", boot_single: "no", boot_verbose: "" }, 0x800],
  ["-s", { boot_serial: "1" }, 0x1002],
  ["-asvd", {}, 0x1 | 0x2 | 0x800 | 0x40],
  ["-D -h", {}, 0x2000_0000 | 0x1000],
  ["-C\t-g\n-m -p -r -P", {}, 0x2000 | 0x8000 | 0x1_0000 | 0x10_0000 | 0x20 | 0x1000_0000],
  ["-xyz", {}, 0],
  [undefined, { boot_askname: "yes", boot_ddb: "1", boot_multicons: "1" }, 0x2000_0041],
  [undefined, { console: "comconsole" }, 0x1000],
  [undefined, { console: "vidconsole,comconsole" }, 0x2000_1000],
  [undefined, { console: "vidconsole", boot_serial: "1" }, 0x2000_0000],
  [undefined, { console: "nullconsole" }, 0x1_0000],
  [undefined, { console: "userboot" }, 0],
])("arguments %j with %j make boothowto %i", (args, variables, word) => {
  expect(howto(args, variables).word).toBe(word);
});

it("arguments without a dash become variables, and -S the serial speed", () => {
  const { word, variables } = howto("-vS115200 foo=bar baz");
  expect(word).toBe(0x800);
  expect([...variables]).toEqual([
    ["comconsole_speed", "115200"],
    ["foo", "bar"],
    ["baz", "1"],
  ]);
});
