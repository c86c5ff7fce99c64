// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { Bus } from "../bus.ts";
import { PostPort } from "./post-port.ts";
import { ResetControl } from "./reset-control.ts";

describe("the reset control register", () => {
  it("resets when bit 2 is written, soft or hard, and reads back what was written", () => {
    let resets = 0;
    const control = new ResetControl({ onReset: () => void resets++ });
    control.write(0, 1, 0x02);
    expect([control.read(), resets]).toEqual([0x02, 0]);
    control.write(0, 1, 0x06);
    expect([control.read(), resets]).toEqual([0x06, 1]);
    control.write(0, 1, 0x04);
    expect(resets).toBe(2);
    control.reset();
    expect(control.read()).toBe(0);
  });
});

describe("the diagnostic ports", () => {
  it("swallow writes, remembering the last, and read as all ones", () => {
    const io = new Bus();
    const post = new PostPort();
    post.attachTo(io);
    expect([io.read(0x80, 1), io.read(0x84, 1)]).toEqual([0xff, 0xff]);
    io.write(0x80, 1, 0x5a);
    expect(post.code).toBe(0x5a);
    post.reset();
    expect(post.code).toBe(-1);
  });
});
