// SPDX-License-Identifier: BSD-2-Clause
// The assembler against an independent disassembler, and its own directives.
import { Decoder, DecoderOptions, Formatter, FormatterSyntax } from "iced-x86";
import { describe, expect, it } from "vitest";
import { assemble } from "./assemble.ts";

function disassemble(text: string, bits: 16 | 32 | 64): string {
  const { bytes } = assemble(text, { origin: 0x8000, bits }).pieces[0]!;
  const decoder = new Decoder(bits, bytes, DecoderOptions.None);
  decoder.ip = 0x8000n;
  const formatter = new Formatter(FormatterSyntax.Nasm);
  return formatter.format(decoder.decode()).replaceAll(/\s+/g, " ");
}

describe("assembly text", () => {
  it.each([
    ["mov rax, [rbx+rcx*4+8]", 64, "mov rax,[rbx+rcx*4+8]"],
    ["mov [fs:r12], r9d", 64, "mov [fs:r12],r9d"],
    ["add dword [0x1234], 5", 64, "add dword [1234h],5"],
    ["mov dil, sil", 64, "mov dil,sil"],
    ["push qword [rbp]", 64, "push qword [rbp]"],
    ["iretq", 64, "iretq"],
    ["mov cr8, rax", 64, "mov cr8,rax"],
    ["jmp far dword [rax]", 64, "jmp dword far [rax]"],
    ["invpcid rax, [rbx]", 64, "invpcid rax,[rbx]"],
    ["mov ax, [bx+si+2]", 16, "mov ax,[bx+si+2]"],
    ["mov ebx, [bp]", 16, "mov ebx,[bp]"],
    ["call 0x10:0x1234", 32, "call 0010h:00001234h"],
    ["lar eax, ecx", 32, "lar eax,ecx"],
    ["out dx, eax", 32, "out dx,eax"],
  ] as const)("%s", (text, bits, expected) => {
    expect(disassemble(text, bits)).toBe(expected);
  });

  it("knows labels before and behind, and lays pieces where it is told", () => {
    const { pieces, labels } = assemble("a: jmps b; dw a, b; b: nop; at 0x9000; c: dd b+1", {
      origin: 0x8000,
    });
    expect(pieces.map(({ at, bytes }) => [at, [...bytes]])).toEqual([
      [0x8000, [0xeb, 4, 0, 0x80, 6, 0x80, 0x90]],
      [0x9000, [7, 0x80, 0, 0]],
    ]);
    expect(labels.get("c")).toBe(0x9000);
  });

  it("refuses what it does not know", () => {
    expect(() => assemble("frob eax", { origin: 0 })).toThrow(SyntaxError);
    expect(() => assemble("jmp nowhere", { origin: 0 })).toThrow(SyntaxError);
  });
});
