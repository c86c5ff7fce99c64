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

/** The tables of a disassembler are built once for a processor. */
const disassemblers = new WeakMap<ProcessorModel, Disassembler>();

function disassemblerFor(model: ProcessorModel): Disassembler {
  const known = disassemblers.get(model);
  if (known !== undefined) return known;
  const made = new Disassembler(new Lookup(model.features));
  disassemblers.set(model, made);
  return made;
}

/** The instruction at a vCPU's RIP: its bytes and what they mean. Changes nothing the guest could notice. */
export function instructionText(cpu: Cpu): string {
  const { s, codeSize } = cpu;
  const guest = new GuestView(cpu);
  const bytes = guest.bytes(guest.codeAddress, MAX_INSTRUCTION);
  if (bytes.length === 0) return `(nothing at ${hex(guest.codeAddress)})`;
  const address = pairToBigInt(s[RIP]!, s[RIP + 1]!);
  const { text, length } = disassemblerFor(cpu.model).disassemble(bytes, { codeSize, address });
  const digits = Array.from(bytes.subarray(0, length), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
  return `${digits.padEnd(BYTE_COLUMNS)} ${text}`;
}
