// SPDX-License-Identifier: BSD-2-Clause
// What a row leaves open, chosen: prefixes, operand and address size, register or memory form, registers,
// displacements, immediates. A shape is the part that can be enumerated; a random number generator fills in
// the rest.
import { PREFIX_NONE } from "../../src/cpu/isa/notation.ts";
import type { ParsedRow } from "../../src/cpu/isa/table.ts";
import type { SeededRandom } from "../support/random.ts";
import {
  addressSize,
  type Choice,
  type CodeSize,
  immediateSizes,
  isVex,
  type MemoryForm,
  mandatoryPrefix,
  NO_BASE,
  NO_INDEX,
  RIP_BASE,
} from "./encoder.ts";

export type Form =
  | "none"
  | "register"
  | "base"
  | "base+8"
  | "base+32"
  | "base+index"
  | "base+index+8"
  | "base+index+32"
  | "index+32"
  | "absolute"
  | "rip"
  | "16";

const MEMORY_FORMS: readonly Form[] = [
  ...(["base", "base+8", "base+32", "base+index", "base+index+8", "base+index+32"] as const),
  ...(["index+32", "absolute", "rip"] as const),
];

/** Prefixes that change nothing for most instructions, and everything for some. */
export type Extra =
  | ""
  | "f2"
  | "f3"
  | "lock"
  | "26"
  | "2e"
  | "36"
  | "3e"
  | "64"
  | "65"
  | "67"
  | "rex";
const EXTRAS: readonly Extra[] = [
  ...(["f2", "f3", "lock", "26", "2e", "36", "3e", "64", "65", "67", "rex"] as const),
];

export interface Shape {
  readonly has66: boolean;
  readonly w: 0 | 1;
  readonly vexL: 0 | 1;
  readonly form: Form;
  readonly extras: readonly Extra[];
}

interface Size {
  readonly has66: boolean;
  readonly w: 0 | 1;
  readonly vexL: 0 | 1;
}

/** The index register is a vector: SDM 2 2.3.12. */
export function isGather({ operands }: ParsedRow): boolean {
  return operands.some(({ where }) => where === "vectorMemory");
}

function sizes(parsed: ParsedRow, codeSize: CodeSize): Size[] {
  const { match } = parsed;
  const ws = match.w !== undefined ? [match.w] : ([0, 1] as const);
  const result: Size[] = [];
  if (isVex(parsed)) {
    const ls = match.vexL !== undefined ? [match.vexL] : ([0, 1] as const);
    for (const w of ws) for (const vexL of ls) result.push({ has66: false, w, vexL });
    return result;
  }
  const can66 = match.prefix !== PREFIX_NONE && mandatoryPrefix(parsed) !== 0x66;
  for (const w of codeSize === 64 ? ws : ([0] as const)) {
    result.push({ has66: false, w, vexL: 0 });
    if (can66) result.push({ has66: true, w, vexL: 0 });
  }
  return result;
}

/** The operand forms of a row; "16" stands for the eight 16-bit addressing forms. */
function forms(parsed: ParsedRow, codeSize: CodeSize): readonly Form[] {
  const { match } = parsed;
  if (!match.hasModrm) return ["none"];
  if (isGather(parsed)) return MEMORY_FORMS.filter((form) => form.includes("index"));
  const memory = codeSize === 64 ? MEMORY_FORMS : MEMORY_FORMS.filter((form) => form !== "rip");
  if (match.mod === "register") return ["register"];
  return match.mod === "memory" ? memory : ["register", ...memory];
}

function extras(parsed: ParsedRow, codeSize: CodeSize): Extra[] {
  return EXTRAS.filter((extra) => {
    switch (extra) {
      case "f2":
      case "f3":
        return !isVex(parsed) && parsed.match.prefix === undefined;
      case "lock":
        return parsed.row.canLock;
      // With 16-bit addresses there are no indexes; in 16-bit code a gather has the prefix anyway.
      case "67":
        return codeSize === 64 || !isGather(parsed);
      case "rex":
        return codeSize === 64 && !isVex(parsed);
      default:
        return true;
    }
  });
}

/** True if the row exists in code of this size. */
export function existsIn({ row }: ParsedRow, codeSize: CodeSize): boolean {
  return row.mode === "any" || (row.mode === "64") === (codeSize === 64);
}

/** Every operand size with every form, and every further prefix with some of them. */
export function enumerateShapes(parsed: ParsedRow, codeSize: CodeSize): Shape[] {
  const all = sizes(parsed, codeSize);
  const shapes: Shape[] = [];
  for (const form of forms(parsed, codeSize)) {
    for (const size of all) shapes.push({ ...size, form, extras: [] });
  }
  const some = forms(parsed, codeSize).filter((form) => SIMPLE.has(form));
  for (const extra of extras(parsed, codeSize)) {
    for (const form of some) {
      if (extra === "lock" && form === "register") continue;
      for (const size of all) shapes.push({ ...size, form, extras: [extra] });
    }
  }
  return shapes;
}

const SIMPLE: ReadonlySet<Form> = new Set<Form>(["none", "register", "base+8", "base+index+32"]);

/** Any shape of a row, the plain ones more often. */
export function randomShape(parsed: ParsedRow, codeSize: CodeSize, random: SeededRandom): Shape {
  const chosen: Extra[] = [];
  const available = extras(parsed, codeSize);
  while (available.length > 0 && random.below(4) === 0) chosen.push(random.pick(available));
  const choices = forms(parsed, codeSize);
  const canRegister = choices.includes("register") && random.below(2) === 0;
  return {
    ...random.pick(sizes(parsed, codeSize)),
    form: canRegister ? "register" : random.pick(choices),
    extras: [...new Set(chosen)],
  };
}

/** Who chooses general registers: by the part they play, among `count`. */
export type RegisterChooser = (
  part: "reg" | "rm" | "base" | "index" | "opcode" | "vex",
  count: number,
) => number;

const PREFIX_BYTES: Readonly<Record<Extra, number>> = {
  "": 0,
  f2: 0xf2,
  f3: 0xf3,
  lock: 0xf0,
  "26": 0x26,
  "2e": 0x2e,
  "36": 0x36,
  "3e": 0x3e,
  "64": 0x64,
  "65": 0x65,
  "67": 0x67,
  rex: 0,
};

function prefixes(parsed: ParsedRow, shape: Shape, random: SeededRandom): number[] {
  const bytes = shape.extras.map((extra) => PREFIX_BYTES[extra]).filter((byte) => byte !== 0);
  if (shape.has66) bytes.push(0x66);
  const mandatory = mandatoryPrefix(parsed);
  if (mandatory !== undefined) bytes.push(mandatory);
  // Their order is free.
  for (let i = bytes.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [bytes[i], bytes[j]] = [bytes[j]!, bytes[i]!];
  }
  return bytes;
}

const USES_VVVV: ReadonlySet<string> = new Set(["vexGpr", "vexVector"]);

/** Numbers of the registers that ModRM.reg may name where not all of them exist. */
function regCount(parsed: ParsedRow, count: number): number {
  return parsed.operands.some(({ where }) => where === "segment") ? 6 : count;
}

/** Fills a shape in: registers by `choose`, displacements and immediates at random. */
export function completeShape(
  parsed: ParsedRow,
  codeSize: CodeSize,
  shape: Shape,
  random: SeededRandom,
  choose: RegisterChooser = (_part, count) => random.below(count),
): Choice {
  const { match, operands } = parsed;
  const count = codeSize === 64 ? 16 : 8;
  const choice: Choice = {
    parsed,
    codeSize,
    prefixes: prefixes(parsed, shape, random),
    hasRex: shape.extras.includes("rex"),
    w: shape.w,
    reg: match.reg ?? choose("reg", regCount(parsed, count)),
    rm: match.rm ?? choose("rm", count),
    memory: undefined,
    opcodeRegister: match.rexB === 0 ? random.below(8) : choose("opcode", count),
    vexRegister: operands.some(({ where }) => USES_VVVV.has(where)) ? choose("vex", count) : 0,
    vexL: shape.vexL,
    hasLongVex: random.below(2) === 0,
    immediates: [],
  };
  if (isGather(parsed) && codeSize === 16) choice.prefixes.unshift(0x67);
  // The extension bits of fixed fields are free as well, but mean nothing.
  if (!match.hasRegisterInOpcode) choice.opcodeRegister = 0;
  if (shape.form !== "none" && shape.form !== "register") {
    choice.memory = memoryForm(shape.form, addressSize(choice), random, (part) =>
      choose(part, count),
    );
  }
  if (isGather(parsed)) nameThree(choice, count, random);
  choice.immediates = immediateSizes(choice).map((size) => randomImmediate(size, random));
  return choice;
}

/** Destination, index and mask of a gather are three registers. */
function nameThree(choice: Choice, count: number, random: SeededRandom): void {
  const first = random.below(count);
  const second = 1 + random.below(count - 2);
  const third = second + 1 + random.below(count - 1 - second);
  choice.reg = first;
  choice.memory!.index = (first + second) % count;
  choice.vexRegister = (first + third) % count;
}

function memoryForm(
  form: Form,
  size: 2 | 4 | 8,
  random: SeededRandom,
  choose: (part: "base" | "index") => number,
): MemoryForm {
  const has8 = form.endsWith("+8");
  const has32 = form.endsWith("+32");
  if (size === 2) return memoryForm16(form, random);
  const index = form.includes("index") ? choose("index") : NO_INDEX;
  const isBaseless = form === "index+32" || form === "absolute";
  return {
    base: form === "rip" ? RIP_BASE : isBaseless ? NO_BASE : choose("base"),
    // rSP cannot be an index.
    index: index === 4 ? 5 : index,
    scale: random.below(4),
    displacement: has8
      ? (random.next() << 24) >> 24
      : has32 || isBaseless || form === "rip"
        ? random.next() | 0
        : 0,
    displacementSize: has8 ? 1 : has32 || isBaseless ? 4 : 0,
    hasSib: random.below(8) === 0,
    form16: -1,
  };
}

function memoryForm16(form: Form, random: SeededRandom): MemoryForm {
  return {
    base: NO_BASE,
    index: NO_INDEX,
    scale: 0,
    displacement: (random.next() << 16) >> 16,
    displacementSize: random.pick([0, 1, 2] as const),
    hasSib: false,
    form16: form === "absolute" ? -1 : random.below(8),
  };
}

/** Small, extreme and arbitrary values. */
function randomImmediate(size: number, random: SeededRandom): bigint {
  const bits = 8 * size;
  switch (random.below(4)) {
    case 0:
      return BigInt(random.below(5) - 2);
    case 1:
      return random.pick([1n << BigInt(bits - 1), (1n << BigInt(bits - 1)) - 1n, 127n, -128n]);
    default:
      return (BigInt(random.next()) << 32n) | BigInt(random.next());
  }
}
