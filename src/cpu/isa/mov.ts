// SPDX-License-Identifier: BSD-2-Clause
// Moves, exchanges and conversions of the integer set.
import { CONDITION_FLAGS, CONDITIONS, type IsaRow, row } from "./row.ts";

const CONDITIONAL: IsaRow[] = CONDITIONS.flatMap((condition, code) => {
  const opcode = (base: number) => (base + code).toString(16).toUpperCase();
  const options = { aux: code, flags: CONDITION_FLAGS[code >> 1]! };
  return [
    row(`cmov${condition}`, "Gv,Ev", `0F ${opcode(0x40)}`, "cmov", options),
    row(`set${condition}`, "Eb", `0F ${opcode(0x90)}`, "set", options),
  ];
});

export const MOV_ROWS: readonly IsaRow[] = [
  row("mov", "Eb,Gb", "88", "mov"),
  row("mov", "Ev,Gv", "89", "mov"),
  row("mov", "Gb,Eb", "8A", "mov"),
  row("mov", "Gv,Ev", "8B", "mov"),
  row("mov", "al,Ob", "A0", "mov"),
  row("mov", "rAX,Ov", "A1", "mov"),
  row("mov", "Ob,al", "A2", "mov"),
  row("mov", "Ov,rAX", "A3", "mov"),
  row("mov", "Zb,Ib", "B0+r", "mov"),
  row("mov", "Zv,Iv", "B8+r", "mov"),
  row("mov", "Eb,Ib", "C6 /0", "mov"),
  row("mov", "Ev,Iz", "C7 /0", "mov"),
  row("movnti", "My,Gy", "NP 0F C3", "mov", { feature: "SSE2" }),

  // 66 is the operand size here; F3 is undefined, F2 is CRC32.
  row("movbe", "Gv,Mv", "NP 0F 38 F0", "movbe", { feature: "MOVBE" }),
  row("movbe", "Gv,Mv", "66 0F 38 F0", "movbe", { feature: "MOVBE" }),
  row("movbe", "Mv,Gv", "NP 0F 38 F1", "movbe", { feature: "MOVBE" }),
  row("movbe", "Mv,Gv", "66 0F 38 F1", "movbe", { feature: "MOVBE" }),

  row("movzx", "Gv,Eb", "0F B6", "movzx8"),
  row("movzx", "Gv,Ew", "0F B7", "movzx16"),
  row("movsx", "Gv,Eb", "0F BE", "movsx8"),
  row("movsx", "Gv,Ew", "0F BF", "movsx16"),
  row("movsxd", "Gv,Ed", "63", "movsxd", { mode: "64" }),

  row("lea", "Gv,M", "8D", "lea"),
  row("xchg", "Eb,Gb", "86", "xchg", { canLock: true }),
  row("xchg", "Ev,Gv", "87", "xchg", { canLock: true }),
  row("xchg", "Zv,rAX", "90+r", "xchg"),
  row("nop", "", "REX.B0 90", "nop"),
  // With REX.B it is PAUSE, too, not XCHG with R8.
  row("pause", "", "F3 REX.B0 90", "pause"),
  row("pause", "", "F3 90", "pause"),
  row("xadd", "Eb,Gb", "0F C0", "xadd", { canLock: true, flags: "mmmmmm" }),
  row("xadd", "Ev,Gv", "0F C1", "xadd", { canLock: true, flags: "mmmmmm" }),
  row("cmpxchg", "Eb,Gb", "0F B0", "cmpxchg", { canLock: true, flags: "mmmmmm" }),
  row("cmpxchg", "Ev,Gv", "0F B1", "cmpxchg", { canLock: true, flags: "mmmmmm" }),
  row("cmpxchg8b", "Mq", "0F C7 /1", "cmpxchg8b", { canLock: true, flags: "--m---" }),
  row("cmpxchg16b", "Mdq", "REX.W 0F C7 /1", "cmpxchg8b", {
    canLock: true,
    flags: "--m---",
    feature: "CX16",
  }),
  row("bswap", "Zv", "0F C8+r", "bswap"),

  ...CONDITIONAL,
  row("cbw", "", "98", "cbw"),
  row("cwd", "", "99", "cwd"),
  row("xlat", "", "D7", "xlat"),

  row("nop", "Ev", "0F 1F", "nop"),
  // The rest of the reserved NOP space, where CET and MPX live on processors that have them.
  row("nop", "Ev", "0F 19", "nop"),
  row("nop", "Ev", "0F 1A", "nop"),
  row("nop", "Ev", "0F 1B", "nop"),
  row("nop", "Ev", "0F 1C", "nop"),
  row("nop", "Ev", "0F 1D", "nop"),
  row("nop", "Ev", "0F 1E", "nop"),

  row("cmc", "", "F5", "cmc", { flags: "-----x" }),
  row("clc", "", "F8", "clc", { flags: "-----0" }),
  row("stc", "", "F9", "stc", { flags: "-----1" }),
  row("cld", "", "FC", "cld"),
  row("std", "", "FD", "std"),
  row("lahf", "", "9F", "lahf", { flags: "-ttttt" }),
  row("sahf", "", "9E", "sahf", { flags: "-mmmmm" }),
  row("salc", "", "D6", "salc", { flags: "-----t", mode: "legacy" }),
];
