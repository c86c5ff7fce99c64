// SPDX-License-Identifier: BSD-2-Clause
// The kernel's `boothowto` word, from the kernel's arguments and the boot_* variables. FreeBSD: sys/sys/reboot.h,
// sys/kern/subr_boot.c, stand/userboot/userboot/bootinfo.c.

const RB_ASKNAME = 0x1;
const RB_SINGLE = 0x2;
const RB_DFLTROOT = 0x20;
const RB_KDB = 0x40;
const RB_VERBOSE = 0x800;
const RB_SERIAL = 0x1000;
const RB_CDROM = 0x2000;
const RB_GDB = 0x8000;
const RB_MUTE = 0x1_0000;
const RB_PAUSE = 0x10_0000;
const RB_PROBE = 0x1000_0000;
const RB_MULTIPLE = 0x2000_0000;

/** Set to anything but `NO`, the variable raises the bit. */
const VARIABLES: readonly (readonly [string, number])[] = [
  ["boot_askname", RB_ASKNAME],
  ["boot_cdrom", RB_CDROM],
  ["boot_ddb", RB_KDB],
  ["boot_dfltroot", RB_DFLTROOT],
  ["boot_gdb", RB_GDB],
  ["boot_multicons", RB_MULTIPLE],
  ["boot_mute", RB_MUTE],
  ["boot_pause", RB_PAUSE],
  ["boot_serial", RB_SERIAL],
  ["boot_single", RB_SINGLE],
  ["boot_verbose", RB_VERBOSE],
];

const SWITCHES: Readonly<Record<string, number>> = {
  a: RB_ASKNAME,
  C: RB_CDROM,
  d: RB_KDB,
  D: RB_MULTIPLE,
  m: RB_MUTE,
  g: RB_GDB,
  h: RB_SERIAL,
  p: RB_PAUSE,
  P: RB_PROBE,
  r: RB_DFLTROOT,
  s: RB_SINGLE,
  v: RB_VERBOSE,
};

/** The variables it reads and, for `-S115200` and `name=value` arguments, sets. */
export interface HowtoVariables {
  get(name: string): string | undefined;
  set(name: string, value: string): void;
}

/** The word for a kernel started with `args` (undefined: none). Unknown switches are passed over. */
export function bootHowto(args: string | undefined, variables: HowtoVariables): number {
  let howto = 0;
  for (const word of (args ?? "").split(/[ \t\n]+/)) howto |= argumentBits(word, variables);
  for (const [name, bit] of VARIABLES) {
    const value = variables.get(name);
    if (value !== undefined && value.toLowerCase() !== "no") howto |= bit;
  }
  return withConsoles(howto, variables.get("console") ?? "");
}

function argumentBits(word: string, variables: HowtoVariables): number {
  if (word === "") return 0;
  if (!word.startsWith("-")) {
    const equals = word.indexOf("=");
    if (equals < 0) variables.set(word, "1");
    else variables.set(word.slice(0, equals), word.slice(equals + 1));
    return 0;
  }
  let bits = 0;
  for (let i = 1; i < word.length; i++) {
    if (word[i] === "S") {
      variables.set("comconsole_speed", word.slice(i + 1));
      break;
    }
    bits |= SWITCHES[word[i]!] ?? 0;
  }
  return bits;
}

function withConsoles(howto: number, list: string): number {
  const consoles = list.split(/[ ,]+/);
  let bits = howto;
  if (consoles.includes("comconsole")) bits |= RB_SERIAL;
  if (consoles.includes("nullconsole")) bits |= RB_MUTE;
  if (consoles.includes("vidconsole") && (bits & RB_SERIAL) !== 0) bits |= RB_MULTIPLE;
  // With the screen as the only console, a serial line is for others to use.
  return list === "vidconsole" ? bits & ~RB_SERIAL : bits;
}
