// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { mutated } from "../../../test/support/mutation.ts";
import { SeededRandom } from "../../../test/support/random.ts";
import { findRootMount } from "./fstab.ts";

const FSTAB = `# Device\tMountpoint\tFStype\tOptions\tDump\tPass#
/dev/vtbd0p3\tnone\tswap\tsw\t0\t0
/dev/vtbd0p2\t/\tufs\trw,noatime\t1\t1
/dev/vtbd1p2\t/\tufs\tro\t1\t1
`;

describe("the root line of an fstab", () => {
  it("is the first with mount point /", () => {
    expect(findRootMount(FSTAB)).toEqual({ from: "ufs:/dev/vtbd0p2", options: "rw,noatime" });
  });

  it.each([
    ["a comment", "#/dev/da0a / ufs rw\n"],
    ["another mount point", "/dev/da0a /usr ufs rw\n"],
    ["no options", "/dev/da0a / ufs\n"],
    ["no type", "/dev/da0a /\n"],
    ["nothing", ""],
  ])("is not %s", (_, text) => {
    expect(findRootMount(text)).toBeUndefined();
  });

  it("is found in DOS line ends, too", () => {
    expect(findRootMount("/dev/ada0p2 / zfs rw 0 0\r\n")?.from).toBe("zfs:/dev/ada0p2");
  });

  it("is found or not in a damaged file", () => {
    const random = new SeededRandom(0xf5);
    const bytes = new TextEncoder().encode(FSTAB);
    let found = 0;
    for (let i = 0; i < 500; i++) {
      const mount = findRootMount(new TextDecoder().decode(mutated(bytes, random)));
      if (mount !== undefined) found++;
    }
    expect(found).toBeGreaterThan(100);
  });
});
