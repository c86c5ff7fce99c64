// SPDX-License-Identifier: BSD-2-Clause
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  committedFiles,
  committedImage,
  committedManifest,
  rebuildImage,
} from "../../images/teach/artefact.ts";
import { toolchain } from "../../images/teach/compile.ts";
import { memorySource } from "../../src/loader/disk/memory-source.ts";
import { partitionSource, readPartitions } from "../../src/loader/disk/partition-table.ts";
import { mountFileSystem } from "../../src/loader/fs/mount.ts";
import { bundled } from "../support/bundled.ts";

const tools = toolchain();
const { toolchain: committedTools } = committedManifest();
const isSameToolchain = tools === committedTools;

let rebuilt: Uint8Array | undefined;

/** Compiled when the first test asks. */
function rebuild(): Uint8Array {
  if (rebuilt !== undefined) return rebuilt;
  const folder = mkdtempSync(join(tmpdir(), "tshyve-teach-"));
  try {
    rebuilt = rebuildImage(join(folder, "objects"));
    return rebuilt;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe("the committed image of the teaching guest", { timeout: 60_000 }, () => {
  it("holds the configuration files that are committed beside it", () => {
    const disk = memorySource(committedImage());
    const root = mountFileSystem(partitionSource(disk, readPartitions(disk).partitions[0]!))!;
    const texts = Object.keys(committedFiles()).map((path) => {
      const file = root.open(`/${path}`);
      return [path, new TextDecoder().decode(file.read(0, file.size))];
    });
    expect(Object.fromEntries(texts)).toEqual(committedFiles());
    expect(texts.length).toBeGreaterThan(3);
  });

  it.skipIf(!isSameToolchain)(
    `is what its source makes (needs ${committedTools}; here is ${tools ?? "no gcc or ld"})`,
    () => {
      expect(Buffer.compare(rebuild(), committedImage())).toBe(0);
    },
  );

  it.skipIf(tools === undefined)(
    `boots when ${tools ?? "gcc and ld, which are not here,"} made it`,
    async () => {
      const { TeachMachine } = await bundled<typeof import("../support/teach-machine.ts")>(
        new URL("../support/teach-machine.ts", import.meta.url),
      );
      const guest = await TeachMachine.boot(rebuild());
      expect(guest.command("bench").match(/ right$/gm)).toHaveLength(7);
    },
  );
});
