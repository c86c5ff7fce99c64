// SPDX-License-Identifier: BSD-2-Clause
// Guests of a few instructions, in machine code, for tests of what happens around them. All start in 64-bit
// mode at PROGRAM, say "U" on COM1 when they are up, and never end by themselves unless their name says so.
import { PROGRAM } from "./commands.ts";

const OUT = 0xee; // out dx, al
const port = (number: number) => [0x66, 0xba, number & 0xff, number >> 8]; // mov dx, number
const say = (letter: string) => [...port(0x3f8), 0xb0, letter.charCodeAt(0), OUT];
const u32 = (value: number) => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
const SPIN = [0xeb, 0xfe]; // jmp to itself

/** Spins with interrupts off. */
export const SPINNING_GUEST: readonly number[] = [...say("U"), ...SPIN];

/** Turns itself off. The bits are SLP_EN and SLP_TYP 5 of PM1_CNT, ACPI 6.4 4.8.3.2. */
const POWER_OFF = [...port(0x404), 0x66, 0xb8, 0x00, 0x34, 0x66, 0xef];
export const POWERED_OFF_GUEST: readonly number[] = [...say("U"), ...POWER_OFF, ...SPIN];

/** Says "U", and what follows on the line and below; turns itself off. */
export const LINES_GUEST: readonly number[] = [
  ...[..."U\r\n50%\r100%\r\r\nlast\r"].flatMap(say),
  ...POWER_OFF,
  ...SPIN,
];

/** Enables ACPI and the power button, and turns itself off when that is pressed. ACPI 6.4 4.8.3.1. */
export const ACPI_GUEST: readonly number[] = [
  ...[0xb0, 0xa0, 0xe6, 0xb2], // mov al, ACPI_ENABLE; out SMI_CMD, al
  ...[...port(0x402), 0x66, 0xb8, 0x00, 0x01, 0x66, 0xef], // PM1_EN: PWRBTN_EN
  ...say("U"),
  ...port(0x400),
  ...[0x66, 0xed], // in ax, dx: PM1_STS
  ...[0xf6, 0xc4, 0x01], // test ah, 1: PWRBTN_STS
  ...[0x74, 0xf9], // jz to the in
  ...POWER_OFF,
  ...SPIN,
];

const IDT_LOAD_BYTES = 8;

/** Says "N" at every NMI: SDM 3A 6.14.1 for the gate. */
export const NMI_GUEST: readonly number[] = (() => {
  const start = [...say("U"), ...SPIN];
  const handler = [...say("N"), 0x48, 0xcf]; // iretq
  const handlerAt = PROGRAM + IDT_LOAD_BYTES + start.length;
  const pointerAt = handlerAt + handler.length;
  const idtAt = pointerAt + 10;
  const gate = [...u32((0x10 << 16) | (handlerAt & 0xffff)), 0, 0x8e, ...u32(handlerAt).slice(2)];
  return [
    ...[0x0f, 0x01, 0x1c, 0x25, ...u32(pointerAt)], // lidt [pointer]
    ...start,
    ...handler,
    ...[0x2f, 0x00, ...u32(idtAt), 0, 0, 0, 0],
    ...new Array<number>(32).fill(0), // vectors 0 and 1
    ...gate,
    ...new Array<number>(8).fill(0),
  ];
})();

/** Echoes what is typed: waits for LSR.DR, UART 16550 table II. */
export const ECHO_GUEST: readonly number[] = [
  ...say("U"),
  ...port(0x3fd),
  0xec, // in al, dx
  ...[0xa8, 0x01], // test al, 1
  ...[0x74, 0xf7], // jz to the mov
  ...port(0x3f8),
  ...[0xec, OUT],
  ...[0xeb, 0xef], // jmp to the first mov
];

/** Says the same for ever. */
export const TALKING_GUEST: readonly number[] = [...say("U"), OUT, 0xeb, 0xfd];

/** What bhyve needs to give a guest COM1 on the standard streams. */
export const WITH_CONSOLE: readonly string[] = ["-s", "31,lpc", "-l", "com1,stdio"];
