// SPDX-License-Identifier: BSD-2-Clause
// iced-x86's disassembly in Intel syntax, with its options set to our taste.
import {
  Decoder,
  DecoderOptions,
  Formatter,
  FormatterSyntax,
  Instruction,
  MemorySizeOptions,
} from "iced-x86";
import type { CodeSize } from "../../src/cpu/decode/decoder.ts";

/** Our processor has no WBNOINVD: its bytes are WBINVD with a prefix. */
const OPTIONS = DecoderOptions.NoWbnoinvd;

function makeFormatter(): Formatter {
  const formatter = new Formatter(FormatterSyntax.Intel);
  formatter.hexPrefix = "0x";
  formatter.hexSuffix = "";
  formatter.uppercaseHex = false;
  formatter.addLeadingZeroToHexNumbers = false;
  formatter.smallHexNumbersInDecimal = false;
  formatter.branchLeadingZeros = false;
  formatter.spaceAfterOperandSeparator = true;
  formatter.memorySizeOptions = MemorySizeOptions.Always;
  formatter.ripRelativeAddresses = true;
  formatter.showBranchSize = false;
  formatter.usePseudoOps = false;
  return formatter;
}

export interface IcedText {
  readonly text: string;
  readonly length: number;
  /** Where a RIP-relative operand lies. */
  readonly ripRelative: bigint | undefined;
}

export class IcedDisassembler {
  readonly #formatter = makeFormatter();
  readonly #instruction = new Instruction();

  disassemble(bytes: Uint8Array, codeSize: CodeSize, address: bigint): IcedText {
    const decoder = new Decoder(codeSize, bytes, OPTIONS);
    decoder.ip = address;
    const instruction = this.#instruction;
    decoder.decodeOut(instruction);
    decoder.free();
    return {
      text: this.#formatter.format(instruction),
      length: instruction.length,
      ripRelative: instruction.isIpRelMemoryOperand ? instruction.ipRelMemoryAddress : undefined,
    };
  }

  free(): void {
    this.#formatter.free();
    this.#instruction.free();
  }
}
