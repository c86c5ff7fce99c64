// SPDX-License-Identifier: BSD-2-Clause
// What guest blocks become, word for word, so that a change to the translator shows what it changes. If that is what
// was meant, `npm run golden` writes __snapshots__/golden.test.ts.snap anew: its difference belongs into the review.
//
// Shown is what lies between a guest block's budget check and its bail stub, which are the same for all.
import { describe, expect, it } from "vitest";
import { assemble } from "../../../test/support/assembly/assemble.ts";
import { CODE, TestMachine } from "../../../test/support/test-machine.ts";
import { RAM_OFFSET } from "../../mmu/machine-layout.ts";
import { BlockBuilder } from "../interp/block-builder.ts";
import { BLOCK_BYTES } from "../interp/code-cache.ts";
import type { UnitEmitter } from "./emitter.ts";
import { placeName } from "./state-names.ts";
import { translate } from "./translator.ts";
import { GuestText } from "./unit-listing.ts";
import { printFunction } from "./wasm/print-function.ts";
import { layOut } from "./wasm/print-module.ts";
import { readModule } from "./wasm/read-module.ts";

/** Guest code by what is to be seen in it; up to where it ends its block. */
const BLOCKS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "integer instructions": {
    "add, its flags unread": "add rax, rbx; add rcx, rdx; hlt",
    "add, its flags left behind": "add eax, 5; jmps $+2",
    "add to a byte register": "add ah, bl; jmps $+2",
    "adc behind add": "add rax, rbx; adc rcx, rdx; jmps $+2",
    "sbb of a register and itself": "sbb eax, eax; jmps $+2",
    "xor of a register and itself": "xor eax, eax; jmps $+2",
    "inc keeps the carry": "add eax, ebx; inc ecx; jc $+8",
    neg: "neg rax; jmps $+2",
    "lea in 64 bits": "lea rax, [rbx+rcx*4+8]; jmps $+2",
    "lea in 32 bits": "lea eax, [rbx-1]; jmps $+2",
    "mov of 16 bits": "mov ax, bx; jmps $+2",
    "movzx and movsx":
      "db 0x0f, 0xb6, 0xc3; db 0x48, 0x0f, 0xbe, 0xcb; db 0x48, 0x63, 0xd3; jmps $+2",
    "shl by a constant": "shl rax, 3; jmps $+2",
    "sar by CL": "sar ebx, cl; jmps $+2",
    "ror by a constant": "ror ecx, 7; jmps $+2",
    "rotates in a row, unread": "cmp ecx, edx; rol eax, 7; ror ebx, 3; xor eax, ebx; jmps $+2",
    "rotates of flags from before, a load on the way":
      "ror ebx, 3; ror ecx, 5; mov rax, [rbx]; test eax, eax; jmps $+2",
    "imul of two registers": "db 0x48, 0x0f, 0xaf, 0xc3; jmps $+2",
    "mul of 64 bits": "mul rbx; jmps $+2",
    "div of 32 bits": "div ebx; jmps $+2",
    "cdq, bswap": "db 0x99, 0x48, 0x0f, 0xcb; jmps $+2",
    "bsf, popcnt": "db 0x48, 0x0f, 0xbc, 0xc3; db 0xf3, 0x48, 0x0f, 0xb8, 0xcb; jmps $+2",
    "bextr, bzhi": "db 0xc4, 0xe2, 0x70, 0xf7, 0xc3; db 0xc4, 0xe2, 0xf0, 0xf5, 0xcb; jmps $+2",
    "bt of a register": "db 0x48, 0x0f, 0xa3, 0xc8; jc $+8",
  },
  conditions: {
    "cmp and jcc": "cmp rax, rbx; jb $+8",
    "test and jcc": "test eax, eax; jz $+8",
    "jcc back to its block": "start: dec ecx; jnz start",
    "jcc on flags from before": "jg $+8",
    "cmp and setcc": "cmp eax, 3; db 0x0f, 0x9f, 0xc1; jmps $+2",
    "cmp and cmov": "cmp rax, rbx; db 0x48, 0x0f, 0x4c, 0xc3; jmps $+2",
  },
  memory: {
    "load of 64 bits": "mov rax, [rbx]; jmps $+2",
    "load of a byte": "mov al, [rbx+rcx]; jmps $+2",
    "store of 32 bits": "mov [rdi+8], eax; jmps $+2",
    "store of a constant": "mov byte [rdi], 7; jmps $+2",
    "load by way of GS": "mov rax, [gs:0x10]; jmps $+2",
    "addition to memory": "add dword [rbx], ecx; jmps $+2",
    "cmp with memory": "cmp byte [rsi], 0; jz $+8",
    "lock xadd": "lock xadd [rbx], rax; jmps $+2",
    "push and pop": "push rbp; pop rbx; jmps $+2",
    leave: "db 0xc9; jmps $+2",
  },
  control: {
    call: "call $+0x20",
    "call by way of a register": "call rax",
    ret: "ret",
    "jmp by way of memory": "jmp qword [rax*8+0x1000]",
    "what is undefined": "db 0x0f, 0x0b",
  },
  "vectors and floats": {
    "movups there and back": "movups xmm1, [rsi]; movups [rdi], xmm1; jmps $+2",
    "paddd of memory": "db 0x66, 0x0f, 0xfe, 0x03; jmps $+2",
    "pxor of a register and itself": "db 0x66, 0x0f, 0xef, 0xc0; jmps $+2",
    pshufd: "db 0x66, 0x0f, 0x70, 0xc1, 0x1b; jmps $+2",
    "pcmpeqb and pmovmskb": "db 0x66, 0x0f, 0x74, 0xc1; db 0x66, 0x0f, 0xd7, 0xc0; jmps $+2",
    "addsd, with its executor for what is rare": "db 0xf2, 0x0f, 0x58, 0xc1; jmps $+2",
    "mulss of memory": "db 0xf3, 0x0f, 0x59, 0x00; jmps $+2",
    addps: "db 0x0f, 0x58, 0xc1; jmps $+2",
    "ucomisd and ja": "db 0x66, 0x0f, 0x2e, 0xc1; ja $+8",
    "cvtsi2sd, cvttsd2si":
      "db 0xf2, 0x48, 0x0f, 0x2a, 0xc0; db 0xf2, 0x48, 0x0f, 0x2c, 0xc8; jmps $+2",
    "x87 by executors that see no registers":
      "db 0xdd, 0x00; db 0xde, 0xc1; db 0xdd, 0x1b; jmps $+2",
  },
  "AVX and AVX2": {
    "vmovdqu of 256 bits there and back":
      "db 0xc5, 0xfe, 0x6f, 0x0e; db 0xc5, 0xfe, 0x7f, 0x0f; jmps $+2",
    "vpaddd of 128 bits and memory": "db 0xc5, 0xf1, 0xfe, 0x03; jmps $+2",
    "vpaddd of 256 bits": "db 0xc5, 0xf5, 0xfe, 0xc2; jmps $+2",
    "vpxor of a register and itself": "db 0xc5, 0xf9, 0xef, 0xc0; jmps $+2",
    "vpsrld by a register": "db 0xc5, 0xf5, 0xd2, 0xc2; jmps $+2",
    vpmovzxbd: "db 0xc4, 0xe2, 0x7d, 0x31, 0x06; jmps $+2",
    "vpbroadcastb of memory": "db 0xc4, 0xe2, 0x7d, 0x78, 0x06; jmps $+2",
    vpermq: "db 0xc4, 0xe3, 0xfd, 0x00, 0xca, 0x1b; jmps $+2",
    vpermd: "db 0xc4, 0xe2, 0x75, 0x36, 0xc2; jmps $+2",
    "vptest and jz": "db 0xc4, 0xe2, 0x7d, 0x17, 0xc1; jz $+8",
    "vaddsd with a destination of its own": "db 0xc5, 0xf3, 0x58, 0xc2; jmps $+2",
    "vmaxps of 256 bits": "db 0xc5, 0xf4, 0x5f, 0xc2; jmps $+2",
    "vfmadd231ss, by way of doubles": "db 0xc4, 0xe2, 0x71, 0xb9, 0xc2; jmps $+2",
    "vfmadd231sd, by sums without error": "db 0xc4, 0xe2, 0xf1, 0xb9, 0xc2; jmps $+2",
    vzeroupper: "db 0xc5, 0xf8, 0x77; jmps $+2",
  },
  "the system": {
    rdtsc: "rdtsc; jmps $+2",
    cli: "cli; jmps $+2",
    "popf and what it leaves behind": "popf",
    sti: "sti",
    pushf: "pushf; jmps $+2",
    "rep movsb by its executor": "rep movsb",
    "cpuid by its executor": "cpuid",
    out: "out 0x80, al",
  },
};

const HLT = 0xf4;

const machine = new TestMachine();
machine.enterLongMode();
const { cpu } = machine.vcpu;

/** The block at the source's beginning, in a unit with the one behind it. */
function translated(source: string): string {
  cpu.cache.flush();
  machine.memory.bytes.fill(HLT, RAM_OFFSET + CODE, RAM_OFFSET + CODE + 64);
  for (const { at, bytes } of assemble(source, { origin: CODE }).pieces) {
    machine.memory.bytes.set(bytes, RAM_OFFSET + at);
  }
  const builder = new BlockBuilder(cpu);
  const at = builder.blockAt(RAM_OFFSET + CODE);
  const next = builder.blockAt(RAM_OFFSET + CODE + cpu.code[at + BLOCK_BYTES]!);
  const blocks = [at, next].map((block) => ({ at: block, delta: 0 }));
  let emitter!: UnitEmitter;
  const unit = { code: cpu.code, blocks, slot: 1 };
  const { imports, functions } = readModule(
    translate([unit], true, (each) => {
      emitter = each;
    }),
  );
  const { body } = functions[0]!;
  const start = body.length - 1 - emitter.fn.length;
  const placeOf = (part: string) => start + emitter.origins.find((o) => o.part === part)!.at;
  const first = placeOf("instruction");
  const done = placeOf("done");
  const lines = printFunction(body, {
    names: emitter.fn.names,
    functionName: (index) => (imports[index] ?? functions[index - imports.length]!).name!,
    placeName,
  }).filter((line) => line.at >= first && line.at < done);
  const remarks = new GuestText(cpu, BigInt(CODE), () => undefined)
    .remarks(emitter, body.length)
    .filter((remark) => remark.at >= first && remark.at < done);
  return layOut(lines, remarks, -lines[0]!.depth).join("\n");
}

describe.each(Object.entries(BLOCKS))("translated %s", (_, blocks) => {
  it.each(Object.entries(blocks))("%s", (_title, source) => {
    expect(translated(source)).toMatchSnapshot();
  });
});
