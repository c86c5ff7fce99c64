// SPDX-License-Identifier: BSD-2-Clause
// Where our disassembly and iced-x86's are meant to differ, and why.

/** A way of writing the same thing: applied to iced-x86's text, or to both. */
export interface Respelling {
  readonly of: "theirs" | "both";
  readonly pattern: RegExp;
  readonly replacement: string;
  readonly reason: string;
}

const RESPELLINGS: readonly Respelling[] = [
  {
    of: "theirs",
    pattern: /^((bnd|notrack|hint-taken|hint-not-taken|xacquire|xrelease) )+/,
    replacement: "",
    reason:
      "hints to processors with MPX, CET, HLE or static branch prediction: without effect here",
  },
  {
    of: "theirs",
    pattern: /^rep (?=ret)/,
    replacement: "",
    reason: "REP before RET has no effect",
  },
  {
    of: "theirs",
    pattern: /^repne (?=movs|stos|lods|ins|outs)/,
    replacement: "rep ",
    reason: "REPNE before strings that compare nothing repeats as REP does",
  },
  {
    of: "theirs",
    pattern: /ret far/,
    replacement: "retf",
    reason: "the manual's other name for a far RET",
  },
  {
    of: "theirs",
    pattern: /(jmp|call) far (0x[0-9a-f]+), (0x[0-9a-f]+)$/,
    replacement: "$1 far $3:$2",
    reason: "a far pointer is written selector first",
  },
  {
    of: "both",
    pattern: /^(f\w+ .*?)\bst\b(?!\()(, )?/,
    replacement: "$1",
    reason:
      "the top of the x87 stack is an operand of nearly everything: rows name it where it matters",
  },
  {
    of: "both",
    pattern: /, $/,
    replacement: "",
    reason: "what is left of that",
  },
  {
    of: "both",
    pattern: /^(data\d+ )?(f\w+ )(fpuenv\d+ ptr |fpustate\d+ ptr )?(?=\[|\w\w:\[)/,
    replacement: "$2",
    reason:
      "the size of an x87 environment in memory: ours tells the operand size, theirs the bytes",
  },
  {
    of: "both",
    pattern:
      /^(addr\d+ )?(v?maskmov(?:q|dqu)) (?:[qx]\w+ ptr (?:\w\w:)?\[\w+\], )?(\w+, \w+)(, \w\w)?$/,
    replacement: "$2 $3",
    reason:
      "memory at rDI, which no operand names: ours shows all of it, theirs a prefix or a segment",
  },
];

/** A whole instruction that is written otherwise. */
export interface Difference {
  readonly ours: RegExp;
  readonly theirs: RegExp;
  readonly reason: string;
}

const DIFFERENCES: readonly Difference[] = [
  {
    ours: /^nop$/,
    theirs: /^xchg (ax, ax|eax, eax|rax, rax)$/,
    reason: "90 is NOP whatever the operand size",
  },
  {
    ours: /^nop \S/,
    theirs:
      /^(nop|reservednop|cldemote|endbr32|endbr64|rdssp[dq]|prefetchit[01]|bnd\w+|clrssbsy)\b/,
    reason:
      "reserved NOPs have one operand that counts, and are NOPs on a processor without CET or MPX",
  },
  {
    ours: /^prefetch /,
    theirs: /^(prefetchwt1|prefetch_exclusive|prefetch_reserved|prefetchw) /,
    reason: "the other digits of 0F 0D prefetch, without a name of their own",
  },
  {
    ours: /^mov .*\b(segr[67]|cs|cr\d+|dr\d+)\b/,
    theirs: /^\(bad\)$/,
    reason:
      "segment, control and debug registers that do not exist raise #UD when they are executed",
  },
  {
    ours: /^(fcom2|fcomp[35]|fxch[47]|fstp[189]) /,
    theirs: /^(fcomp?|fxch|fstp|fstpnce) /,
    reason: "encodings that repeat another's work have names of their own",
  },
];

function respell(text: string, whose: "ours" | "theirs"): string {
  let result = text;
  for (const { of, pattern, replacement } of RESPELLINGS) {
    if (of === "both" || of === whose) result = result.replace(pattern, replacement);
  }
  return result.trimEnd();
}

/** True if two disassemblies of one instruction say the same. */
export function isSame(ours: string, theirs: string): boolean {
  if (respell(ours, "ours") === respell(theirs, "theirs")) return true;
  return DIFFERENCES.some((each) => each.ours.test(ours) && each.theirs.test(theirs));
}
