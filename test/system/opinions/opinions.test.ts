// SPDX-License-Identifier: BSD-2-Clause
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  CPL,
  CR0,
  CR3,
  CR4,
  EFER,
  GDTR_BASE,
  IDTR_LIMIT,
  RIP,
} from "../../../src/cpu/state-layout.ts";
import { SystemMachine } from "../../support/system/system-machine.ts";
import { knownDifference } from "./differences.ts";
import { judge } from "./judge.ts";
import { PAGE } from "./page.ts";
import { askPeer, peerVersion } from "./peers.ts";
import { fromSaveArea, toSaveArea } from "./save-area.ts";

describe("the save area of system management mode", () => {
  it("holds the state that a program starts from, and gives it back", () => {
    const machine = new SystemMachine({ engine: "interpreter" });
    for (const mode of ["long", "protected", "real"] as const) {
      machine.begin(mode);
      const before = machine.state.slice();
      const area = toSaveArea(machine.state, true);
      machine.state.fill(0, 0, 128);
      fromSaveArea(new DataView(area.buffer), machine.state);
      expect(machine.register(4)).toBe(mode === "real" ? 0x7000n : 0x20000n);
      for (const word of [CR0, CR3, CR4, EFER, CPL, RIP, GDTR_BASE, IDTR_LIMIT]) {
        expect(machine.state[word]).toBe(before[word]);
      }
      expect(machine.segment(1)).toEqual({
        ...machine.segment(1),
        limit: mode === "real" ? 0xffff : 0xffffffff,
      });
    }
  });
});

describe("docs/opinions.md", () => {
  it("has nothing that nobody looked into", () => {
    expect(readFileSync(PAGE, "utf8")).not.toContain("Not looked into");
  });
});

describe.skipIf(peerVersion("qemu") === undefined)("QEMU TCG, where it is installed", () => {
  it("is asked as the page says: it agrees, or why not is known", { timeout: 60_000 }, async () => {
    const cases = [
      {
        title: "adds",
        manual: "SDM 2 ADD",
        code: "mov eax, 2; add eax, 3; hlt",
        registers: { rax: 5 },
      },
      { title: "faults", manual: "SDM 3A 6.15", code: "bad: ud2", events: ["#UD at bad"] },
      {
        title: "shuts down",
        manual: "SDM 3A 6.15",
        code: "mov rsp, 0; lidt [DATA]; ud2",
        ends: "shutdown" as const,
      },
      { title: "goes wrong", manual: "none", code: "mov eax, 6; hlt", registers: { rax: 5 } },
    ];
    const answers = await askPeer("qemu", cases);
    const objections = cases.map((each, index) => judge(each, answers.get(index)!).objection);
    expect(objections.slice(0, 3)).toEqual([undefined, undefined, undefined]);
    expect(objections[3]).toMatch(/rax/);
    expect(knownDifference("qemu", "debug registers: fault in front of any access")).toMatch(/GD/);
  });
});
