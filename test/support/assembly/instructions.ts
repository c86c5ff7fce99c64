// SPDX-License-Identifier: BSD-2-Clause
// What system programs are written with: mnemonics of the manual and how they are encoded (SDM 2). An encoding that
// is not here is written with `db`.
import type { Encoder } from "./encoder.ts";
import type { Operand, Register, Value } from "./operand.ts";

export type Instruction = (e: Encoder, operands: readonly Operand[]) => void;

const CONDITIONS = "o no b ae e ne be a s ns p np l ge le g".split(" ");
const ARITHMETIC = "add or adc sbb and sub xor cmp".split(" ");
const SHIFTS = "rol ror rcl rcr shl shr sal sar".split(" ");

/** No operands, and no size. */
const FIXED: Readonly<Record<string, readonly number[]>> = {
  nop: [0x90],
  pause: [0xf3, 0x90],
  hlt: [0xf4],
  cli: [0xfa],
  sti: [0xfb],
  cld: [0xfc],
  std: [0xfd],
  clc: [0xf8],
  stc: [0xf9],
  int3: [0xcc],
  int1: [0xf1],
  into: [0xce],
  ud2: [0x0f, 0x0b],
  syscall: [0x0f, 0x05],
  sysret: [0x0f, 0x07],
  sysretq: [0x48, 0x0f, 0x07],
  sysenter: [0x0f, 0x34],
  sysexit: [0x0f, 0x35],
  sysexitq: [0x48, 0x0f, 0x35],
  swapgs: [0x0f, 0x01, 0xf8],
  clts: [0x0f, 0x06],
  invd: [0x0f, 0x08],
  wbinvd: [0x0f, 0x09],
  rdmsr: [0x0f, 0x32],
  wrmsr: [0x0f, 0x30],
  rdtsc: [0x0f, 0x31],
  rdpmc: [0x0f, 0x33],
  cpuid: [0x0f, 0xa2],
  xgetbv: [0x0f, 0x01, 0xd0],
  xsetbv: [0x0f, 0x01, 0xd1],
  clac: [0x0f, 0x01, 0xca],
  stac: [0x0f, 0x01, 0xcb],
  leave: [0xc9],
  cbw: [0x66, 0x98],
  fninit: [0xdb, 0xe3],
  fwait: [0x9b],
  fld1: [0xd9, 0xe8],
  lock: [0xf0],
  rep: [0xf3],
  repe: [0xf3],
  repne: [0xf2],
  o16: [0x66],
  a32: [0x67],
  retfq: [0x48, 0xcb],
  cs: [0x2e],
};

/** Memory or register operand and a digit: opcode, digit, and the size that counts where the text says none. */
const ONE_OPERAND: Readonly<Record<string, readonly [readonly number[], number, number?]>> = {
  lgdt: [[0x0f, 0x01], 2],
  lidt: [[0x0f, 0x01], 3],
  sgdt: [[0x0f, 0x01], 0],
  sidt: [[0x0f, 0x01], 1],
  invlpg: [[0x0f, 0x01], 7],
  fxsave: [[0x0f, 0xae], 0],
  fxrstor: [[0x0f, 0xae], 1],
  ldmxcsr: [[0x0f, 0xae], 2],
  stmxcsr: [[0x0f, 0xae], 3],
  xsave: [[0x0f, 0xae], 4],
  xrstor: [[0x0f, 0xae], 5],
  xsaveopt: [[0x0f, 0xae], 6],
  xsavec: [[0x0f, 0xc7], 4],
  cmpxchg16b: [[0x0f, 0xc7], 1, 64],
  lldt: [[0x0f, 0x00], 2],
  ltr: [[0x0f, 0x00], 3],
  sldt: [[0x0f, 0x00], 0],
  str: [[0x0f, 0x00], 1],
  verr: [[0x0f, 0x00], 4],
  verw: [[0x0f, 0x00], 5],
  smsw: [[0x0f, 0x01], 4],
  lmsw: [[0x0f, 0x01], 6],
};

/** Sizes of string instructions by their last letter. */
const LETTERS: Readonly<Record<string, number>> = { b: 8, w: 16, d: 32, q: 64 };
const STRINGS: Readonly<Record<string, number>> = {
  ins: 0x6c,
  outs: 0x6e,
  movs: 0xa4,
  cmps: 0xa6,
  stos: 0xaa,
  lods: 0xac,
  scas: 0xae,
};

const table = new Map<string, Instruction>();

/** Size of an instruction by its operands; the code's own (32 in 64-bit code) where they do not say. */
function sizeOf(e: Encoder, operands: readonly Operand[]): number {
  for (const operand of operands) {
    if ((operand.kind === "register" || operand.kind === "memory") && operand.size !== 0) {
      return operand.size;
    }
  }
  return e.bits === 16 ? 16 : 32;
}

function wide(size: number): number {
  return size === 8 ? 0 : 1;
}

function isByteRex(operand: Operand): boolean {
  return operand.kind === "register" && operand.needsRex;
}

function numberOf(operand: Operand): number {
  return "number" in operand ? operand.number : 0;
}

function isSmall({ value, isLabel }: Value): boolean {
  return !isLabel && value >= -128n && value < 128n;
}

for (const [name, bytes] of Object.entries(FIXED)) table.set(name, (e) => e.put(...bytes));

for (const [name, [opcode, digit, size = 0]] of Object.entries(ONE_OPERAND)) {
  table.set(name, (e, [rm]) => {
    const said = rm!.kind === "memory" || rm!.kind === "register" ? rm!.size : 0;
    const isSelector = opcode[1] === 0;
    e.form({ opcode, reg: digit, rm: rm!, size: size || (isSelector || said < 32 ? 0 : said) });
  });
}
for (const name of ["fxsave", "fxrstor", "xsave", "xrstor", "xsaveopt", "xsavec"]) {
  const plain = table.get(name)!;
  table.set(`${name}64`, (e, [rm]) => plain(e, [{ ...rm!, size: 64 } as Operand]));
}

ARITHMETIC.forEach((name, digit) => {
  table.set(name, (e, operands) => {
    const [a, b] = operands as [Operand, Operand];
    const size = sizeOf(e, operands);
    const needsRex = isByteRex(a) || isByteRex(b);
    if (b.kind === "immediate") {
      const isByte = size === 8 || isSmall(b.value);
      const opcode = [size === 8 ? 0x80 : isByte ? 0x83 : 0x81];
      e.form({ opcode, reg: digit, rm: a, size });
      e.immediate(b.value, isByte ? 8 : size);
    } else if (b.kind === "memory") {
      e.form({ opcode: [8 * digit + 2 + wide(size)], reg: numberOf(a), rm: b, size, needsRex });
    } else e.form({ opcode: [8 * digit + wide(size)], reg: numberOf(b), rm: a, size, needsRex });
  });
});

SHIFTS.forEach((name, digit) => {
  table.set(name, (e, operands) => {
    const [a, b] = operands as [Operand, Operand];
    const size = sizeOf(e, [a]);
    const isImmediate = b.kind === "immediate";
    e.form({ opcode: [(isImmediate ? 0xc0 : 0xd2) + wide(size)], reg: digit, rm: a, size });
    if (isImmediate) e.immediate(b.value, 8);
  });
});

/** Exchanges and tests: register with register or memory. */
for (const [name, opcode] of [
  ["test", [0x84]],
  ["xchg", [0x86]],
  ["cmpxchg", [0x0f, 0xb0]],
  ["xadd", [0x0f, 0xc0]],
] as const) {
  table.set(name, (e, operands) => {
    const [a, b] = operands as [Operand, Operand];
    const size = sizeOf(e, operands);
    const last = opcode.at(-1)! + wide(size);
    e.form({ opcode: [...opcode.slice(0, -1), last], reg: numberOf(b), rm: a, size });
  });
}

for (const [name, opcode, digit] of [
  ["inc", 0xfe, 0],
  ["dec", 0xfe, 1],
  ["not", 0xf6, 2],
  ["neg", 0xf6, 3],
  ["mul", 0xf6, 4],
  ["div", 0xf6, 6],
  ["idiv", 0xf6, 7],
] as const) {
  table.set(name, (e, operands) => {
    const size = sizeOf(e, operands);
    e.form({ opcode: [opcode + wide(size)], reg: digit, rm: operands[0]!, size });
  });
}

for (const [name, opcode] of [
  ["lea", [0x8d]],
  ["lss", [0x0f, 0xb2]],
  ["lfs", [0x0f, 0xb4]],
  ["lgs", [0x0f, 0xb5]],
  ["les", [0xc4]],
  ["lds", [0xc5]],
  ["lar", [0x0f, 0x02]],
  ["lsl", [0x0f, 0x03]],
  ["bound", [0x62]],
  ["movzxb", [0x0f, 0xb6]],
] as const) {
  table.set(name, (e, operands) => {
    const [a, b] = operands as [Register, Operand];
    e.form({ opcode, reg: a.number, rm: b, size: a.size });
  });
}

table.set("arpl", (e, [a, b]) => e.form({ opcode: [0x63], reg: numberOf(b!), rm: a! }));
table.set("invpcid", (e, [a, b]) =>
  e.form({ opcode: [0x0f, 0x38, 0x82], reg: numberOf(a!), rm: b!, mandatory: 0x66 }),
);
table.set("movaps", (e, [a, b]) => {
  if (a!.kind === "vector") e.form({ opcode: [0x0f, 0x28], reg: a!.number, rm: b! });
  else e.form({ opcode: [0x0f, 0x29], reg: numberOf(b!), rm: a! });
});
table.set("movups", (e, [a, b]) => {
  if (a!.kind === "vector") e.form({ opcode: [0x0f, 0x10], reg: a!.number, rm: b! });
  else e.form({ opcode: [0x0f, 0x11], reg: numberOf(b!), rm: a! });
});
["rdfsbase", "rdgsbase", "wrfsbase", "wrgsbase"].forEach((name, reg) => {
  table.set(name, (e, [rm]) =>
    e.form({ opcode: [0x0f, 0xae], reg, rm: rm!, size: sizeOf(e, [rm!]), mandatory: 0xf3 }),
  );
});

table.set("mov", (e, operands) => {
  const [a, b] = operands as [Operand, Operand];
  const special = [a, b].find(({ kind }) => kind === "control" || kind === "debug");
  if (special !== undefined) {
    const isTo = special === a;
    const opcode = (special.kind === "control" ? 0x20 : 0x21) + (isTo ? 2 : 0);
    e.form({ opcode: [0x0f, opcode], reg: numberOf(special), rm: isTo ? b : a });
  } else if (a.kind === "segment") e.form({ opcode: [0x8e], reg: a.number, rm: b });
  else if (b.kind === "segment") {
    e.form({ opcode: [0x8c], reg: b.number, rm: a, size: a.kind === "register" ? a.size : 0 });
  } else if (b.kind === "immediate") movImmediate(e, a, b.value);
  else movPlain(e, a, b);
});

function movPlain(e: Encoder, a: Operand, b: Operand): void {
  const size = sizeOf(e, [a, b]);
  const needsRex = isByteRex(a) || isByteRex(b);
  if (b.kind === "memory") {
    e.form({ opcode: [0x8a + wide(size)], reg: numberOf(a), rm: b, size, needsRex });
  } else e.form({ opcode: [0x88 + wide(size)], reg: numberOf(b), rm: a, size, needsRex });
}

/** A 64-bit register gets an unsigned number of 32 bits by its lower half. */
function movImmediate(e: Encoder, a: Operand, value: Value): void {
  if (a.kind !== "register") {
    const size = sizeOf(e, [a]);
    e.form({ opcode: [0xc6 + wide(size)], reg: 0, rm: a, size });
    e.immediate(value, size);
    return;
  }
  const isShort = a.size === 64 && value.value >= 0n && value.value < 1n << 32n;
  const size = isShort ? 32 : a.size;
  e.plain([size === 8 ? 0xb0 : 0xb8], size, a);
  e.number(value.value, size);
}

const PUSH_SEGMENT = [[0x06], [0x0e], [0x16], [0x1e], [0x0f, 0xa0], [0x0f, 0xa8]];
const POP_SEGMENT = [[0x07], [], [0x17], [0x1f], [0x0f, 0xa1], [0x0f, 0xa9]];

table.set("push", (e, operands) => {
  const [a] = operands as [Operand];
  if (a.kind === "segment") e.put(...PUSH_SEGMENT[a.number]!);
  else if (a.kind === "immediate") {
    e.put(isSmall(a.value) ? 0x6a : 0x68);
    e.number(a.value.value, isSmall(a.value) ? 8 : e.bits === 16 ? 16 : 32);
  } else if (a.kind === "register") e.plain([0x50], a.size, a, true);
  else e.form({ opcode: [0xff], reg: 6, rm: a, size: stackSize(e, a), isDefault64: true });
});

table.set("pop", (e, operands) => {
  const [a] = operands as [Operand];
  if (a.kind === "segment") e.put(...POP_SEGMENT[a.number]!);
  else if (a.kind === "register") e.plain([0x58], a.size, a, true);
  else e.form({ opcode: [0x8f], reg: 0, rm: a, size: stackSize(e, a), isDefault64: true });
});

function stackSize(e: Encoder, operand: Operand): number {
  return operand.kind === "memory" && operand.size !== 0 ? operand.size : e.bits;
}

/** Of the code's own size, 16 bits, 32 or 64. */
for (const [name, opcode, isDefault64] of [
  ["pushf", 0x9c, true],
  ["popf", 0x9d, true],
  ["iret", 0xcf, false],
  ["pusha", 0x60, false],
  ["popa", 0x61, false],
] as const) {
  table.set(name, (e) => e.put(opcode));
  for (const [letter, size] of Object.entries(LETTERS)) {
    if (size !== 8)
      table.set(name + letter, (e) => e.plain([opcode], size, undefined, isDefault64));
  }
}

for (const [name, opcode] of Object.entries(STRINGS)) {
  for (const [letter, size] of Object.entries(LETTERS)) {
    table.set(name + letter, (e) => e.plain([opcode + wide(size)], size));
  }
}

/** Near returns and far ones, with bytes to release. */
for (const [name, opcode, size] of [
  ["ret", 0xc3, 0],
  ["retf", 0xcb, 0],
  ["retfw", 0xcb, 16],
  ["retfd", 0xcb, 32],
] as const) {
  table.set(name, (e, [release]) => {
    e.plain([release === undefined ? opcode : opcode - 1], size);
    if (release?.kind === "immediate") e.number(release.value.value, 16);
  });
}

function branch(near: number, digit: number, far: number) {
  return (e: Encoder, operands: readonly Operand[]): void => {
    const [a] = operands as [Operand];
    if (a.kind === "immediate") {
      e.put(near);
      e.distance(a.value);
    } else if (a.kind === "far") {
      e.put(far);
      e.number(a.offset.value, e.bits === 16 ? 16 : 32);
      e.number(a.selector.value, 16);
    } else if (a.kind === "memory" && a.isFar) {
      e.form({ opcode: [0xff], reg: digit + 1, rm: a, size: a.size });
    } else e.form({ opcode: [0xff], reg: digit, rm: a, size: sizeOf(e, [a]), isDefault64: true });
  };
}

table.set("jmp", branch(0xe9, 4, 0xea));
table.set("call", branch(0xe8, 2, 0x9a));
for (const [name, opcode] of [
  ["jmps", 0xeb],
  ["loopne", 0xe0],
  ["loope", 0xe1],
  ["loop", 0xe2],
  ["jrcxz", 0xe3],
] as const) {
  table.set(name, (e, [target]) => {
    e.put(opcode);
    if (target?.kind === "immediate") e.distance(target.value, 8);
  });
}
CONDITIONS.forEach((condition, code) => {
  table.set(`j${condition}`, (e, [target]) => {
    e.put(0x0f, 0x80 + code);
    if (target?.kind === "immediate") e.distance(target.value);
  });
  table.set(`set${condition}`, (e, [a]) => e.form({ opcode: [0x0f, 0x90 + code], reg: 0, rm: a! }));
});
table.set("setz", table.get("sete")!);
table.set("setc", table.get("setb")!);
table.set("jz", table.get("je")!);
table.set("jnz", table.get("jne")!);
table.set("jc", table.get("jb")!);
table.set("jnc", table.get("jae")!);

table.set("int", (e, [vector]) => {
  e.put(0xcd);
  if (vector?.kind === "immediate") e.number(vector.value.value, 8);
});

/** in al, 0x60; in eax, dx; out 0x60, al; out dx, eax */
table.set("in", (e, [a, port]) => portAccess(e, 0xe4, a!, port!));
table.set("out", (e, [port, a]) => portAccess(e, 0xe6, a!, port!));

function portAccess(e: Encoder, opcode: number, a: Operand, port: Operand): void {
  const size = sizeOf(e, [a]);
  e.plain([opcode + wide(size) + (port.kind === "immediate" ? 0 : 8)], size);
  if (port.kind === "immediate") e.number(port.value.value, 8);
}

/** Instructions by mnemonic. A prefix is an instruction of its own here. */
export const INSTRUCTIONS: ReadonlyMap<string, Instruction> = table;
/** Mnemonics that another one may follow in the same statement. */
export const PREFIXES: ReadonlySet<string> = new Set("lock rep repe repne o16 a32 cs".split(" "));
