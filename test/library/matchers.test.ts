// SPDX-License-Identifier: BSD-2-Clause
import "../../src/vitest.ts";
import { afterEach, describe, expect, it } from "vitest";
import { Vmm } from "../../src/index.ts";
import { helloGuest, promptGuest } from "../support/small-guest.ts";

let vmm: Vmm;
afterEach(() => vmm.destroy());

async function load(kernel: Uint8Array, input = ""): Promise<void> {
  if (vmm !== undefined) await vmm.destroy();
  vmm = await Vmm.create({ name: "guest", memory: "32M" });
  await vmm.load({ kind: "linux", kernel });
  vmm.console.send(input);
}

/** What a failed expectation says. */
function failure(expectation: Promise<unknown>): Promise<string> {
  return expectation.then(
    () => "nothing",
    (error: Error) => error.message,
  );
}

describe("toReachPrompt", () => {
  it("runs a VM to its prompt, and leaves it there", async () => {
    await load(promptGuest());
    await expect(vmm).toReachPrompt(/> $/);
    expect(vmm.state).toBe("paused");
    vmm.console.send("x");
    await expect(vmm).toReachPrompt("[x]");
  });

  it("lets a VM run on that somebody else runs", async () => {
    await load(promptGuest());
    const running = vmm.run();
    await expect(vmm).toReachPrompt("> ");
    expect(vmm.state).toBe("running");
    vmm.console.send("q");
    await running;
  });

  it("says what there was instead", async () => {
    await load(promptGuest());
    expect(await failure(expect(vmm).toReachPrompt("login:", { timeout: "2s" }))).toMatch(
      /^expected guest to print "login:": the guest was silent about it .*small guest ready/s,
    );
    await expect(vmm).not.toReachPrompt("login:", { timeout: "2s" });
    vmm.console.send("q");
    const said = await failure(expect(vmm).toReachPrompt("login:"));
    expect(said).toContain('to print "login:": the guest powered off');
  });
});

describe("toBootWithin", () => {
  it("counts instructions", async () => {
    await load(promptGuest());
    await expect(vmm).toBootWithin({ instructions: 1000, prompt: "> " });
    await load(promptGuest());
    expect(await failure(expect(vmm).toBootWithin({ instructions: 100, prompt: "> " }))).toBe(
      'expected guest to print "> " within 100 instructions: the guest used up its instructions',
    );
  });
});

describe("toPanic", () => {
  it("is about the guest's kernel", async () => {
    await load(helloGuest());
    await expect(vmm).not.toPanic();
    await load(promptGuest(), "p");
    await expect(vmm).toPanic();
    await load(promptGuest(), "p");
    expect(await failure(expect(vmm).not.toPanic())).toBe(
      "expected guest not to panic: panic: out of tea",
    );
  });
});
