// SPDX-License-Identifier: BSD-2-Clause
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { BlockBackend, BlockRequest, BlockStatus } from "../devices/backend/block-backend.ts";
import { parseBlockOptions } from "../devices/virtio/block/options.ts";
import { GuestMemory, MIB } from "../mmu/guest-memory.ts";
import { sizeByReading } from "./disk-file.ts";
import { openBlockFile } from "./file-block-backend.ts";

const BYTES = 64 * 512;

let directory: string;
let image: string;
let warnings: string[];
let opened: BlockBackend[];

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), "block-"));
  image = path.join(directory, "disk.img");
  fs.writeFileSync(
    image,
    Uint8Array.from({ length: BYTES }, (_, i) => (i >> 9) + 1),
  );
  warnings = [];
  opened = [];
});

afterEach(() => {
  for (const backend of opened) backend.close();
  fs.rmSync(directory, { recursive: true });
});

function open(options = "", file = image): BlockBackend {
  const parsed = parseBlockOptions(`${file}${options}`).file;
  const backend = openBlockFile(parsed, (message) => warnings.push(message));
  opened.push(backend);
  return backend;
}

function submit(backend: BlockBackend, request: BlockRequest): BlockStatus {
  const statuses: BlockStatus[] = [];
  backend.submit(request, (status) => statuses.push(status));
  expect(statuses).toHaveLength(1);
  return statuses[0]!;
}

describe("a disk in a file", () => {
  it("has the file's size, and 512-byte sectors on 4 KiB blocks unless told otherwise", () => {
    expect(open()).toMatchObject({
      sizeBytes: BYTES,
      sectorBytes: 512,
      physicalSectorBytes: 4096,
      isReadOnly: false,
      canDiscard: false,
      identity: image,
    });
    expect(open(",sectorsize=1024/2048")).toMatchObject({
      sectorBytes: 1024,
      physicalSectorBytes: 2048,
    });
  });

  it("moves data between the file and scattered windows on guest memory", () => {
    const memory = new GuestMemory(32 * MIB);
    const backend = open();
    const windows = [0x1000, 0x5000, 0x3000].map((gpa) => memory.writable(gpa, 512)!);
    expect(submit(backend, { kind: "read", offset: 512, buffers: windows })).toBe("ok");
    expect([0x1000, 0x5000, 0x3000].map((gpa) => memory.load(gpa, 1))).toEqual([2, 3, 4]);
    expect(submit(backend, { kind: "write", offset: 5120, buffers: windows.slice(1) })).toBe("ok");
    const file = fs.readFileSync(image);
    expect([9, 10, 11, 12].map((sector) => file[512 * sector])).toEqual([10, 3, 4, 13]);
    expect(file).toHaveLength(BYTES);
  });

  it.each(["", ",sync", ",direct", ",nocache"])(
    "opened with '%s' writes and flushes",
    (options) => {
      const backend = open(options);
      const buffers = [new Uint8Array(512).fill(0xee)];
      expect(submit(backend, { kind: "write", offset: 0, buffers })).toBe("ok");
      expect(submit(backend, { kind: "flush" })).toBe("ok");
      expect(fs.readFileSync(image)[511]).toBe(0xee);
    },
  );

  it("writes zeroes, and says that it does not discard", () => {
    const backend = open();
    expect(submit(backend, { kind: "write-zeroes", offset: 512, length: 1024 })).toBe("ok");
    expect(submit(backend, { kind: "discard", offset: 0, length: 512 })).toBe("unsupported");
    const file = fs.readFileSync(image);
    expect([0, 1, 2, 3].map((sector) => file[512 * sector])).toEqual([1, 0, 0, 4]);
  });

  it("opened read-only changes nothing and flushes", () => {
    const backend = open(",ro");
    expect(backend.isReadOnly).toBe(true);
    const buffers = [new Uint8Array(512)];
    expect(submit(backend, { kind: "write", offset: 0, buffers })).toBe("read-only");
    expect(submit(backend, { kind: "write-zeroes", offset: 0, length: 512 })).toBe("read-only");
    expect(submit(backend, { kind: "flush" })).toBe("ok");
    expect(fs.readFileSync(image)[0]).toBe(1);
    expect(warnings).toEqual([]);
  });

  it("answers with an error when the file was cut short, or is gone", () => {
    const backend = open();
    fs.truncateSync(image, 1024 + 100);
    const buffers = [new Uint8Array(512), new Uint8Array(512)];
    expect(submit(backend, { kind: "read", offset: 512, buffers })).toBe("error");
    backend.close();
    backend.close();
    expect(submit(backend, { kind: "read", offset: 0, buffers })).toBe("error");
    expect(submit(backend, { kind: "flush" })).toBe("error");
  });

  it.runIf(process.platform === "linux")(
    "that others forbid to write is attached read-only, which is said",
    async () => {
      // Linux lets nobody, not even root, write to a program that runs.
      const program = path.join(directory, "program");
      fs.copyFileSync("/bin/sleep", program);
      fs.chmodSync(program, 0o755);
      fs.truncateSync(program, Math.ceil(fs.statSync(program).size / 512) * 512);
      const child = spawn(program, ["60"]);
      try {
        await new Promise((resolve) => child.once("spawn", resolve));
        expect(open("", program).isReadOnly).toBe(true);
        expect(warnings).toEqual([
          `disk image ${program} cannot be written (ETXTBSY): it is attached read-only`,
        ]);
      } finally {
        child.kill();
        await new Promise((resolve) => child.once("close", resolve));
      }
    },
  );
});

describe("what is no disk is refused in one sentence:", () => {
  it("a file that is not there", () => {
    expect(() => open("", `${image}.old`)).toThrow(`disk image ${image}.old does not exist`);
    expect(() => open("", `${image}/x`)).toThrow("does not exist");
  });

  it("a directory", () => {
    expect(() => open("", directory)).toThrow(`disk image ${directory} is a directory`);
  });

  it("a device that is not a disk", () => {
    expect(() => open("", "/dev/null")).toThrow("/dev/null is neither a file nor a disk");
  });

  it("a file of half a sector", () => {
    fs.truncateSync(image, 1000);
    expect(() => open()).toThrow(
      `disk image ${image} has 1000 bytes, which is not a multiple of its 512-byte sectors`,
    );
    fs.truncateSync(image, 2560);
    expect(() => open(",sectorsize=4096")).toThrow("not a multiple of its 4096-byte sectors");
  });

  it("an empty file", () => {
    fs.truncateSync(image, 0);
    expect(() => open()).toThrow(`disk image ${image} is empty`);
  });

  it("a name that the host cannot open", () => {
    expect(() => open("", `${directory}/${"x".repeat(300)}`)).toThrow(
      "cannot be opened: ENAMETOOLONG",
    );
  });
});

describe("the size of a device", () => {
  it.each([0, 1, 2, 3, 63, 64, 1000])("of %d sectors is found by reading", (sectors) => {
    fs.truncateSync(image, 0);
    fs.truncateSync(image, sectors * 512);
    const fd = fs.openSync(image, "r");
    expect(sizeByReading(fd)).toBe(sectors * 512);
    fs.closeSync(fd);
  });
});
