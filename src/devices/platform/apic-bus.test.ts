// SPDX-License-Identifier: BSD-2-Clause
// Section numbers are the Intel SDM's, volume 3A.
import { describe, expect, it } from "vitest";
import { ApicRig } from "../../../test/support/platform/apic-rig.ts";
import { SeededRandom } from "../../../test/support/random.ts";
import * as reg from "./apic/registers.ts";

/** Which APICs have the vector pending. */
function holders(rig: ApicRig, vector: number): number[] {
  return rig.apics.flatMap((apic, index) => (apic.priority.irr.has(vector) ? [index] : []));
}

function sendIpi(rig: ApicRig, command: number, destination = 0, from = 0): void {
  rig.write(reg.APIC_ICR_HIGH, (destination << 24) >>> 0, from);
  rig.write(reg.APIC_ICR_LOW, command, from);
}

describe("interprocessor interrupts in xAPIC mode (11.6.1, 11.6.2)", () => {
  it.each([
    ["a physical ID", 0x04041, 2, [2]],
    ["the physical broadcast", 0x04041, 0xff, [0, 1, 2, 3]],
    ["an ID nobody has", 0x04041, 9, []],
    ["self", 0x44041, 3, [1]],
    ["all including self", 0x84041, 0, [0, 1, 2, 3]],
    ["all excluding self", 0xc4041, 0, [0, 2, 3]],
  ])("reach %s", (_name, command, destination, expected) => {
    const rig = new ApicRig({ count: 4 }).enableAll();
    sendIpi(rig, command, destination, 1);
    expect(holders(rig, 0x41)).toEqual(expected);
    expect(rig.read(reg.APIC_ICR_LOW, 1)).toBe(command);
  });

  it("reach a logical set in the flat model (11.6.2.2)", () => {
    const rig = new ApicRig({ count: 4 }).enableAll();
    for (let i = 0; i < 4; i++) rig.write(reg.APIC_LDR, (1 << i) << 24, i);
    sendIpi(rig, 0x4841, 0b0110);
    expect(holders(rig, 0x41)).toEqual([1, 2]);
    sendIpi(rig, 0x4842, 0xff);
    expect(holders(rig, 0x42)).toEqual([0, 1, 2, 3]);
  });

  it("reach a logical set of one cluster, or of all, in the cluster model (11.6.2.2)", () => {
    const rig = new ApicRig({ count: 4 }).enableAll();
    const ids = [0x11, 0x12, 0x21, 0x24];
    ids.forEach((id, i) => {
      rig.write(reg.APIC_DFR, 0x0fffffff, i);
      rig.write(reg.APIC_LDR, (id << 24) >>> 0, i);
    });
    sendIpi(rig, 0x4841, 0x25);
    expect(holders(rig, 0x41)).toEqual([2, 3]);
    sendIpi(rig, 0x4842, 0xf1);
    expect(holders(rig, 0x42)).toEqual([0, 2]);
  });

  it("reach nobody by a logical destination in a model that does not exist", () => {
    const rig = new ApicRig({ count: 2 }).enableAll();
    for (let i = 0; i < 2; i++) {
      rig.write(reg.APIC_LDR, 0x01000000, i);
      rig.write(reg.APIC_DFR, 0x7fffffff, i);
    }
    sendIpi(rig, 0x4841, 0x01);
    expect(holders(rig, 0x41)).toEqual([]);
  });

  it("reach no xAPIC by the 32-bit destination of an x2APIC", () => {
    const rig = new ApicRig({ count: 2 }).enableAll();
    rig.apic.msrs.write(0x1b, 0xfee00d00, 0);
    rig.write(reg.APIC_LDR, 0xff000000, 1);
    rig.apic.msrs.write(0x830, 0x4841, 0x102);
    rig.apic.msrs.write(0x830, 0x4042, 0x101);
    expect([...holders(rig, 0x41), ...holders(rig, 0x42)]).toEqual([]);
  });

  it("start processors as the MP specification asks, ignoring the INIT de-assert", () => {
    const rig = new ApicRig({ count: 3 }).enableAll();
    rig.write(reg.APIC_TPR, 0x20, 1);
    sendIpi(rig, 0x0c500, 1);
    sendIpi(rig, 0x08500, 1);
    sendIpi(rig, 0x0069f, 1);
    sendIpi(rig, 0x0069f, 1);
    expect(rig.cpus.map((cpu) => cpu.signals)).toEqual([
      [],
      ["init", "start-up 0x9f", "start-up 0x9f"],
      [],
    ]);
    expect(rig.read(reg.APIC_TPR, 1)).toBe(0);
    expect(rig.read(reg.APIC_SVR, 1)).toBe(0xff);
  });

  it("send a level as the edge that it is made into (table 11-3, note 1)", () => {
    const rig = new ApicRig({ count: 2 }).enableAll();
    sendIpi(rig, 0x0c041, 1);
    expect(holders(rig, 0x41)).toEqual([1]);
    expect(rig.read(reg.APIC_TMR + 2, 1)).toBe(0);
  });

  it.each([
    ["NMI to self", 0x44400],
    ["INIT to all including self", 0x84500],
    ["start-up to self", 0x44612],
    ["SMI", 0x04200],
    ["the reserved mode", 0x04300],
    ["lowest priority to self", 0x44141],
  ])("drop the invalid combination %s (table 11-3)", (_name, command) => {
    const rig = new ApicRig({ count: 2 }).enableAll();
    sendIpi(rig, command, 0);
    expect(rig.cpus.map((cpu) => cpu.signals)).toEqual([[], []]);
    expect(holders(rig, 0x41)).toEqual([]);
  });

  it("report an illegal vector instead of sending it (11.5.3)", () => {
    const rig = new ApicRig({ count: 2 }).enableAll();
    sendIpi(rig, 0x0400f, 1);
    rig.write(reg.APIC_ESR, 0);
    rig.write(reg.APIC_ESR, 0, 1);
    expect(rig.read(reg.APIC_ESR)).toBe(0x20);
    expect(rig.read(reg.APIC_ESR, 1)).toBe(0);
  });
});

describe("lowest-priority delivery (11.6.2.4)", () => {
  it("picks one APIC: the one whose processor priority is lowest", () => {
    const rig = new ApicRig({ count: 3 }).enableAll();
    rig.write(reg.APIC_TPR, 0x50, 0);
    rig.write(reg.APIC_TPR, 0x30, 1);
    rig.write(reg.APIC_TPR, 0x40, 2);
    rig.bus.deliver(0x160, 0xff);
    expect(holders(rig, 0x60)).toEqual([1]);
  });

  it("lets equals take turns, and passes over software-disabled ones", () => {
    const rig = new ApicRig({ count: 3 }).enableAll();
    rig.write(reg.APIC_SVR, 0xff, 1);
    const taken: number[][] = [];
    for (const vector of [0x60, 0x61, 0x62]) {
      rig.bus.deliver(0x100 | vector, 0xff);
      taken.push(holders(rig, vector));
    }
    expect(taken).toEqual([[0], [2], [0]]);
  });
});

describe("message-signalled interrupts (11.11)", () => {
  it("go to the destination in address bits 19:12", () => {
    const rig = new ApicRig({ count: 3 }).enableAll();
    rig.bus.send(0xfee02000, 0x4071);
    rig.bus.send(0xfeeff000, 0x72);
    expect(holders(rig, 0x71)).toEqual([2]);
    expect(holders(rig, 0x72)).toEqual([0, 1, 2]);
  });

  it("are logical by the destination mode, and to one of the set with the redirection hint", () => {
    const rig = new ApicRig({ count: 3 }).enableAll();
    for (let i = 0; i < 3; i++) rig.write(reg.APIC_LDR, (1 << i) << 24, i);
    rig.bus.send(0xfee06004, 0x73);
    expect(holders(rig, 0x73)).toEqual([1, 2]);
    rig.bus.send(0xfee0600c, 0x74);
    expect(holders(rig, 0x74)).toEqual([1]);
  });

  it("are always edges and may be NMIs", () => {
    const rig = new ApicRig().enableAll();
    rig.bus.send(0xfee00000, 0xc075);
    expect(rig.read(reg.APIC_TMR + 3)).toBe(0);
    rig.bus.send(0xfee00000, 0x400);
    expect(rig.cpu.signals).toEqual(["nmi"]);
  });

  it("outside the APICs' address range are lost", () => {
    const rig = new ApicRig().enableAll();
    for (const address of [0, 0xfed00000, 0xfef00000, 0x1_fee00000]) rig.bus.send(address, 0x76);
    expect(holders(rig, 0x76)).toEqual([]);
  });

  it("never throw, whatever their address and data", () => {
    const rig = new ApicRig({ count: 2 }).enableAll();
    const random = new SeededRandom(7);
    for (let i = 0; i < 20_000; i++) {
      rig.bus.send(0xfee00000 + random.below(0x100000), random.next());
    }
    expect(new Set(rig.cpu.signals)).toEqual(new Set(["nmi", "init"]));
  });
});
