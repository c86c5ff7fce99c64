// SPDX-License-Identifier: BSD-2-Clause
// Who called whom: the frames on a vCPU's stack, read without any effect on the guest. Two ways, for kernels
// with frame pointers and without:
//
//   the chain   [rBP] is the caller's rBP, the word above it the return address; an interrupt frame that lies
//               between two frames tells where the lower one was interrupted
//   the scan    every word of the stack that could be a return address, live or left over
//
// In both a return address must stand right behind a CALL. A hostile guest can make either lie; neither loops,
// and neither reads more than its bound.
import { pairToBigInt } from "../base/u64.ts";
import type { Cpu } from "../cpu/cpu.ts";
import { DECODED, Decoder } from "../cpu/decode/decoder.ts";
import { ISA_ROWS } from "../cpu/isa/table.ts";
import { CS, GPR, RBP, RSP, SEG_SELECTOR, SEG_WORDS, SEGMENTS } from "../cpu/state-layout.ts";
import { lookupFor } from "./disassemble.ts";
import { GuestView } from "./guest-view.ts";

/**
 * at: the next instruction. caller: a return address. interrupted: where an interrupt or a fault came in.
 * guess: a word on the stack that looks like a return address.
 */
export type FrameKind = "at" | "caller" | "interrupted" | "guess";

export interface Frame {
  readonly address: bigint;
  readonly kind: FrameKind;
}

const MAX_FRAMES = 64;
/** How far up the stack a scan goes, and how far apart two frames may be for an interrupt frame between them. */
const SCAN_BYTES = 16 * 1024;
const MAX_GAP = 4096n;

/** The shortest and the longest near CALL: FF /2 without and with everything. */
const SHORTEST_CALL = 2;
const LONGEST_CALL = 9;

/** RFLAGS: bit 1 is set, bits 3, 5, 15 and those above 21 are clear. SDM 1 figure 3-8. */
const FLAGS_SET = 0x2n;
const FLAGS_CLEAR = ~0x3f7fd7n;

export class GuestStack {
  readonly #cpu: Cpu;
  readonly #view: GuestView;
  readonly #decoder: Decoder;
  readonly #wordBytes: 4 | 8;

  /** To be used while the vCPU is not running. */
  constructor(cpu: Cpu) {
    this.#cpu = cpu;
    this.#view = new GuestView(cpu);
    this.#decoder = new Decoder(lookupFor(cpu.model));
    this.#wordBytes = cpu.is64 ? 8 : 4;
  }

  /** Where the vCPU is. */
  get here(): Frame {
    return { address: this.#view.codeAddress, kind: "at" };
  }

  /** The callers, innermost first, by the chain of frame pointers. */
  chain(): Frame[] {
    const size = BigInt(this.#wordBytes);
    const frames: Frame[] = [];
    const early = this.#word(this.#unframedReturn());
    if (early !== undefined && this.#isReturnAddress(early)) {
      frames.push({ address: early, kind: "caller" });
    }
    const seen = new Set<bigint>();
    let frame = this.#register(RBP);
    while (frames.length < MAX_FRAMES && frame % size === 0n && !seen.has(frame)) {
      seen.add(frame);
      const caller = this.#word(frame + size);
      const next = this.#word(frame);
      if (caller === undefined || next === undefined || !this.#isReturnAddress(caller)) break;
      frames.push({ address: caller, kind: "caller" });
      const interrupted = this.#interruptedBetween(frame + 2n * size, next);
      if (interrupted !== undefined) frames.push({ address: interrupted, kind: "interrupted" });
      frame = next;
    }
    return frames;
  }

  /** Everything on the stack that could be a return address; `isCode` has the last word. */
  scan(isCode: (address: bigint) => boolean): Frame[] {
    const frames: Frame[] = [];
    const size = this.#wordBytes;
    const bytes = this.#view.bytes(this.#register(RSP), SCAN_BYTES);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at + size <= bytes.length && frames.length < MAX_FRAMES; at += size) {
      const address = size === 8 ? view.getBigUint64(at, true) : BigInt(view.getUint32(at, true));
      if (this.#isReturnAddress(address) && isCode(address))
        frames.push({ address, kind: "guess" });
    }
    return frames;
  }

  #register(number: number): bigint {
    const { s } = this.#cpu;
    return pairToBigInt(s[GPR + 2 * number]!, s[GPR + 2 * number + 1]!);
  }

  #word(address: bigint | undefined): bigint | undefined {
    return address === undefined ? undefined : this.#view.word(address, this.#wordBytes);
  }

  /** Where the return address lies if the function at RIP has no frame yet, or no longer. */
  #unframedReturn(): bigint | undefined {
    const [first, second, third] = this.#view.bytes(this.#view.codeAddress, 3);
    const stack = this.#register(RSP);
    // push rbp, ret
    if (first === 0x55 || first === 0xc3) return stack;
    // mov rbp, rsp in either encoding, behind push rbp; 32-bit code has no REX.
    const [opcode, modrm] =
      this.#wordBytes === 8 && first === 0x48 ? [second, third] : [first, second];
    const isMove = (opcode === 0x89 && modrm === 0xe5) || (opcode === 0x8b && modrm === 0xec);
    return isMove ? stack + BigInt(this.#wordBytes) : undefined;
  }

  /** True for an address in the same half of the address space as RIP, right behind a CALL. */
  #isReturnAddress(address: bigint): boolean {
    if (address >> 47n !== this.#view.codeAddress >> 47n) return false;
    const before = this.#view.bytes(address - BigInt(LONGEST_CALL), LONGEST_CALL);
    if (before.length < LONGEST_CALL) return false;
    for (let length = SHORTEST_CALL; length <= LONGEST_CALL; length++) {
      if (this.#isCall(before.subarray(LONGEST_CALL - length))) return true;
    }
    return false;
  }

  /** True if the bytes are one near CALL and nothing more. */
  #isCall(bytes: Uint8Array): boolean {
    const decoder = this.#decoder;
    const result = decoder.decode(bytes, 0, bytes.length, this.#cpu.codeSize);
    if (result !== DECODED || decoder.length !== bytes.length) return false;
    const { op } = ISA_ROWS[decoder.row]!;
    return op === "call" || op === "callIndirect";
  }

  /**
   * The RIP of an interrupt frame in this part of the stack, if there is one (SDM 3A 6.14.2): the same code
   * segment, possible flags, and a stack pointer right above the frame.
   */
  #interruptedBetween(start: bigint, end: bigint): bigint | undefined {
    if (!this.#cpu.is64 || end <= start || end - start > MAX_GAP) return undefined;
    const selector = BigInt(this.#cpu.s[SEGMENTS + CS * SEG_WORDS + SEG_SELECTOR]!);
    for (let at = start; at + 40n <= end; at += 8n) {
      if (this.#word(at + 8n) !== selector) continue;
      const flags = this.#word(at + 16n) ?? 0n;
      if ((flags & FLAGS_SET) === 0n || (flags & FLAGS_CLEAR) !== 0n) continue;
      const stack = this.#word(at + 24n) ?? 0n;
      if (stack >= at + 40n && stack < at + 56n) return this.#word(at);
    }
    return undefined;
  }
}
