// SPDX-License-Identifier: BSD-2-Clause
// The two little languages of a row. Operands are in the notation of SDM 2 appendix A.2: an upper-case
// letter says where an operand comes from, lower-case ones how wide it is. Encodings are SDM 2 §3.1.1's.
//
//   A  far pointer in the instruction      M  memory by ModRM.rm             S  segment by ModRM.reg
//   B  register by VEX.vvvv                N  MMX register by ModRM.rm       U  XMM/YMM register by ModRM.rm
//   C  control register by ModRM.reg       O  memory at an offset in the     V  XMM/YMM register by ModRM.reg
//   D  debug register by ModRM.reg            instruction                    W  XMM/YMM register or memory
//   E  register or memory by ModRM.rm      P  MMX register by ModRM.reg      X  memory at DS:rSI (string)
//   G  register by ModRM.reg               Q  MMX register or memory         Y  memory at ES:rDI (string)
//   H  XMM/YMM register by VEX.vvvv        R  register by ModRM.rm           Z  register in the opcode's low bits
//   I  immediate   J  relative   L  XMM/YMM register in an immediate's high nibble
//   K  memory at a base and each of a vector of indexes (VSIB, SDM 2 2.3.12); its width is that vector's
//
//   b 1 byte   w 2   d 4   q 8   t 10   dq 16   qq 32   x 16 or 32 by VEX.L   v 2, 4 or 8 by operand size
//   z 2 or 4 by operand size   y 4 or 8 by operand size   p far pointer   a pair for BOUND   s table register
//   (I only) s: 1 byte, sign-extended.   No width: memory that is not accessed by this size (LEA, INVLPG).
//
// Anything else is a fixed operand: al, cl, dx, rAX (v), eAX (z), 1, st, sti, xmm0, a segment's name.

export type Where =
  | "far"
  | "vexGpr"
  | "control"
  | "debug"
  | "gprOrMemory"
  | "gprReg"
  | "vexVector"
  | "immediate"
  | "relative"
  | "vectorImmediate"
  | "memory"
  | "mmxRm"
  | "offset"
  | "mmxReg"
  | "mmxOrMemory"
  | "gprRm"
  | "segment"
  | "vectorRm"
  | "vectorReg"
  | "vectorOrMemory"
  | "vectorMemory"
  | "string"
  | "gprOpcode"
  | "fixedGpr"
  | "stackRegister"
  | "one"
  | "named";

export type Width =
  | "b"
  | "w"
  | "d"
  | "q"
  | "t"
  | "dq"
  | "qq"
  | "x"
  | "v"
  | "z"
  | "y"
  | "p"
  | "a"
  | "s"
  | "";

export interface Operand {
  readonly text: string;
  readonly where: Where;
  readonly width: Width;
  /** Number of a fixedGpr. */
  readonly register: number;
}

const LETTERS: Readonly<Record<string, Where>> = {
  A: "far",
  B: "vexGpr",
  C: "control",
  D: "debug",
  E: "gprOrMemory",
  G: "gprReg",
  H: "vexVector",
  I: "immediate",
  J: "relative",
  K: "vectorMemory",
  L: "vectorImmediate",
  M: "memory",
  N: "mmxRm",
  O: "offset",
  P: "mmxReg",
  Q: "mmxOrMemory",
  R: "gprRm",
  S: "segment",
  U: "vectorRm",
  V: "vectorReg",
  W: "vectorOrMemory",
  X: "string",
  Y: "string",
  Z: "gprOpcode",
};

const FIXED: Readonly<Record<string, readonly [Where, Width, number]>> = {
  al: ["fixedGpr", "b", 0],
  cl: ["fixedGpr", "b", 1],
  dx: ["fixedGpr", "w", 2],
  rAX: ["fixedGpr", "v", 0],
  eAX: ["fixedGpr", "z", 0],
  "1": ["one", "b", 0],
  sti: ["stackRegister", "t", 0],
};

export function parseOperands(text: string): Operand[] {
  if (text === "") return [];
  return text.split(",").map((operand) => {
    const fixed = FIXED[operand];
    if (fixed !== undefined) {
      return { text: operand, where: fixed[0], width: fixed[1], register: fixed[2] };
    }
    const where = LETTERS[operand.charAt(0)];
    if (where === undefined) return { text: operand, where: "named", width: "", register: 0 };
    return { text: operand, where, width: operand.slice(1) as Width, register: 0 };
  });
}

const IN_MODRM: ReadonlySet<Where> = new Set<Where>([
  "control",
  "debug",
  "gprOrMemory",
  "gprReg",
  "memory",
  "mmxRm",
  "mmxReg",
  "mmxOrMemory",
  "gprRm",
  "segment",
  "stackRegister",
  "vectorRm",
  "vectorReg",
  "vectorOrMemory",
  "vectorMemory",
]);
const REGISTER_ONLY: ReadonlySet<Where> = new Set<Where>([
  "mmxRm",
  "gprRm",
  "vectorRm",
  "stackRegister",
]);

/** Opcode maps. VEX ones follow at a distance of VEX_MAPS. */
export const MAP_ONE_BYTE = 0;
export const MAP_0F = 1;
export const MAP_0F38 = 2;
export const MAP_0F3A = 3;
export const VEX_MAPS = 4;
export const MAP_COUNT = 8;

/** Mandatory-prefix classes, in the order a lookup key has them. */
export const PREFIX_NONE = 0;
export const PREFIX_66 = 1;
export const PREFIX_F3 = 2;
export const PREFIX_F2 = 3;

/** What an encoding demands of the bytes. Undefined demands nothing. */
export interface EncodingMatch {
  readonly map: number;
  readonly opcode: number;
  /** The opcode's low three bits hold a register. */
  readonly hasRegisterInOpcode: boolean;
  readonly hasModrm: boolean;
  readonly prefix: number | undefined;
  readonly w: 0 | 1 | undefined;
  readonly rexB: 0 | undefined;
  readonly vexL: 0 | 1 | undefined;
  readonly reg: number | undefined;
  readonly rm: number | undefined;
  readonly mod: "memory" | "register" | undefined;
}

const PREFIXES: Readonly<Record<string, number>> = {
  NP: PREFIX_NONE,
  "66": PREFIX_66,
  F3: PREFIX_F3,
  F2: PREFIX_F2,
};
const VEX_MAP_NAMES: Readonly<Record<string, number>> = {
  "0F": VEX_MAPS + MAP_0F,
  "0F38": VEX_MAPS + MAP_0F38,
  "0F3A": VEX_MAPS + MAP_0F3A,
};

type Draft = { -readonly [K in keyof EncodingMatch]: EncodingMatch[K] };

export function parseEncoding(encoding: string, operands: readonly Operand[]): EncodingMatch {
  const match: Draft = {
    map: MAP_ONE_BYTE,
    opcode: -1,
    hasRegisterInOpcode: false,
    hasModrm: operands.some((operand) => IN_MODRM.has(operand.where)),
    prefix: undefined,
    w: undefined,
    rexB: undefined,
    vexL: undefined,
    reg: undefined,
    rm: undefined,
    mod: modOf(operands),
  };
  for (const token of encoding.split(" ")) applyToken(match, token);
  if (match.reg !== undefined || match.mod !== undefined) match.hasModrm = true;
  return match;
}

function modOf(operands: readonly Operand[]): "memory" | "register" | undefined {
  if (operands.some(({ where }) => where === "memory" || where === "vectorMemory")) return "memory";
  return operands.some((operand) => REGISTER_ONLY.has(operand.where)) ? "register" : undefined;
}

function applyToken(match: Draft, token: string): void {
  if (token.startsWith("VEX.")) applyVex(match, token);
  else if (token.startsWith("/")) match.reg = Number(token.slice(1));
  else if (token === "reg") match.mod = "register";
  else if (token === "mem") match.mod = "memory";
  else if (token === "REX.W") match.w = 1;
  else if (token === "W0") match.w = 0;
  else if (token === "REX.B0") match.rexB = 0;
  else if (match.opcode < 0 && match.map === MAP_ONE_BYTE && PREFIXES[token] !== undefined) {
    match.prefix = PREFIXES[token];
  } else applyByte(match, token);
}

/** An opcode byte, an escape, or a fixed ModRM byte after the opcode ("+i" for a register in it). */
function applyByte(match: Draft, token: string): void {
  const value = Number.parseInt(token.slice(0, 2), 16);
  if (match.opcode < 0) {
    if (token === "0F" && match.map === MAP_ONE_BYTE) match.map = MAP_0F;
    else if (token === "38" && match.map === MAP_0F) match.map = MAP_0F38;
    else if (token === "3A" && match.map === MAP_0F) match.map = MAP_0F3A;
    else {
      match.opcode = value;
      match.hasRegisterInOpcode = token.endsWith("+r");
    }
    return;
  }
  match.mod = "register";
  match.reg = (value >> 3) & 7;
  if (!token.endsWith("+i")) match.rm = value & 7;
}

/** VEX.<length>.<prefix?>.<map>.<W?>: LZ and 128 demand L = 0, 256 demands 1, LIG nothing. */
function applyVex(match: Draft, token: string): void {
  match.prefix = PREFIX_NONE;
  for (const part of token.split(".").slice(1)) {
    if (part === "LZ" || part === "128") match.vexL = 0;
    else if (part === "256") match.vexL = 1;
    else if (part === "W0") match.w = 0;
    else if (part === "W1") match.w = 1;
    else if (VEX_MAP_NAMES[part] !== undefined) match.map = VEX_MAP_NAMES[part];
    else if (PREFIXES[part] !== undefined) match.prefix = PREFIXES[part];
  }
}
