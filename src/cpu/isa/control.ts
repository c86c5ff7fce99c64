// SPDX-License-Identifier: BSD-2-Clause
// Stack, branches, strings and port I/O.
import { CONDITION_FLAGS, CONDITIONS, type IsaRow, row } from "./row.ts";

const BRANCH = { ends: "branch" } as const;
const FAR = { ends: "branch-sync" } as const;
const NEAR = { ends: "branch", size: "f64" } as const;
const STACK = { size: "d64" } as const;

const CONDITIONAL_JUMPS: IsaRow[] = CONDITIONS.flatMap((condition, code) => {
  const options = { ...NEAR, aux: code, flags: CONDITION_FLAGS[code >> 1]! };
  return [
    row(`j${condition}`, "Jb", (0x70 + code).toString(16), "jcc", options),
    row(`j${condition}`, "Jz", `0F ${(0x80 + code).toString(16)}`, "jcc", options),
  ];
});

export const STACK_ROWS: readonly IsaRow[] = [
  row("push", "Zv", "50+r", "push", STACK),
  row("pop", "Zv", "58+r", "pop", STACK),
  row("push", "Iz", "68", "push", STACK),
  row("push", "Is", "6A", "push", STACK),
  row("push", "Ev", "FF /6", "push", STACK),
  row("pop", "Ev", "8F /0", "pop", STACK),
  ...["es", "cs", "ss", "ds"].map((segment, aux) =>
    row("push", segment, (0x06 + 8 * aux).toString(16).padStart(2, "0"), "pushSegment", {
      aux,
      mode: "legacy",
    }),
  ),
  row("push", "fs", "0F A0", "pushSegment", { ...STACK, aux: 4 }),
  row("push", "gs", "0F A8", "pushSegment", { ...STACK, aux: 5 }),
  row("pop", "es", "07", "popSegment", { aux: 0, mode: "legacy", ends: "sync" }),
  row("pop", "ss", "17", "popSegment", { aux: 2, mode: "legacy", ends: "sync" }),
  row("pop", "ds", "1F", "popSegment", { aux: 3, mode: "legacy", ends: "sync" }),
  row("pop", "fs", "0F A1", "popSegment", { ...STACK, aux: 4, ends: "sync" }),
  row("pop", "gs", "0F A9", "popSegment", { ...STACK, aux: 5, ends: "sync" }),
  row("pusha", "", "60", "pusha", { mode: "legacy" }),
  row("popa", "", "61", "popa", { mode: "legacy" }),
  row("pushf", "", "9C", "pushf", { ...STACK, flags: "tttttt" }),
  row("popf", "", "9D", "popf", { ...STACK, flags: "mmmmmm", ends: "sync" }),
  row("enter", "Iw,Ib", "C8", "enter", STACK),
  row("leave", "", "C9", "leave", STACK),
];

export const BRANCH_ROWS: readonly IsaRow[] = [
  ...CONDITIONAL_JUMPS,
  row("jmp", "Jb", "EB", "jmp", NEAR),
  row("jmp", "Jz", "E9", "jmp", NEAR),
  row("jmp", "Ev", "FF /4", "jmpIndirect", NEAR),
  row("jmp", "Ap", "EA", "jmpFar", { ...FAR, mode: "legacy" }),
  row("jmp", "Mp", "FF /5", "jmpFarIndirect", FAR),
  row("call", "Jz", "E8", "call", NEAR),
  row("call", "Ev", "FF /2", "callIndirect", NEAR),
  row("call", "Ap", "9A", "callFar", { ...FAR, mode: "legacy" }),
  row("call", "Mp", "FF /3", "callFarIndirect", FAR),
  row("ret", "", "C3", "ret", NEAR),
  row("ret", "Iw", "C2", "ret", NEAR),
  row("retf", "", "CB", "retFar", FAR),
  row("retf", "Iw", "CA", "retFar", FAR),
  row("loopne", "Jb", "E0", "loopne", { ...NEAR, flags: "--t---" }),
  row("loope", "Jb", "E1", "loope", { ...NEAR, flags: "--t---" }),
  row("loop", "Jb", "E2", "loop", NEAR),
  row("jrcxz", "Jb", "E3", "jcxz", NEAR),
  row("int3", "", "CC", "int3", FAR),
  row("int", "Ib", "CD", "int", FAR),
  row("into", "", "CE", "into", { ...FAR, flags: "t-----", mode: "legacy" }),
  row("int1", "", "F1", "int1", FAR),
  row("iret", "", "CF", "iret", { ...FAR, flags: "mmmmmm" }),
  row("bound", "Gv,Ma", "62", "bound", { mode: "legacy" }),
  row("ud0", "Gv,Ev", "0F FF", "ud", BRANCH),
  row("ud1", "Gv,Ev", "0F B9", "ud", BRANCH),
  row("ud2", "", "0F 0B", "ud", BRANCH),
];

// With a REP prefix a string instruction sets RIP itself: to the next instruction, or to its own address
// when it is interrupted. Without one it is an ordinary instruction. The decoder knows.
export const STRING_ROWS: readonly IsaRow[] = [
  row("movsb", "Yb,Xb", "A4", "movs"),
  row("movs", "Yv,Xv", "A5", "movs"),
  row("cmpsb", "Xb,Yb", "A6", "cmps", { flags: "mmmmmm" }),
  row("cmps", "Xv,Yv", "A7", "cmps", { flags: "mmmmmm" }),
  row("stosb", "Yb,al", "AA", "stos"),
  row("stos", "Yv,rAX", "AB", "stos"),
  row("lodsb", "al,Xb", "AC", "lods"),
  row("lods", "rAX,Xv", "AD", "lods"),
  row("scasb", "al,Yb", "AE", "scas", { flags: "mmmmmm" }),
  row("scas", "rAX,Yv", "AF", "scas", { flags: "mmmmmm" }),
  row("insb", "Yb,dx", "6C", "ins", FAR),
  row("ins", "Yz,dx", "6D", "ins", FAR),
  row("outsb", "dx,Xb", "6E", "outs", FAR),
  row("outs", "dx,Xz", "6F", "outs", FAR),
];

export const IO_ROWS: readonly IsaRow[] = [
  row("in", "al,Ib", "E4", "in", { ends: "sync" }),
  row("in", "eAX,Ib", "E5", "in", { ends: "sync" }),
  row("out", "Ib,al", "E6", "out", { ends: "sync" }),
  row("out", "Ib,eAX", "E7", "out", { ends: "sync" }),
  row("in", "al,dx", "EC", "in", { ends: "sync" }),
  row("in", "eAX,dx", "ED", "in", { ends: "sync" }),
  row("out", "dx,al", "EE", "out", { ends: "sync" }),
  row("out", "dx,eAX", "EF", "out", { ends: "sync" }),
];
