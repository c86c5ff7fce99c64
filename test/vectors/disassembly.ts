// SPDX-License-Identifier: BSD-2-Clause
// An independent disassembler's opinion: iced-x86, in Intel syntax.
import { Decoder, DecoderOptions, Formatter, FormatterSyntax } from "iced-x86";

let formatter: Formatter | undefined;

/** One instruction as text; "(bad)" where iced-x86 knows none. */
export function disassemble(code: Uint8Array, rip = 0n, bitness = 64): string {
  formatter ??= new Formatter(FormatterSyntax.Nasm);
  const decoder = new Decoder(bitness, code, DecoderOptions.None);
  decoder.ip = rip;
  const instruction = decoder.decode();
  const text = formatter.format(instruction);
  instruction.free();
  decoder.free();
  return text;
}

/** A run of instructions, one line each with address and bytes. */
export function listing(code: Uint8Array, rip: bigint): string[] {
  formatter ??= new Formatter(FormatterSyntax.Nasm);
  const decoder = new Decoder(64, code, DecoderOptions.None);
  decoder.ip = rip;
  const lines: string[] = [];
  while (decoder.canDecode) {
    const instruction = decoder.decode();
    const start = Number(instruction.ip - rip);
    const bytes = Buffer.from(code.subarray(start, start + instruction.length)).toString("hex");
    const address = instruction.ip.toString(16).padStart(12, "0");
    lines.push(`${address}  ${bytes.padEnd(30)} ${formatter.format(instruction)}`);
    instruction.free();
  }
  decoder.free();
  return lines;
}
