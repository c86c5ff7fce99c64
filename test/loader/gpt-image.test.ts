// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { buildGpt } from "../../images/build/gpt.ts";
import { memorySource } from "../../src/loader/disk/memory-source.ts";
import { partitionSource, readPartitions } from "../../src/loader/disk/partition-table.ts";

describe("buildGpt", () => {
  it("begins partitions where it is told to, with boot code before the table", () => {
    const content = new Uint8Array(1000).fill(7);
    const partitions = [
      { kind: "freebsd-boot", name: "boot", content },
      { kind: "freebsd-ufs", name: "root", content },
    ] as const;
    const disk = buildGpt(partitions, {
      bootCode: new Uint8Array(440).fill(0x90),
      alignBytes: 1 << 20,
    });
    expect(disk.subarray(0, 440).every((byte) => byte === 0x90)).toBe(true);
    const source = memorySource(disk);
    const table = readPartitions(source);
    expect(table.partitions.map(({ offset }) => offset)).toEqual([1 << 20, 2 << 20]);
    expect(partitionSource(source, table.partitions[1]!).read(0, 1000)).toEqual(content);
  });

  it.each([
    ["a kind without a type", [{ kind: "dos", name: "", content: new Uint8Array() }] as const, {}],
    ["too much boot code", [], { bootCode: new Uint8Array(441) }],
  ])("refuses %s", (_, partitions, options) => {
    expect(() => buildGpt(partitions, options)).toThrow(
      expect.objectContaining({ code: "ERR_BAD_OPTION" }),
    );
  });
});
