// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { parseBlockOptions, parseImagePath } from "./options.ts";

const PLAIN = { format: undefined, backing: undefined, overlay: undefined };

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
        image: PLAIN,
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
      image: PLAIN,
    });
  });

  it.each([
    ["d,sync", "isSync", true],
    ["d,ro=true", "isReadOnly", true],
    ["d,ro=off", "isReadOnly", false],
    ["d,nodelete=no", "canDiscard", true],
    ["d,format=qcow2,backing=b", "image", { ...PLAIN, format: "qcow2", backing: "b" }],
    ["d,overlay=o,format=raw", "image", { ...PLAIN, format: "raw", overlay: "o" }],
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
    ["d,format=vmdk", 'a disk\'s format is raw or qcow2, and not "vmdk"'],
    ["d,overlay=", "option overlay needs a value"],
    ["d,backing", "option backing needs a value"],
    ["d,sectorsize=", 'Invalid sector size ""'],
    ["d,sectorsize=256", 'Invalid sector size "256"'],
    ["d,sectorsize=1000", 'Invalid sector size "1000"'],
    ["d,sectorsize=4096/512", 'Invalid sector size "4096/512"'],
    ["d,sectorsize=512/", 'Invalid sector size "512/"'],
  ])("%j is refused in one sentence", (text, sentence) => {
    expect(() => parseBlockOptions(text)).toThrow(sentence);
  });
});

describe("a disk for the loader", () => {
  it.each([
    ["a.img", "a.img", PLAIN],
    ["a,b.img", "a,b.img", PLAIN],
    ["a,b.img,format=qcow2", "a,b.img", { ...PLAIN, format: "qcow2" }],
    ["a,overlay=o,backing=b", "a", { ...PLAIN, overlay: "o", backing: "b" }],
  ])("%s is the image %s", (text, path, image) => {
    expect(parseImagePath(text)).toEqual({ path, image });
  });

  it("has one of the formats there are", () => {
    expect(() => parseImagePath("a,format=vdi")).toThrow("a disk's format is raw or qcow2");
  });
});
