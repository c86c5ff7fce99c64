// SPDX-License-Identifier: BSD-2-Clause
// What is not recorded on the host, and why. Three lists: instructions whose outcome depends on more than a
// vector says; encodings on which the makers of processors differ, where ours follows Intel's manual; and
// outcomes that an instruction leaves open or that the operating system has a hand in.
import type { IsaRow } from "../../../src/cpu/isa/row.ts";
import { isGather } from "../choices.ts";
import { operandSize } from "../encoder.ts";
import { FIELD_BY_NAME, FSW_AT, FTW_AT, MXCSR_AT, type Snapshot } from "../snapshot.ts";
import { isResultUndefined } from "../undefined-flags.ts";
import { type Layout, PAGE } from "./layouts.ts";
import type { NativeAnswer } from "./native-host.ts";
import type { Scenario } from "./scenario.ts";

/** By mnemonic, or by a row's name. */
const SKIPPED: Readonly<Record<string, string>> = {
  syscall: "calls the host's kernel",
  sysenter: "calls the host's kernel, or is #UD on AMD",
  sysexit: "#UD in long mode on AMD",
  sysret: "AMD and Intel check in different orders",
  int1: "its #DB cannot be told from the harness's single step",
  "nop Ev (0F 0D)": "PREFETCHW's register forms are NOPs on Intel and undefined on AMD",
  cpuid: "says what the host is",
  rdtsc: "says what time it is",
  rdtscp: "says what time it is, and where",
  rdpmc: "depends on what the host's kernel allows",
  rdpid: "says which processor runs it",
  rdrand: "is random",
  rdseed: "is random",
  xgetbv: "says what the host's kernel has enabled",
  sgdt: "UMIP: the kernel emulates it or does not",
  sidt: "UMIP: the kernel emulates it or does not",
  sldt: "UMIP: the kernel emulates it or does not",
  str: "UMIP: the kernel emulates it or does not",
  smsw: "UMIP: the kernel emulates it or does not",
  lar: "reads the kernel's descriptor table",
  lsl: "reads the kernel's descriptor table",
  verr: "reads the kernel's descriptor table",
  verw: "reads the kernel's descriptor table, and flushes buffers",
  clac: "AMD: #GP where Intel has #UD",
  stac: "AMD: #GP where Intel has #UD",
  xsave: "its layout is the host's",
  xsave64: "its layout is the host's",
  xsavec: "its layout is the host's",
  xsavec64: "its layout is the host's",
  xsaveopt: "writes what the host thinks has changed",
  xsaveopt64: "writes what the host thinks has changed",
  xsaves: "privileged, and its layout is the host's",
  xrstor: "its layout is the host's",
  xrstor64: "its layout is the host's",
};

/** What vectors of a row are called, before their number. */
export function rowName({ mnemonic, operands, encoding }: IsaRow): string {
  return `${mnemonic} ${operands} (${encoding})`;
}

/** Why nothing of a row is recorded; undefined if something is. */
export function rowObstacle(row: IsaRow): string | undefined {
  return SKIPPED[row.mnemonic] ?? SKIPPED[rowName(row)];
}

/** Where canonical addresses go on, less the largest operand. */
const UPPER_HALF = 0xffff_8000_0000_0000n - 64n;

interface Rule<T extends unknown[]> {
  readonly reason: string;
  readonly applies: (...about: T) => boolean;
}

/** Encodings that differ between makers, or that mean the host's own state. */
const ENCODING_RULES: readonly Rule<[Scenario]>[] = [
  {
    reason: "AMD lets 66 shorten near branches in 64-bit mode, Intel ignores it",
    applies: ({ choice }) =>
      choice.parsed.row.size === "f64" &&
      choice.parsed.row.ends === "branch" &&
      choice.prefixes.includes(0x66),
  },
  {
    reason: "AMD has no far pointers with 64-bit offsets",
    applies: ({ choice }) =>
      choice.w === 1 && choice.parsed.operands.some(({ width }) => width === "p"),
  },
  {
    reason: "where operands in parts go on behind the last 32-bit address is not documented",
    applies: ({ choice, effective }) =>
      choice.prefixes.includes(0x67) &&
      (choice.parsed.operands.some(({ width }) => width === "p" || width === "t") ||
        /^vp?maskmov/.test(choice.parsed.row.mnemonic)) &&
      effective !== undefined &&
      effective > 0xffff_ffe0n,
  },
  {
    reason: "INT 80h calls the host's kernel",
    applies: ({ choice }) =>
      choice.parsed.row.mnemonic === "int" && (choice.immediates[0]! & 0xffn) === 0x80n,
  },
  {
    reason: "loads of other selectors than null read the kernel's descriptor table",
    applies: ({ choice, registers }) =>
      choice.parsed.row.op === "movToSegment" &&
      (choice.memory !== undefined || (registers.gpr(choice.rm) & 0xfffcn) !== 0n),
  },
  {
    reason: "a null selector clears the base of FS and GS on Intel alone",
    applies: ({ choice }) => choice.parsed.row.op === "movToSegment" && (choice.reg & 7) >= 4,
  },
  {
    reason:
      "AMD lets F2 and F3 choose between LOOPE and LOOPNE, Intel's manual gives them no meaning",
    applies: ({ choice }) =>
      choice.parsed.row.mnemonic.startsWith("loop") &&
      (choice.prefixes.includes(0xf2) || choice.prefixes.includes(0xf3)),
  },
  {
    reason: "with a segment base AMD wants the effective address canonical as well",
    applies: ({ effective, operand }) =>
      effective !== undefined &&
      effective !== operand &&
      BigInt.asUintN(64, BigInt.asIntN(48, effective)) !== effective,
  },
  {
    reason: "the upper half of the address space is the host's kernel's",
    applies: ({ operand }) => operand !== undefined && operand >= UPPER_HALF,
  },
  {
    reason: "the result of double shifts by more than the width is undefined",
    applies: ({ choice, shift }) =>
      shift !== undefined && isResultUndefined(choice.parsed.row, shift),
  },
  {
    reason: "SHA's memory operands must be aligned to Intel, and need not to AMD",
    applies: ({ choice, operand }) =>
      choice.parsed.row.feature === "SHA" && operand !== undefined && (operand & 15n) !== 0n,
  },
  {
    reason: "BSWAP of 16 bits is undefined",
    applies: ({ choice }) => choice.parsed.row.mnemonic === "bswap" && operandSize(choice) === 2,
  },
];

/** Linux's highest user address, and one more. */
const TASK_SIZE = 0x7fff_ffff_f000n;
const FLAG_ZF = 0x40n;
const FLAG_AC = 1 << 18;

const RSP = 4;
const RSI = 6;
const RDI = 7;

/** Eight bytes from `address` on are data. */
function isMapped({ data, stack }: Layout, address: bigint): boolean {
  const isIn = (start: bigint, length: bigint) =>
    address >= start && address + 8n <= start + length;
  return isIn(data, 2n * PAGE) || isIn(stack, PAGE);
}

const STATUS_C1 = 0x200n;
const STATUS_ES = 0x80n;
const FSW = FIELD_BY_NAME.get("fsw")!;

/** Misaligned SSE operands raise #AC instead of #GP. */
const MXCSR_MM = 1 << 17;

/** TOP is zero and no register is empty. */
function isInMmxOperation({ view, bytes }: Snapshot): boolean {
  return (view.getUint16(FSW_AT, true) & 0x3800) === 0 && bytes[FTW_AT] === 0xff;
}

const OUTCOME_RULES: readonly Rule<[Scenario, NativeAnswer]>[] = [
  {
    reason: "it left 64-bit code",
    applies: (_scenario, { hasLeft }) => hasLeft,
  },
  {
    reason: "with a segment base AMD wants the effective address canonical as well",
    applies: ({ choice, effective, operand }, { trap }) =>
      (isGather(choice.parsed)
        ? choice.prefixes.includes(0x64) || choice.prefixes.includes(0x65)
        : /^bt[src]?$/.test(choice.parsed.row.mnemonic) && effective !== operand) &&
      trap?.vector === 13,
  },
  {
    reason: "Linux hides what it knows of page faults at its own addresses",
    applies: (_scenario, { trap }) =>
      trap !== undefined && trap.vector === 14 && trap.cr2 >= TASK_SIZE,
  },
  {
    reason: "AMD reads all of the frame of RETF and IRET before it looks at any of it",
    applies: ({ choice }, { trap }) =>
      /^(retf|iret)$/.test(choice.parsed.row.mnemonic) &&
      (trap?.vector === 14 || trap?.vector === 17),
  },
  {
    reason:
      "AMD pushes the return address of a far call to 32-bit code with a 32-bit stack pointer",
    applies: ({ choice, registers }, { trap }) =>
      choice.parsed.row.op === "callFarIndirect" &&
      trap?.vector === 14 &&
      registers.gpr(RSP) > 0xffff_ffffn &&
      trap.cr2 <= 0xffff_ffffn,
  },
  {
    reason: "CMPS with two operands that fault: which one comes first is the processor's choice",
    applies: ({ choice, layout }, { trap, registers }) =>
      /^cmpsb?$/.test(choice.parsed.row.mnemonic) &&
      trap !== undefined &&
      [RSI, RDI].every((register) => {
        const bits = choice.prefixes.includes(0x67) ? 32 : 64;
        const address = BigInt.asUintN(bits, registers.gpr(register));
        return (registers.flags & FLAG_AC) !== 0 || !isMapped(layout, address);
      }),
  },
  {
    reason: "loads of other selectors than null read the kernel's descriptor table",
    applies: ({ choice }, { trap }) =>
      /^(popSegment|loadFarPointer)$/.test(choice.parsed.row.op) && trap === undefined,
  },
  {
    reason:
      "AMD sets C0, C2 and C3 although a comparison's exception is not masked, Intel does not",
    applies: ({ choice, registers: before }, { registers }) =>
      /^f(com|tst)$/.test(choice.parsed.row.op) &&
      (registers.read(FSW) & STATUS_ES) !== 0n &&
      (before.read(FSW) & STATUS_ES) === 0n,
  },
  {
    reason: "CVTPI2PS from memory is an MMX instruction to Intel, and none to AMD",
    applies: ({ choice, registers }, { registers: after }) =>
      choice.parsed.row.op === "cvtpi2ps" &&
      choice.memory !== undefined &&
      (!isInMmxOperation(registers) || (after.read(FSW) & STATUS_ES) !== 0n),
  },
  {
    reason: "MASKMOVQ enters MMX operation before it faults on AMD, which nobody documents",
    applies: ({ choice, registers }, { trap }) =>
      choice.parsed.row.mnemonic === "maskmovq" &&
      trap !== undefined &&
      !isInMmxOperation(registers),
  },
  {
    reason: "MXCSR and its mask have a bit 17 on AMD",
    applies: ({ choice }, { registers, trap }) =>
      (registers.view.getUint32(MXCSR_AT, true) & MXCSR_MM) !== 0 ||
      (choice.parsed.row.op === "fxsave" && trap === undefined),
  },
  {
    reason:
      "whether 16 bytes must be aligned to more than 8 with RFLAGS.AC is the processor's choice",
    applies: ({ hasVectors, registers, operand }, { trap }) =>
      hasVectors &&
      trap?.vector === 17 &&
      (registers.flags & FLAG_AC) !== 0 &&
      operand !== undefined &&
      (operand & 7n) === 0n,
  },
  {
    reason: "whether FXSAVE and FXRSTOR raise #AC or #GP is the processor's choice",
    applies: ({ choice }, { trap }) => choice.parsed.row.feature === "FXSR" && trap?.vector === 17,
  },
  {
    reason: "which alignment MASKMOVDQU has is not documented",
    applies: ({ choice, registers }, { trap }) =>
      /^v?maskmovdqu$/.test(choice.parsed.row.mnemonic) &&
      trap !== undefined &&
      (registers.flags & FLAG_AC) !== 0,
  },
  {
    reason: "where operands in parts go on behind the last 32-bit address is not documented",
    // AMD wraps the second half around, where it may fault and ours does not.
    applies: ({ choice, registers }) =>
      /^v?maskmov(q|dqu)$/.test(choice.parsed.row.mnemonic) &&
      choice.prefixes.includes(0x67) &&
      BigInt.asUintN(32, registers.gpr(RDI)) > 0xffff_fff0n,
  },
  {
    reason: "FCOMI and its kin clear C1 on Intel, and leave it on AMD",
    applies: ({ choice, registers }) =>
      /^fu?comip?$/.test(choice.parsed.row.mnemonic) && (registers.read(FSW) & STATUS_C1) !== 0n,
  },
  {
    reason: "which byte of a whole state faults first is the processor's choice",
    applies: ({ choice }, { trap }) =>
      /^(fldenv|fnstenv|frstor|fnsave|fxsave|fxrstor)/.test(choice.parsed.row.mnemonic) &&
      trap?.vector === 14,
  },
  {
    reason: "BSF and BSR of zero leave their destination undefined",
    applies: ({ choice }, { registers }) =>
      /^bs[fr]$/.test(choice.parsed.row.mnemonic) && (registers.words[17]! & FLAG_ZF) !== 0n,
  },
];

/** Why a scenario is not to be run; undefined if it is. */
export function encodingObstacle(scenario: Scenario): string | undefined {
  return ENCODING_RULES.find(({ applies }) => applies(scenario))?.reason;
}

/** Why an outcome is not to be recorded; undefined if it is. */
export function outcomeObstacle(scenario: Scenario, answer: NativeAnswer): string | undefined {
  return OUTCOME_RULES.find(({ applies }) => applies(scenario, answer))?.reason;
}
