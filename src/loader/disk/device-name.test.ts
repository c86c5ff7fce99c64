// SPDX-License-Identifier: BSD-2-Clause
import { expect, it } from "vitest";
import { type DiskDevice, formatDevice } from "./device-name.ts";

it.each<[string, DiskDevice]>([
  ["disk0:", { unit: 0 }],
  ["disk12p2:", { unit: 12, gpt: 2 }],
  ["disk0s1:", { unit: 0, slice: 1 }],
  ["disk0s1a:", { unit: 0, slice: 1, letter: "a" }],
  ["disk0a:", { unit: 0, letter: "a" }],
])("%s is a name of a disk or a part of one", (name, device) => {
  expect(formatDevice(device)).toBe(name);
});
