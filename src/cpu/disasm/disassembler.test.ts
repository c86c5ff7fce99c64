// SPDX-License-Identifier: BSD-2-Clause
// Examples; test/disasm compares every row with another disassembler.
import { describe, expect, it } from "vitest";
import type { CodeSize } from "../decode/decoder.ts";
import { Lookup } from "../decode/lookup.ts";
import { processorModel } from "../model.ts";
import { Disassembler } from "./disassembler.ts";

const KERNEL = 0xffff_ffff_8000_0000n;
const lookup = new Lookup(processorModel().features);
const plain = new Disassembler(lookup);

function textOf(bytes: readonly number[], codeSize: CodeSize = 64, address = KERNEL): string {
  return plain.disassemble(Uint8Array.from(bytes), { codeSize, address }).text;
}

describe("a disassembler", () => {
  it.each([
    ["mov rbp, rsp", [0x48, 0x89, 0xe5]],
    ["and rsp, 0xfffffffffffffff0", [0x48, 0x83, 0xe4, 0xf0]],
    ["mov dword ptr [rax+rcx*4-0x8], 0x1", [0xc7, 0x44, 0x88, 0xf8, 1, 0, 0, 0]],
    ["mov rax, qword ptr gs:[0x20]", [0x65, 0x48, 0x8b, 0x04, 0x25, 0x20, 0, 0, 0]],
    ["lock cmpxchg qword ptr [rdx], rcx", [0xf0, 0x48, 0x0f, 0xb1, 0x0a]],
    ["mov rax, 0x123456789abcdef", [0x48, 0xb8, 0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01]],
  ])("writes %s", (text, bytes) => {
    expect(textOf(bytes)).toBe(text);
  });

  it.each<[string, number[], CodeSize]>([
    ["cbw", [0x66, 0x98], 64],
    ["cwde", [0x98], 64],
    ["cdqe", [0x48, 0x98], 64],
    ["iretq", [0x48, 0xcf], 64],
    ["iretd", [0xcf], 32],
    ["iret", [0xcf], 16],
    ["pushfq", [0x9c], 64],
    ["jrcxz 0xffffffff80000012", [0xe3, 0x10], 64],
    ["jecxz 0xffffffff80000013", [0x67, 0xe3, 0x10], 64],
    ["rep movsq qword ptr [rdi], qword ptr [rsi]", [0xf3, 0x48, 0xa5], 64],
    ["repne scasb byte ptr [edi]", [0xf2, 0xae], 32],
    ["movsw word ptr es:[di], word ptr fs:[si]", [0x64, 0xa5], 16],
  ])("names by size: %s", (text, bytes, codeSize) => {
    expect(textOf(bytes, codeSize)).toBe(text);
  });

  it("gives branches their absolute targets, in the width of the code", () => {
    expect(textOf([0xe8, 0xfb, 0xff, 0xff, 0xff])).toBe("call 0xffffffff80000000");
    expect(textOf([0xeb, 0xfe], 16, 0x7c00n)).toBe("jmp 0x7c00");
    expect(textOf([0xe9, 0x00, 0x90], 16, 0x8000n)).toBe("jmp 0x1003");
    expect(textOf([0xea, 0x34, 0x12, 0x00, 0xf0], 16, 0n)).toBe("jmp far 0xf000:0x1234");
  });

  it("resolves RIP-relative operands", () => {
    const lea = [0x48, 0x8d, 0x05, 0xf9, 0xff, 0xff, 0xff];
    expect(textOf(lea)).toBe("lea rax, [rip-0x7]  # 0xffffffff80000000");
  });

  it("names what a resolver knows", () => {
    const symbols = new Disassembler(lookup, (address) =>
      address === KERNEL ? "btext" : address === KERNEL + 5n ? "btext+0x5" : undefined,
    );
    const textAt = (bytes: number[], address: bigint) =>
      symbols.disassemble(Uint8Array.from(bytes), { codeSize: 64, address }).text;
    expect(textAt([0xe8, 0, 0, 0, 0], KERNEL)).toBe("call 0xffffffff80000005 <btext+0x5>");
    expect(textAt([0xff, 0x05, 0xfa, 0xff, 0xff, 0xff], KERNEL)).toBe(
      "inc dword ptr [rip-0x6]  # 0xffffffff80000000 <btext>",
    );
    expect(textAt([0xeb, 0x00], 0x1000n)).toBe("jmp 0x1002");
  });

  it("says (bad), one byte long, to what is no instruction or not all there", () => {
    const place = { codeSize: 64, address: 0n } as const;
    for (const bytes of [[0x06], [0x48, 0x8b], [], new Array(16).fill(0x66), [0xf0, 0x90]]) {
      const bad = plain.disassemble(Uint8Array.from(bytes), place);
      expect(bad).toEqual({ text: "(bad)", length: 1 });
    }
  });

  it("tells lengths, so that code can be walked", () => {
    const code = Uint8Array.from([0x55, 0x48, 0x89, 0xe5, 0xc3]);
    const lengths: number[] = [];
    for (let at = 0; at < code.length; ) {
      const { length } = plain.disassemble(code.subarray(at), { codeSize: 64, address: 0n });
      lengths.push(length);
      at += length;
    }
    expect(lengths).toEqual([1, 3, 1]);
  });
});
