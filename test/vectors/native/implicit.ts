// SPDX-License-Identifier: BSD-2-Clause
// What instructions use without an operand saying so, by the manual's mnemonic: registers whose value
// matters, and registers that point to memory.

const RAX = 0;
const RCX = 1;
const RDX = 2;
const RBX = 3;
const RSP = 4;
const RBP = 5;
const RSI = 6;
const RDI = 7;

export interface Implicit {
  /** Numbers of registers with a value worth choosing. */
  readonly values: readonly number[];
  /** Registers that point into the data pages. */
  readonly data: readonly number[];
  /** Registers that point into the stack page. */
  readonly stack: readonly number[];
}

const NONE: Implicit = { values: [], data: [], stack: [] };

function uses(values: readonly number[], data: readonly number[] = []): Implicit {
  return { values, data, stack: [] };
}

const STACK: Implicit = { values: [], data: [], stack: [RSP] };

const BY_MNEMONIC: Readonly<Record<string, Implicit>> = {
  mul: uses([RAX, RDX]),
  imul: uses([RAX, RDX]),
  mulx: uses([RDX]),
  div: uses([RAX, RDX]),
  idiv: uses([RAX, RDX]),
  cbw: uses([RAX]),
  cwd: uses([RAX, RDX]),
  cmpxchg: uses([RAX]),
  cmpxchg8b: uses([RAX, RDX, RCX, RBX]),
  cmpxchg16b: uses([RAX, RDX, RCX, RBX]),
  lahf: uses([RAX]),
  sahf: uses([RAX]),
  xlat: uses([RAX], [RBX]),
  loop: uses([RCX]),
  loope: uses([RCX]),
  loopne: uses([RCX]),
  jrcxz: uses([RCX]),
  rdmsr: uses([RCX, RAX, RDX]),
  wrmsr: uses([RCX, RAX, RDX]),
  xsetbv: uses([RCX, RAX, RDX]),
  in: uses([RAX, RDX]),
  out: uses([RAX, RDX]),
  insb: uses([RDX, RCX], [RDI]),
  ins: uses([RDX, RCX], [RDI]),
  outsb: uses([RDX, RCX], [RSI]),
  outs: uses([RDX, RCX], [RSI]),
  movsb: uses([RCX], [RSI, RDI]),
  movs: uses([RCX], [RSI, RDI]),
  cmpsb: uses([RCX], [RSI, RDI]),
  cmps: uses([RCX], [RSI, RDI]),
  stosb: uses([RAX, RCX], [RDI]),
  stos: uses([RAX, RCX], [RDI]),
  lodsb: uses([RAX, RCX], [RSI]),
  lods: uses([RAX, RCX], [RSI]),
  scasb: uses([RAX, RCX], [RDI]),
  scas: uses([RAX, RCX], [RDI]),
  push: STACK,
  pop: STACK,
  pushf: STACK,
  popf: STACK,
  call: STACK,
  ret: STACK,
  retf: STACK,
  iret: STACK,
  enter: { values: [], data: [], stack: [RSP, RBP] },
  leave: { values: [], data: [], stack: [RSP, RBP] },
  maskmovq: uses([], [RDI]),
  maskmovdqu: uses([], [RDI]),
  vmaskmovdqu: uses([], [RDI]),
  pcmpestri: uses([RAX, RDX]),
  pcmpestrm: uses([RAX, RDX]),
  vpcmpestri: uses([RAX, RDX]),
  vpcmpestrm: uses([RAX, RDX]),
  xsave: uses([RAX, RDX]),
  xrstor: uses([RAX, RDX]),
};

export function implicitUse(mnemonic: string): Implicit {
  return BY_MNEMONIC[mnemonic] ?? NONE;
}
