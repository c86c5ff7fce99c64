// SPDX-License-Identifier: BSD-2-Clause
// Damaged images, some thousand of them: each is refused or used, in bounded time and memory, and nothing but a
// VmmError comes out of it.
import { expect, it } from "vitest";
import { mutated } from "../../../test/support/mutation.ts";
import {
  buildQcow2,
  type ClusterContent,
  MemoryImageFile,
} from "../../../test/support/qcow2-image.ts";
import { SeededRandom } from "../../../test/support/random.ts";
import { VmmError } from "../../base/errors.ts";
import { parseQcow2Header } from "./header.ts";
import { Qcow2Image } from "./image.ts";

const ROUNDS = 3000;

/** Small, so that most damage hits something. */
function victim(random: SeededRandom): Uint8Array {
  const clusters = new Map<number, ClusterContent>();
  for (let cluster = 0; cluster < 8; cluster++) {
    const kind = random.pick(["plain", "compressed", "zero", "absent"] as const);
    if (kind === "absent") continue;
    const bytes = new Uint8Array(512).fill(cluster + 1);
    clusters.set(cluster, kind === "zero" ? { kind } : { kind, bytes });
  }
  return buildQcow2({
    version: random.pick([2, 3]),
    sizeBytes: 100 * 512,
    clusterBits: 9,
    clusters,
    ...(random.below(4) === 0 ? { backingName: "base" } : {}),
  });
}

/** Whether it was a VmmError; anything else is thrown on. */
function isRefused(action: () => void): boolean {
  try {
    action();
    return false;
  } catch (error) {
    if (error instanceof VmmError) return true;
    throw error;
  }
}

it(`stands ${ROUNDS} damaged images`, { timeout: 60_000 }, () => {
  const random = new SeededRandom(2003);
  let [refused, used, failed] = [0, 0, 0];
  for (let round = 0; round < ROUNDS; round++) {
    const file = new MemoryImageFile(mutated(victim(random), random));
    let image: Qcow2Image | undefined;
    const open = () => {
      const header = parseQcow2Header(file);
      image = new Qcow2Image({ file, header, isReadOnly: random.below(3) === 0 });
    };
    if (isRefused(open) || image === undefined) {
      refused++;
      continue;
    }
    used++;
    const { isReadOnly, sizeBytes } = image;
    for (let step = 0; step < 12; step++) {
      const at = random.below(Math.min(sizeBytes / 512 - 8, 2 ** 31)) * 512;
      const bytes = new Uint8Array(512 * (1 + random.below(8)));
      const target = image;
      const action = random.pick(isReadOnly ? [0] : [0, 1, 2, 3]);
      const isFailed = isRefused(() => {
        if (action === 0) target.read(at, bytes);
        else if (action === 1) target.write(at, bytes.fill(step));
        else if (action === 2) target.writeZeroes(at, bytes.length);
        else target.flush();
      });
      if (isFailed) failed++;
    }
    isRefused(() => image?.close());
    // Its own sectors, and tables for them: no more than that.
    expect(file.sizeBytes).toBeLessThan(20 * 2 ** 20);
  }
  expect(Math.min(refused, used, failed)).toBeGreaterThan(ROUNDS / 30);
});
