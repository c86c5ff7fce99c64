// SPDX-License-Identifier: BSD-2-Clause
// Words of the vCPU's state by name, for who reads what the translator has written.
import {
  JUMP_CACHE_OFFSET,
  TLB_CONTEXT,
  TLB_TABLE,
  VCPU_STATE_OFFSET,
} from "../../mmu/machine-layout.ts";
import { JUMP_CACHE_BYTES } from "../interp/jump-cache.ts";
import { STATE_FIELDS } from "../state-fields.ts";
import {
  BLOCK,
  CC_KIND,
  CC_RESULT,
  CC_SOURCE,
  GPR,
  REMAINING,
  SEG_ACCESS,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SEG_WORDS,
  SEGMENTS,
  STATE_WORDS,
  YMM,
  YMM_WORDS,
} from "../state-layout.ts";

/** In encoding order. */
export const GPR_NAMES: readonly string[] = [
  ...["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"],
  ...["r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"],
];

const SEGMENT_NAMES = ["es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr"];
const SEGMENT_PARTS = [
  ["selector", SEG_SELECTOR],
  ["access", SEG_ACCESS],
  ["limit", SEG_LIMIT],
  ["base", SEG_BASE],
] as const;

/** Name by word: STATE_FIELDS, and what is finer than those. */
const NAMES: ReadonlyMap<number, string> = new Map([
  ...STATE_FIELDS.map(([name, word]) => [word, name] as const),
  [TLB_TABLE, "tlbTable"],
  [TLB_CONTEXT, "tlbContext"],
  [CC_KIND, "cc_kind"],
  [CC_RESULT, "cc_result"],
  [CC_SOURCE, "cc_source"],
  [REMAINING, "remaining"],
  [BLOCK, "block"],
  ...GPR_NAMES.map((name, register) => [GPR + 2 * register, name] as const),
  ...SEGMENT_NAMES.flatMap((name, segment) =>
    SEGMENT_PARTS.map(
      ([part, word]) => [SEGMENTS + segment * SEG_WORDS + word, `${name}.${part}`] as const,
    ),
  ),
  ...GPR_NAMES.map((_, register) => [YMM + register * YMM_WORDS, `ymm${register}`] as const),
]);

/** What lies at a constant offset in the machine's memory; undefined for what is no place of its own. */
export function placeName(offset: number): string | undefined {
  const byte = offset - VCPU_STATE_OFFSET;
  if (byte >= 0 && byte < 4 * STATE_WORDS) {
    let word = byte >> 2;
    while (word > 0 && !NAMES.has(word)) word--;
    return plus(NAMES.get(word) ?? "state", byte - 4 * word);
  }
  const inJumps = offset - JUMP_CACHE_OFFSET;
  return inJumps >= 0 && inJumps < JUMP_CACHE_BYTES ? plus("jumpCache", inJumps) : undefined;
}

function plus(name: string, bytes: number): string {
  return bytes === 0 ? name : `${name}+${bytes}`;
}
