// SPDX-License-Identifier: BSD-2-Clause
// Guest code as text, read without any effect on the guest.
import { hex } from "../base/bits.ts";
import { pairToBigInt } from "../base/u64.ts";
import type { Cpu } from "../cpu/cpu.ts";
import { MAX_INSTRUCTION } from "../cpu/decode/decoder.ts";
import { Lookup } from "../cpu/decode/lookup.ts";
import { Disassembler } from "../cpu/disasm/disassembler.ts";
import type { ProcessorModel } from "../cpu/model.ts";
import { RIP } from "../cpu/state-layout.ts";
import { GuestView } from "./guest-view.ts";

/** Columns of the bytes in {@link instructionText}: few instructions are longer. */
const BYTE_COLUMNS = 20;

/** A decoder's tables, built once for a processor. */
const lookups = new WeakMap<ProcessorModel, Lookup>();

export function lookupFor(model: ProcessorModel): Lookup {
  const known = lookups.get(model);
  if (known !== undefined) return known;
  const made = new Lookup(model.features);
  lookups.set(model, made);
  return made;
}

/** The instruction at a vCPU's RIP: its bytes and what they mean. Changes nothing the guest could notice. */
export function instructionText(cpu: Cpu): string {
  const { s, codeSize } = cpu;
  const guest = new GuestView(cpu);
  const bytes = guest.bytes(guest.codeAddress, MAX_INSTRUCTION);
  if (bytes.length === 0) return `(nothing at ${hex(guest.codeAddress)})`;
  const address = pairToBigInt(s[RIP]!, s[RIP + 1]!);
  const disassembler = new Disassembler(lookupFor(cpu.model));
  const { text, length } = disassembler.disassemble(bytes, { codeSize, address });
  const digits = Array.from(bytes.subarray(0, length), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
  return `${digits.padEnd(BYTE_COLUMNS)} ${text}`;
}
