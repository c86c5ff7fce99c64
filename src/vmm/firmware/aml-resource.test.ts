// SPDX-License-Identifier: BSD-2-Clause
// Expected bytes are worked out by hand from the tables of ACPI 6.5 §6.4.
import { expect, it } from "vitest";
import {
  BUS_NUMBERS,
  dwordAddressSpace,
  IO_RANGE,
  ioPorts,
  irqLevelLowShared,
  irqNoFlags,
  MEMORY_RANGE,
  memory32Fixed,
  qwordAddressSpace,
  resourceTemplate,
  wordAddressSpace,
} from "./aml-resource.ts";

it.each([
  ["I/O ports (§6.4.2.5)", ioPorts(0xcf8, 8), "47 01 f8 0c f8 0c 01 08"],
  ["interrupts without flags (§6.4.2.1)", irqNoFlags(1, 12), "22 02 10"],
  ["PCI interrupts (§6.4.2.1)", irqLevelLowShared(5, 15), "23 20 80 18"],
  ["no PCI interrupt", irqLevelLowShared(), "23 00 00 18"],
  [
    "fixed memory (§6.4.3.4)",
    memory32Fixed(0xfed00000, 0x400),
    "86 09 00 01 00 00 d0 fe 00 04 00 00",
  ],
  [
    "bus numbers (§6.4.3.5.3)",
    wordAddressSpace(BUS_NUMBERS, 3, 1),
    "88 0d 00 02 0c 00 00 00 03 00 03 00 00 00 01 00",
  ],
  [
    "an I/O window (§6.4.3.5.3)",
    wordAddressSpace(IO_RANGE, 0x2000, 0xe000),
    "88 0d 00 01 0c 03 00 00 00 20 ff ff 00 00 00 e0",
  ],
  [
    "a 32-bit window (§6.4.3.5.2)",
    dwordAddressSpace(MEMORY_RANGE, 0xc0000000, 0x20000000),
    "87 17 00 00 0c 01 00 00 00 00 00 00 00 c0 ff ff ff df 00 00 00 00 00 00 00 20",
  ],
  [
    "a 64-bit window (§6.4.3.5.1)",
    qwordAddressSpace(MEMORY_RANGE, 0x8_0000_0000, 0x2000_0000),
    "8a 2b 00 00 0c 01 00 00 00 00 00 00 00 00 00 00 00 00 08 00 00 00 ff ff ff 1f 08 00 00 00 00 00 00 00 00 00 00 00 00 00 00 20 00 00 00 00",
  ],
  ["a template in a buffer", resourceTemplate(irqNoFlags(8)), "11 08 0a 05 22 00 01 79 00"],
])("%s", (_, bytes, expected) => {
  expect([...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(" ")).toBe(expected);
});
