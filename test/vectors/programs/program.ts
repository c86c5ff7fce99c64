// SPDX-License-Identifier: BSD-2-Clause
// A short program as a list of instructions and labels, so that instructions can be taken out of it again, and
// its bytes: branches and RIP-relative operands follow what they are about wherever it moves.
import { type Choice, encode, immediateSizes, RIP_BASE } from "../encoder.ts";
import { type Layout, PAGE } from "../native/layouts.ts";
import type { Snapshot } from "../snapshot.ts";
import type { MemoryPiece } from "../vector.ts";

/** A place that branches go to. */
export interface Label {
  readonly kind: "label";
}

export interface Instruction {
  readonly kind: "instruction";
  readonly choice: Choice;
  /** Where a relative branch goes. */
  readonly target?: Label;
  /** The place whose address is the instruction's immediate: MOV of a function's address. */
  readonly addressOf?: Label;
  /** The linear address of a RIP-relative operand. */
  readonly operand?: bigint;
}

export type Item = Label | Instruction;

/** Where programs end: the first byte behind the code page, which is not mapped. */
export const END: Label = { kind: "label" };

export interface Program {
  /** What to say to make it again. */
  readonly name: string;
  readonly layout: Layout;
  /** What it starts from, RIP included. */
  readonly registers: Snapshot;
  /** Every byte of the writable pages, and what surrounds the program in its own. */
  readonly memory: readonly MemoryPiece[];
  readonly items: readonly Item[];
}

export interface Assembly {
  readonly code: Uint8Array;
  /** Instructions by their address. */
  readonly instructions: ReadonlyMap<bigint, Instruction>;
  /** Behind the last one. */
  readonly next: bigint;
}

export function newLabel(): Label {
  return { kind: "label" };
}

/** Lays items out from `start` on; undefined if a branch does not reach its target, or they need too much room. */
export function assemble(
  items: readonly Item[],
  start: bigint,
  { code: page }: Layout,
): Assembly | undefined {
  const end = page + PAGE;
  const places = new Map<Item, bigint>([[END, end]]);
  let at = start;
  for (const item of items) {
    places.set(item, at);
    if (item.kind === "instruction") at += BigInt(encode(item.choice).length);
  }
  if (at > end) return undefined;
  const bytes = new Uint8Array(Number(at - start));
  const instructions = new Map<bigint, Instruction>();
  for (const item of items) {
    if (item.kind === "label") continue;
    const place = places.get(item)!;
    const next = place + BigInt(encode(item.choice).length);
    if (!settle(item, next, places)) return undefined;
    bytes.set(encode(item.choice), Number(place - start));
    instructions.set(place, item);
  }
  return { code: bytes, instructions, next: at };
}

/** Puts distances and addresses into an instruction that is followed by `next`. */
function settle(item: Instruction, next: bigint, places: ReadonlyMap<Item, bigint>): boolean {
  const { choice, target, addressOf, operand } = item;
  if (addressOf !== undefined) choice.immediates[0] = places.get(addressOf) ?? 0n;
  if (choice.memory?.base === RIP_BASE && operand !== undefined) {
    const distance = operand - next;
    if (BigInt.asIntN(32, distance) !== distance) return false;
    choice.memory.displacement = Number(distance);
  }
  if (target === undefined) return true;
  // A label that was taken out with what is around it: nothing goes there any more.
  const distance = (places.get(target) ?? next) - next;
  choice.immediates[0] = distance;
  const bits = 8 * immediateSizes(choice)[0]!;
  return BigInt.asIntN(bits, distance) === distance;
}
