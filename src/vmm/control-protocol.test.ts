// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { VmmError } from "../base/errors.ts";
import { checkControlRequest } from "./control-protocol.ts";

describe("a request to a machine", () => {
  it.each([
    { kind: "report" },
    { kind: "suspend", how: "poweroff" },
    { kind: "set-register", register: "rip", value: "0xffffffff80000000" },
    { kind: "set-descriptor", register: "idtr", base: "0x0", limit: 0xffff, access: 0 },
    { kind: "backtrace" },
    { kind: "backtrace", symbols: "/boot/System.map" },
    { kind: "unit" },
    { kind: "unit", address: "0xffffffff80000000", symbols: "/boot/System.map" },
    { kind: "heat-start", period: 5000 },
    { kind: "heat", by: "function", count: 20, symbols: "/boot/System.map" },
  ])("%j is taken as it is", (request) => {
    expect(checkControlRequest(request)).toBe(request);
  });

  it.each([
    undefined,
    null,
    "report",
    [],
    {},
    { kind: "toString" },
    { kind: ["report"], how: 1 },
    { kind: "suspend", how: "triplefault" },
    { kind: "set-register", register: "constructor", value: "0x0" },
    { kind: "set-register", register: "rip", value: "0x1ffffffffffffffff" },
    { kind: "set-register", register: "rip", value: 1 },
    { kind: "set-descriptor", register: "cs", base: "0x0", limit: -1, access: 0 },
    { kind: "set-descriptor", register: "cs", base: "0x0", limit: 2 ** 32, access: 0 },
    { kind: "set-rtc-time", seconds: Number.NaN },
    { kind: "lapic-local-irq", pin: 0.5 },
    { kind: "backtrace", symbols: 7 },
    { kind: "unit", address: 4096 },
    { kind: "unit", symbols: 7 },
    { kind: "heat-start" },
    { kind: "heat-start", period: 0 },
    { kind: "heat", by: "moon", count: 20 },
    { kind: "heat", by: "block", count: -1 },
  ])("%j is refused", (value) => {
    expect(() => checkControlRequest(value)).toThrow(VmmError);
  });
});
