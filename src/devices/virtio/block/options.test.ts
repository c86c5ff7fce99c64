// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { parseBlockOptions } from "./options.ts";

describe("the options of a disk", () => {
  it("are bhyve's", () => {
    const text = "/a.img,nocache,direct,ro,nodelete,sectorsize=512/4096,ser=D1";
    expect(parseBlockOptions(text)).toEqual({
      file: {
        path: "/a.img",
        isReadOnly: true,
        isUncached: true,
        isSync: true,
        canDiscard: false,
        sectorSize: { logicalBytes: 512, physicalBytes: 4096 },
      },
      serial: "D1",
      rest: new Map(),
    });
  });

  it("may all be left out", () => {
    expect(parseBlockOptions("disk.img").file).toEqual({
      path: "disk.img",
      isReadOnly: false,
      isUncached: false,
      isSync: false,
      canDiscard: true,
      sectorSize: undefined,
    });
  });

  it.each([
    ["d,sync", "isSync", true],
    ["d,ro=true", "isReadOnly", true],
    ["d,ro=off", "isReadOnly", false],
    ["d,nodelete=no", "canDiscard", true],
    ["d,sectorsize=4096", "sectorSize", { logicalBytes: 4096, physicalBytes: 4096 }],
  ] as const)("%s means %s %j", (text, name, value) => {
    expect(parseBlockOptions(text).file[name]).toEqual(value);
  });

  it("leave what they do not know to the device", () => {
    const { rest, serial } = parseBlockOptions("d,disable-modern,serial=X,latency=3");
    expect([...rest]).toEqual([
      ["disable-modern", true],
      ["latency", "3"],
    ]);
    expect(serial).toBe("X");
  });

  it.each([
    [undefined, "a disk needs the path of its image"],
    ["", "a disk needs the path of its image"],
    [",ro", "a disk needs the path of its image"],
    ["d,ro=maybe", 'Invalid value "maybe" for boolean variable ro'],
    ["d,ser", "option ser needs a value"],
    ["d,sectorsize=", 'Invalid sector size ""'],
    ["d,sectorsize=256", 'Invalid sector size "256"'],
    ["d,sectorsize=1000", 'Invalid sector size "1000"'],
    ["d,sectorsize=4096/512", 'Invalid sector size "4096/512"'],
    ["d,sectorsize=512/", 'Invalid sector size "512/"'],
  ])("%j is refused in one sentence", (text, sentence) => {
    expect(() => parseBlockOptions(text)).toThrow(sentence);
  });
});
