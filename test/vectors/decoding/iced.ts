// SPDX-License-Identifier: BSD-2-Clause
// iced-x86 as a second opinion on what bytes mean: whether they are an instruction, how long it is, what it
// is called, and which CPUID features it needs.
import {
  CpuidFeature,
  DecoderOptions,
  Decoder as IcedDecoder,
  Instruction,
  Mnemonic,
} from "iced-x86";
import type { CodeSize } from "../encoder.ts";

/** Our processor has no WBNOINVD: its bytes are WBINVD with a prefix. */
const OPTIONS = DecoderOptions.NoWbnoinvd;

export interface IcedOpinion {
  /** Lower case; "invalid" if it knows no such instruction. */
  readonly mnemonic: string;
  readonly length: number;
  /** iced-x86's names of CPUID features. */
  readonly features: readonly string[];
}

/** Decodes strings of bytes that lie one behind the other in a block. */
export class IcedBlock {
  readonly #decoder: IcedDecoder;
  readonly #instruction = new Instruction();
  readonly #stride: number;

  constructor(block: Uint8Array, stride: number, codeSize: CodeSize) {
    this.#decoder = new IcedDecoder(codeSize, block, OPTIONS);
    this.#stride = stride;
  }

  opinion(index: number): IcedOpinion {
    this.#decoder.position = index * this.#stride;
    this.#decoder.ip = 0n;
    this.#decoder.decodeOut(this.#instruction);
    const instruction = this.#instruction;
    return {
      mnemonic: MNEMONICS[instruction.mnemonic]!,
      length: instruction.length,
      get features() {
        return Array.from(instruction.cpuidFeatures(), (feature) => CpuidFeature[feature]!);
      },
    };
  }

  free(): void {
    this.#instruction.free();
    this.#decoder.free();
  }
}

const MNEMONICS: readonly string[] = Object.keys(Mnemonic)
  .filter((key) => Number.isNaN(Number(key)))
  .map((name) => name.toLowerCase());

/** The name of the instruction at the start of some bytes. */
export function icedMnemonic(bytes: Uint8Array, codeSize: CodeSize): IcedOpinion {
  const block = new IcedBlock(bytes, bytes.length, codeSize);
  const { mnemonic, length } = block.opinion(0);
  block.free();
  return { mnemonic, length, features: [] };
}
