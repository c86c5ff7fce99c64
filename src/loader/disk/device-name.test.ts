// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { type Device, formatDevice, parseDevice, splitDevicePath } from "./device-name.ts";

describe("names of devices", () => {
  it.each<[string, Device]>([
    ["disk0:", { type: "disk", unit: 0 }],
    ["disk12p2:", { type: "disk", unit: 12, gpt: 2 }],
    ["disk0s1:", { type: "disk", unit: 0, slice: 1 }],
    ["disk0s1a:", { type: "disk", unit: 0, slice: 1, letter: "a" }],
    ["disk0a:", { type: "disk", unit: 0, letter: "a" }],
    ["host0:", { type: "host", unit: 0 }],
  ])("%s is read and written alike", (name, device) => {
    expect(parseDevice(name)).toEqual(device);
    expect(formatDevice(device)).toBe(name);
  });

  it("are understood without their colon", () => {
    expect(parseDevice("disk0p2")).toEqual({ type: "disk", unit: 0, gpt: 2 });
  });

  it.each([
    "",
    "disk",
    "disk:",
    "disk0p",
    "disk0s",
    "disk0p2a:",
    "disk0sa:",
    "disk0z:",
    "zfs:pool/root:",
    "x",
  ])("do not include %j", (name) => {
    expect(parseDevice(name)).toBeUndefined();
  });
});

it.each([
  ["disk0p2:/boot/kernel", "disk0p2:", "/boot/kernel"],
  ["disk0p2:", "disk0p2:", ""],
  ["/boot/kernel", undefined, "/boot/kernel"],
  ["/boot/a:b", undefined, "/boot/a:b"],
  ["kernel", undefined, "kernel"],
  ["", undefined, ""],
])("splitDevicePath takes %j apart", (text, device, path) => {
  expect(splitDevicePath(text)).toEqual({ device, path });
});
