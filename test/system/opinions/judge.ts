// SPDX-License-Identifier: BSD-2-Clause
// A peer's answer held against a case: put into a machine of ours, halt by halt, it is judged by the case's own
// expectation; and then bit by bit against what our interpreter leaves.
import { chai } from "vitest";
import { settleFlags } from "../../../src/cpu/flags.ts";
import { STATE_FIELDS } from "../../../src/cpu/state-fields.ts";
import {
  ACTIVITY,
  ACTIVITY_SHUTDOWN,
  CS,
  RIP,
  SEG_ACCESS,
  SEG_BASE,
  SEG_WORDS,
  SEGMENTS,
} from "../../../src/cpu/state-layout.ts";
import { RAM_OFFSET } from "../../../src/mmu/machine-layout.ts";
import { LARGE, USED } from "../../support/system/layout.ts";
import { expectResult, loadCase, type SystemCase } from "../../support/system/system-case.ts";
import { SystemMachine } from "../../support/system/system-machine.ts";
import type { Answer } from "./answers.ts";
import { exchangeStubs, imageOf, imageOffset } from "./rom.ts";
import { fromOthers, fromSaveArea } from "./save-area.ts";

export interface Verdict {
  /** Why the case's expectation is not met; undefined if it is. */
  readonly objection: string | undefined;
  /** What else is not as our interpreter leaves it. */
  readonly differences: readonly string[];
}

// Whole lists of what was seen, not their first entries.
chai.config.truncateThreshold = 0;

/** No program is longer. */
const LIMIT = 20_000;
const HLT = 0xf4;
const UNUSABLE = 1 << 16;

/** State that both have. */
const COMPARED: ReadonlySet<string> = new Set(
  "gpr rip flags cr0 cr2 cr3 cr4 efer cpl dr dr6 dr7 segments gdtr idtrLimit idtrBase star lstar cstar sfmask kernelGsBase sysenterCs sysenterEsp sysenterEip".split(
    " ",
  ),
);
const FIELDS = STATE_FIELDS.filter(([name]) => COMPARED.has(name));
const SEGMENT_NAMES = "es cs ss ds fs gs ldtr tr".split(" ");
const SEGMENT_FIELDS = "selector access limit spare base base+".split(" ");
const REGISTER_NAMES = "rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15".split(" ");

const theirs = new SystemMachine({ engine: "interpreter" });
const ours = new SystemMachine({ engine: "interpreter" });

export function judge(each: SystemCase, answer: Answer): Verdict {
  const ending = replay(each, answer);
  let objection: string | undefined;
  try {
    expectResult(theirs, each, ending);
  } catch (failure) {
    objection = (failure as Error).message;
  }
  return { objection, differences: differencesOf(each, ending) };
}

/** Puts the answer into {@link theirs}; how it ended. */
function replay(each: SystemCase, answer: Answer): string {
  loadCase(theirs, each);
  const before = imageOf(theirs);
  for (const halt of answer.halts) {
    const { state } = theirs;
    fromSaveArea(halt.area, state);
    fromOthers(halt.others, state);
    putImage(before, halt.changes);
    theirs.vcpu.stateChanged();
    if (!theirs.isInStub || (state[RIP]! & 15) !== 1) continue;
    // Our stubs write to a port, which is a byte longer.
    state[RIP] = state[RIP]! + 1;
    theirs.takeEntry();
  }
  if (answer.left !== undefined) putImage(before, answer.left);
  if (answer.end !== "halt") return answer.end ?? "no answer";
  return isBehindHalt() ? "halt" : "endless";
}

function putImage(before: Uint8Array, changes: ReadonlyMap<number, number>): void {
  const image = before.slice();
  exchangeStubs(image);
  const view = new DataView(image.buffer);
  for (const [gpa, value] of changes) view.setUint32(imageOffset(gpa), value, true);
  exchangeStubs(image, true);
  const { bytes } = theirs.memory;
  bytes.set(image.subarray(0, USED), RAM_OFFSET);
  bytes.set(image.subarray(USED), RAM_OFFSET + LARGE);
}

function isBehindHalt(): boolean {
  const { state, vcpu, memory } = theirs;
  const base = vcpu.cpu.is64 ? 0 : state[SEGMENTS + CS * SEG_WORDS + SEG_BASE]!;
  const place = vcpu.cpu.mem.peek((base + state[RIP]! - 1) | 0, state[RIP + 1]!);
  return place >= 0 && memory.bytes[place] === HLT;
}

function differencesOf(each: SystemCase, ending: string): string[] {
  loadCase(ours, each);
  ours.advance(LIMIT);
  const isShutDown = (ours.state[ACTIVITY]! & ACTIVITY_SHUTDOWN) !== 0;
  const differences: string[] = [];
  // Behind a reset there is nothing to compare but memory.
  if (!isShutDown && ending !== "shutdown") differences.push(...stateDifferences());
  const [image, other] = [imageOf(ours), imageOf(theirs)];
  for (let at = 0; at < image.length; at++) {
    if (image[at] === other[at]) continue;
    const gpa = at >= USED ? at - USED + LARGE : at;
    differences.push(`byte 0x${gpa.toString(16)}: ${hex(other[at]!)}, ours ${hex(image[at]!)}`);
  }
  return differences;
}

function stateDifferences(): string[] {
  settleFlags(ours.state);
  settleFlags(theirs.state);
  return FIELDS.flatMap(([name, word, words]) => {
    const differences: string[] = [];
    for (let i = 0; i < words; i++) {
      const [a, b] = [theirs.state[word + i]!, ours.state[word + i]!];
      if (a === b || (name === "segments" && !matters(i))) continue;
      differences.push(`${wordName(name, i)}: ${hex(a)}, ours ${hex(b)}`);
    }
    return differences;
  });
}

/** Of a segment that cannot be used nothing but the selector is anybody's business. */
function matters(word: number): boolean {
  const segment = Math.floor(word / SEG_WORDS);
  if (word % SEG_WORDS === 0 || segment === CS) return true;
  const at = SEGMENTS + segment * SEG_WORDS + SEG_ACCESS;
  return (ours.state[at]! & theirs.state[at]! & UNUSABLE) === 0;
}

function wordName(field: string, word: number): string {
  if (field === "segments") {
    return `${SEGMENT_NAMES[Math.floor(word / SEG_WORDS)]} ${SEGMENT_FIELDS[word % SEG_WORDS]}`;
  }
  if (field === "gpr") return `${REGISTER_NAMES[word >> 1]}${word % 2 === 0 ? "" : "+"}`;
  return word === 0 ? field : `${field}+${word}`;
}

function hex(value: number): string {
  return (value >>> 0).toString(16);
}
