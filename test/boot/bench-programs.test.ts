// SPDX-License-Identifier: BSD-2-Clause
// The bench's programs, whose answers the build took from a real processor, on the whole machine.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { selectPrograms } from "../../bench/harness/suite.ts";
import { bundled } from "../support/bundled.ts";
import type { GuestSession } from "../support/guest-session.ts";

const { startLinux } = await bundled<typeof import("../support/guest-session.ts")>(
  new URL("../support/guest-session.ts", import.meta.url),
);
const images = new URL("../../bench/images/", import.meta.url);
const answers = JSON.parse(readFileSync(new URL("answers.json", images), "utf8")) as Record<
  string,
  Record<string, string>
>;

/** Left out: dispersed code, which is no other test than these, only longer; the disk, which needs one. */
const programs = selectPrograms(["micro", "programs"]);

function start(target: string, engine: string): GuestSession {
  return startLinux({
    kernel: new URL(`bench-${target}.img`, images).pathname,
    commandLine: "",
    memoryMib: 64,
    bhyve: ["-s", "31,lpc", "-l", "com1,stdio", "-o", `engine=${engine}`],
  });
}

async function answerOf(guest: GuestSession, program: string): Promise<string | undefined> {
  await guest.command(`run ${program} 1`, "ready ");
  await guest.command("go", "answer ");
  const line = await guest.waitFor("\n");
  return / 1 (\w{8}) /.exec(line)?.[1];
}

describe.each(["x86-64", "i686"])("the bench's %s guest", { timeout: 300_000 }, (target) => {
  const expected = Object.entries(answers[target]!).filter(([name]) => programs.includes(name));

  it.each(["interpreter", "translator"])(
    "gets a real processor's answers from the %s",
    async (engine) => {
      const guest = start(target, engine);
      await guest.waitFor(`bench 1 ${target} ready\n`);
      const found: Record<string, string | undefined> = {};
      for (const [program] of expected) found[program] = await answerOf(guest, program);
      expect(found).toEqual(Object.fromEntries(expected));
    },
  );
});
