// SPDX-License-Identifier: BSD-2-Clause
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { equalBytes } from "../../test/support/bytes.ts";
import { buildQcow2 } from "../../test/support/qcow2-image.ts";
import type { BlockBackend, BlockRequest, BlockStatus } from "../devices/backend/block-backend.ts";
import { parseBlockOptions, parseImagePath } from "../devices/virtio/block/options.ts";
import { openDisk, openDiskSource } from "./disk-image.ts";

const BYTES = 200 * 1024;

let directory: string;
let warnings: string[];
let opened: BlockBackend[];

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), "disk-"));
  warnings = [];
  opened = [];
});

afterEach(() => {
  for (const disk of opened) disk.close();
  fs.rmSync(directory, { recursive: true });
});

const inside = (name: string) => path.join(directory, name);

/** Opens a disk as behind `-s 3,virtio-blk,`; `@` stands for the directory. */
function open(text: string): BlockBackend {
  const { file } = parseBlockOptions(text.replaceAll("@", `${directory}/`));
  const disk = openDisk(file, (message) => warnings.push(message));
  opened.push(disk);
  return disk;
}

/** What a loader sees of it. */
function load(text: string): Uint8Array {
  const { path: name, image } = parseImagePath(text.replaceAll("@", `${directory}/`));
  const source = openDiskSource(name, image);
  return source.read(0, source.size);
}

function submit(disk: BlockBackend, request: BlockRequest): BlockStatus {
  const statuses: BlockStatus[] = [];
  disk.submit(request, (status) => statuses.push(status));
  expect(statuses).toHaveLength(1);
  return statuses[0]!;
}

function write(disk: BlockBackend, sector: number, value: number): BlockStatus {
  const buffers = [new Uint8Array(512).fill(value), new Uint8Array(512).fill(value + 1)];
  return submit(disk, { kind: "write", offset: sector * 512, buffers });
}

function read(disk: BlockBackend, sector: number): number {
  const buffers = [new Uint8Array(512)];
  expect(submit(disk, { kind: "read", offset: sector * 512, buffers })).toBe("ok");
  return buffers[0]![511]!;
}

function raw(name: string, value = 0x11): Uint8Array {
  const bytes = new Uint8Array(BYTES).fill(value);
  fs.writeFileSync(inside(name), bytes);
  return bytes;
}

function qcow2(name: string, plan: Partial<Parameters<typeof buildQcow2>[0]> = {}): void {
  fs.writeFileSync(inside(name), buildQcow2({ sizeBytes: BYTES, clusterBits: 12, ...plan }));
}

describe("a disk's format", () => {
  it("is qcow2 if the file is named so, or the user says so", () => {
    qcow2("a.qcow2");
    qcow2("b.img");
    expect(open("@a.qcow2").sizeBytes).toBe(BYTES);
    expect(open("@b.img,format=qcow2").sizeBytes).toBe(BYTES);
    expect(load("@a.qcow2")).toHaveLength(BYTES);
    expect(load("@b.img,format=qcow2")).toHaveLength(BYTES);
  });

  it("stays raw though a guest writes a qcow2 header to it, which is refused until the user decides", () => {
    raw("disk.img");
    const header = buildQcow2({ sizeBytes: BYTES, backingName: "/etc/passwd" }).subarray(0, 4096);
    const disk = open("@disk.img");
    expect(submit(disk, { kind: "write", offset: 0, buffers: [header] })).toBe("ok");
    disk.close();
    const sentence =
      "looks like qcow2 and is not named so: say format=qcow2 if you know that it is";
    expect(() => open("@disk.img")).toThrow(sentence);
    expect(() => load("@disk.img")).toThrow(sentence);
    expect(() => open("@disk.img,overlay=@o.qcow2")).toThrow(sentence);
    expect(open("@disk.img,format=raw").sizeBytes).toBe(BYTES);
    expect(equalBytes(load("@disk.img,format=raw").subarray(0, 4096), header)).toBe(true);
  });

  it("is not what it was said to be: a sentence", () => {
    raw("a.qcow2");
    expect(() => open("@a.qcow2")).toThrow("it does not begin as a qcow2 image does");
    expect(() => load("@a.qcow2")).toThrow("it does not begin as a qcow2 image does");
    expect(() => open("@none.qcow2")).toThrow("none.qcow2 does not exist");
  });
});

describe("a qcow2 disk", () => {
  it("reads and writes as a raw one, keeps what was flushed, and can be read-only", () => {
    qcow2("a.qcow2");
    const disk = open("@a.qcow2,ser=X");
    expect(disk).toMatchObject({ sectorBytes: 512, physicalSectorBytes: 4096, canDiscard: false });
    expect([write(disk, 7, 0x40), read(disk, 7), read(disk, 8), read(disk, 9)]).toEqual([
      "ok",
      0x40,
      0x41,
      0,
    ]);
    expect(submit(disk, { kind: "flush" })).toBe("ok");
    const readOnly = open("@a.qcow2,ro");
    expect([read(readOnly, 8), write(readOnly, 8, 1)]).toEqual([0x41, "read-only"]);
    expect(submit(disk, { kind: "write-zeroes", offset: 7 * 512, length: 512 })).toBe("ok");
    expect([read(disk, 7), read(disk, 8)]).toEqual([0, 0x41]);
    expect(submit(disk, { kind: "discard", offset: 0, length: 512 })).toBe("unsupported");
  });

  it.each(["sync", "direct", "nocache"])("with %s has each write in the file at once", (option) => {
    qcow2("a.qcow2");
    write(open(`@a.qcow2,${option}`), 3, 0x77);
    expect(read(open("@a.qcow2,ro"), 3)).toBe(0x77);
  });

  it("that is damaged answers with errors, and the user hears why once", () => {
    qcow2("a.qcow2");
    const file = fs.readFileSync(inside("a.qcow2"));
    file.writeBigUInt64BE(2n ** 50n, Number(file.readBigUInt64BE(40)));
    fs.writeFileSync(inside("a.qcow2"), file);
    const disk = open("@a.qcow2,ro");
    const request = { kind: "read", offset: 0, buffers: [new Uint8Array(512)] } as const;
    expect([submit(disk, request), submit(disk, request)]).toEqual(["error", "error"]);
    expect(warnings).toEqual([
      `disk image ${inside("a.qcow2")} is damaged: L2 table 0 lies outside the file`,
    ]);
  });

  it("is of whole sectors", () => {
    qcow2("a.qcow2", { sizeBytes: BYTES + 512 });
    expect(() => open("@a.qcow2,sectorsize=4096")).toThrow(
      "not a multiple of its 4096-byte sectors",
    );
  });
});

describe("the base that an image names", () => {
  it("is not opened: the user has to name it", () => {
    raw("base.img");
    qcow2("a.qcow2", { backingName: inside("base.img") });
    const sentence = `holds the changes to a base that it calls "${inside("base.img")}": name the base you trust with backing=path`;
    expect(() => open("@a.qcow2")).toThrow(sentence);
    expect(() => load("@a.qcow2")).toThrow(sentence);
    const disk = open("@a.qcow2,backing=@base.img");
    expect([read(disk, 5), write(disk, 6, 0x22), read(disk, 5), read(disk, 6)]).toEqual([
      0x11,
      "ok",
      0x11,
      0x22,
    ]);
    disk.close();
    expect(load("@a.qcow2,backing=@base.img")[6 * 512]).toBe(0x22);
    expect(equalBytes(fs.readFileSync(inside("base.img")), new Uint8Array(BYTES).fill(0x11))).toBe(
      true,
    );
  });

  it.each(["a.img", "a.qcow2"])("is refused for %s, which has none", (name) => {
    raw("a.img");
    qcow2("a.qcow2");
    expect(() => open(`@${name},backing=@a.img`)).toThrow(
      `${name} has no base: leave backing= away, or did you mean overlay=?`,
    );
  });

  it("may not have one itself", () => {
    qcow2("a.qcow2", { backingName: "b" });
    expect(() => open("@a.qcow2,backing=@a.qcow2")).toThrow("name the base you trust");
  });
});

describe("an overlay", () => {
  it("takes what is written, and leaves the base as it is, byte for byte", () => {
    const bytes = raw("base.img");
    const { mtimeMs } = fs.statSync(inside("base.img"));
    fs.chmodSync(inside("base.img"), 0o444);
    const disk = open("@base.img,overlay=@work");
    expect(disk).toMatchObject({
      sizeBytes: BYTES,
      isReadOnly: false,
      identity: inside("base.img"),
    });
    expect([write(disk, 1, 0x50), read(disk, 0), read(disk, 1), read(disk, 3)]).toEqual([
      "ok",
      0x11,
      0x50,
      0x11,
    ]);
    disk.close();
    expect(equalBytes(fs.readFileSync(inside("base.img")), bytes)).toBe(true);
    expect(fs.statSync(inside("base.img")).mtimeMs).toBe(mtimeMs);
    // Used again when it is there, also by the loader and for reading alone.
    expect(read(open("@base.img,overlay=@work"), 2)).toBe(0x51);
    expect(read(open("@base.img,ro,overlay=@work"), 2)).toBe(0x51);
    expect(load("@base.img,overlay=@work")[512]).toBe(0x50);
    expect(warnings).toEqual([]);
    expect(fs.readdirSync(directory).sort()).toEqual(["base.img", "work"]);
  });

  it("that is not there is not made for somebody who only reads", () => {
    raw("base.img");
    expect(load("@base.img,overlay=@work")[0]).toBe(0x11);
    expect(() => open("@base.img,ro,overlay=@work")).toThrow("work does not exist");
    expect(fs.readdirSync(directory)).toEqual(["base.img"]);
  });

  it("lies on qcow2 as well, also on one with a base", () => {
    raw("root.img", 0x33);
    qcow2("base.qcow2", { backingName: "root.img" });
    const text = "@base.qcow2,backing=@root.img,overlay=@work";
    write(open(text), 0, 0x60);
    for (const disk of opened.splice(0)) disk.close();
    const again = open(text);
    expect([read(again, 0), read(again, 2)]).toEqual([0x60, 0x33]);
  });

  it("is a disk of its own, with the base named by the user", () => {
    raw("base.img");
    const disk = open("@base.img,overlay=@work.qcow2");
    write(disk, 0, 0x70);
    disk.close();
    expect(read(open("@work.qcow2,backing=@base.img"), 1)).toBe(0x71);
    raw("other.img", 0x12);
    expect(() => open("@work.qcow2,backing=@other.img")).toThrow("over another disk than");
  });

  it("is refused over another base, another size, or what was written since", () => {
    raw("base.img");
    open("@base.img,overlay=@work").close();
    raw("other.img", 0x12);
    expect(() => open("@other.img,overlay=@work")).toThrow(
      `overlay ${inside("work")} was made over another disk than ${inside("other.img")}, or that was written to since`,
    );
    fs.writeFileSync(inside("small.img"), new Uint8Array(1024).fill(0x11));
    expect(() => open("@small.img,overlay=@work")).toThrow(
      `overlay ${inside("work")} was made over a disk of ${BYTES} bytes, and ${inside("small.img")} has 1024`,
    );
    raw("base.img", 0x13);
    expect(() => load("@base.img,overlay=@work")).toThrow("or that was written to since");
  });

  it("over a base that is newer than it says so", () => {
    raw("base.img");
    open("@base.img,overlay=@work").close();
    fs.utimesSync(inside("base.img"), 1e9, 1e9);
    open("@base.img,overlay=@work");
    expect(warnings).toEqual([
      `${inside("base.img")} was changed after the overlay ${inside("work")} was made: if it was not only copied, the overlay no longer fits it`,
    ]);
  });

  it("never replaces a file that is something else", () => {
    const bytes = raw("base.img");
    fs.writeFileSync(inside("letter"), "Dear Sir");
    expect(() => open("@base.img,overlay=@letter")).toThrow(
      `${inside("letter")} cannot be an overlay: it is there already, and is something else`,
    );
    expect(() => open("@base.img,overlay=@base.img")).toThrow("is something else");
    qcow2("foreign.qcow2");
    expect(() => open("@base.img,overlay=@foreign.qcow2")).toThrow("was not made by tshyve");
    expect(fs.readFileSync(inside("letter"), "utf8")).toBe("Dear Sir");
    expect(equalBytes(fs.readFileSync(inside("base.img")), bytes)).toBe(true);
  });

  it.each([
    ["@base.img,overlay=@no/such/work", "cannot make the overlay"],
    ["@none.img,overlay=@work", "disk image @none.img does not exist"],
    ["@odd.img,overlay=@work", "odd.img has 1000 bytes, and a base has whole sectors of 512"],
  ])("%s: a sentence", (text, sentence) => {
    raw("base.img");
    fs.writeFileSync(inside("odd.img"), new Uint8Array(1000));
    expect(() => open(text)).toThrow(sentence.replaceAll("@", `${directory}/`));
    expect(fs.existsSync(inside("work"))).toBe(false);
  });

  it("in memory is forgotten", () => {
    const bytes = raw("base.img");
    const disk = open("@base.img,overlay=memory");
    expect([write(disk, 0, 0x20), read(disk, 1)]).toEqual(["ok", 0x21]);
    disk.close();
    expect(open("@base.img,ro,overlay=memory").isReadOnly).toBe(true);
    expect(equalBytes(fs.readFileSync(inside("base.img")), bytes)).toBe(true);
  });
});
