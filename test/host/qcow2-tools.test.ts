// SPDX-License-Identifier: BSD-2-Clause
// QEMU's own tool is the referee: what it makes is read, and what is written here it finds without fault.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import type { BlockBackend, BlockRequest } from "../../src/devices/backend/block-backend.ts";
import { parseBlockOptions } from "../../src/devices/virtio/block/options.ts";
import { openDisk } from "../../src/host/disk-image.ts";
import { equalBytes } from "../support/bytes.ts";
import { SeededRandom } from "../support/random.ts";
import { testWithTool } from "../support/tools.ts";

const BYTES = 5 * 2 ** 20;

/** A disk with text, holes and noise. */
function diskBytes(): Uint8Array {
  const random = new SeededRandom(77);
  const bytes = new Uint8Array(BYTES);
  for (let at = 0; at < BYTES; at += 65536) {
    const kind = random.below(3);
    if (kind === 0) bytes.set(random.bytes(65536), at);
    else if (kind === 1) bytes.fill(random.next(), at, at + 65536);
  }
  return bytes;
}

function attach(text: string): BlockBackend {
  return openDisk(parseBlockOptions(text).file, (message) => {
    throw new Error(message);
  });
}

function submit(disk: BlockBackend, request: BlockRequest): void {
  disk.submit(request, (status) => expect(status).toBe("ok"));
}

function contents(disk: BlockBackend): Uint8Array {
  const bytes = new Uint8Array(disk.sizeBytes);
  submit(disk, { kind: "read", offset: 0, buffers: [bytes] });
  disk.close();
  return bytes;
}

/** Writes here and there, as a guest does; `bytes` follows. */
function scribble(disk: BlockBackend, bytes: Uint8Array, seed: number): void {
  const random = new SeededRandom(seed);
  for (let round = 0; round < 60; round++) {
    const offset = random.below(BYTES / 512 - 64) * 512;
    const data = random.bytes(512 * (1 + random.below(64)));
    submit(disk, { kind: "write", offset, buffers: [data] });
    bytes.set(data, offset);
    if (round % 20 === 0) submit(disk, { kind: "flush" });
    if (round % 10 !== 5) continue;
    submit(disk, { kind: "write-zeroes", offset, length: 4 * 65536 });
    bytes.fill(0, offset, offset + 4 * 65536);
  }
  disk.close();
}

describe("qemu-img", () => {
  testWithTool(
    "qemu-img",
    "makes images of every kind that are read as it reads them",
    (run, folder) => {
      const bytes = diskBytes();
      const raw = join(folder, "disk.img");
      writeFileSync(raw, bytes);
      const kinds = [[], ["-c"], ["-o", "compat=0.10"], ["-o", "cluster_size=512"]];
      for (const [index, kind] of [...kinds, ["-c", "-o", "cluster_size=2M"]].entries()) {
        const image = join(folder, `${index}.qcow2`);
        run(["convert", "-f", "raw", "-O", "qcow2", ...kind, raw, image]);
        expect(equalBytes(contents(attach(`${image},ro`)), bytes)).toBe(true);
      }
    },
  );

  testWithTool("qemu-img", "finds no fault with what was written to its images", (run, folder) => {
    const raw = join(folder, "disk.img");
    writeFileSync(raw, diskBytes());
    const kinds = [["-c"], ["-o", "compat=0.10"], ["-o", "cluster_size=512,refcount_bits=1"]];
    for (const [index, kind] of kinds.entries()) {
      const bytes = diskBytes();
      const image = join(folder, `${index}.qcow2`);
      run(["convert", "-f", "raw", "-O", "qcow2", ...kind, raw, image]);
      scribble(attach(image), bytes, index);
      expect(run(["check", image])).toContain("No errors were found");
      run(["convert", "-f", "qcow2", "-O", "raw", image, "back.img"]);
      expect(equalBytes(readFileSync(join(folder, "back.img")), bytes)).toBe(true);
    }
  });

  testWithTool("qemu-img", "reads an overlay over its base", (run, folder) => {
    const bytes = diskBytes();
    const base = join(folder, "base.img");
    writeFileSync(base, bytes);
    scribble(attach(`${base},overlay=${join(folder, "work.qcow2")}`), bytes, 9);
    expect(equalBytes(readFileSync(base), diskBytes())).toBe(true);
    expect(run(["check", "work.qcow2"])).toContain("No errors were found");
    run(["convert", "-f", "qcow2", "-O", "raw", "work.qcow2", "back.img"]);
    expect(equalBytes(readFileSync(join(folder, "back.img")), bytes)).toBe(true);
  });

  testWithTool("qemu-img", "takes a snapshot that later writes leave alone", (run, folder) => {
    const bytes = diskBytes();
    const raw = join(folder, "disk.img");
    writeFileSync(raw, bytes);
    const image = join(folder, "disk.qcow2");
    run(["convert", "-f", "raw", "-O", "qcow2", raw, image]);
    run(["snapshot", "-c", "before", image]);
    scribble(attach(image), bytes, 4);
    expect(run(["check", image])).toContain("No errors were found");
    expect(equalBytes(contents(attach(image)), bytes)).toBe(true);
    run(["snapshot", "-a", "before", image]);
    expect(equalBytes(contents(attach(image)), diskBytes())).toBe(true);
  });
});
