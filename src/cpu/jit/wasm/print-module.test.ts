// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { ByteBuffer } from "./byte-buffer.ts";
import { ByteReader } from "./byte-reader.ts";
import { FunctionBuilder } from "./function-builder.ts";
import { ModuleBuilder } from "./module-builder.ts";
import {
  MEMORY,
  type MemoryOp,
  PLAIN,
  type Plain,
  SIMD_ELEMENT,
  SIMD_MEMORY,
  SIMD_PLAIN,
  type SimdElementOp,
  type SimdMemoryOp,
  type SimdPlain,
  TYPE_EMPTY,
  TYPE_F64,
  TYPE_I32,
  TYPE_I64,
} from "./opcodes.ts";
import { printFunction } from "./print-function.ts";
import { printModule } from "./print-module.ts";

function printed(fn: FunctionBuilder): string {
  return printFunction(Uint8Array.from(fn.finish().view()), {
    names: fn.names,
    functionName: (index) => `f${index}`,
    placeName: (offset) => (offset === 4248 ? "rip" : undefined),
  })
    .map(({ depth, text }) => "  ".repeat(depth) + text)
    .join("\n");
}

describe("a printed function", () => {
  it("has every instruction by the name that it is written by", () => {
    for (const name of Object.keys(PLAIN) as Plain[]) {
      expect(printed(new FunctionBuilder(0).op(name))).toBe(name);
    }
    for (const name of Object.keys(SIMD_PLAIN) as SimdPlain[]) {
      expect(printed(new FunctionBuilder(0).simd(name))).toBe(name);
    }
    for (const name of Object.keys(SIMD_ELEMENT) as SimdElementOp[]) {
      expect(printed(new FunctionBuilder(0).simdElement(name, 1))).toBe(`${name} 1`);
    }
    for (const name of Object.keys(MEMORY) as MemoryOp[]) {
      expect(printed(new FunctionBuilder(0).memory(name))).toBe(name);
    }
    for (const name of Object.keys(SIMD_MEMORY) as SimdMemoryOp[]) {
      expect(printed(new FunctionBuilder(0).simdMemory(name, 16))).toBe(`${name} offset=16`);
    }
  });

  it("has constants, places, calls and lanes", () => {
    const fn = new FunctionBuilder(0).i32(-1).i32(-2048).i64(0, -0x80000000).i64(-1023);
    fn.f32(0.5).f64(-1.25).memory("i64.load", 4248).call(3).returnCall(2);
    fn.shuffle([0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 31]).returnCallIndirect(4);
    fn.v128([1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255]).v128();
    expect(printed(fn).split(/ {2}|\n/)).toEqual([
      "i32.const -1",
      "i32.const 0xfffff800",
      "i64.const 0x8000000000000000",
      "i64.const -1023",
      "f32.const 0.5",
      "f64.const -1.25",
      "i64.load offset=4248 (;rip;)",
      "call $f3",
      "return_call $f2",
      "i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 31",
      "return_call_indirect (type 4)",
      "v128.const i32x4 0x4030201 0x0 0x0 0xffffffff",
      "v128.const i32x4 0x0 0x0 0x0 0x0",
    ]);
  });

  it("has blocks, labels and locals by their names, or else by numbers", () => {
    const fn = new FunctionBuilder(1);
    const count = fn.parameter(0, "count");
    const sum = fn.lasting(TYPE_I64);
    const out = fn.block(TYPE_EMPTY, "out");
    const loop = fn.loop();
    fn.get(count).brTable([out, loop]);
    fn.get(count).if(TYPE_I64);
    fn.i64(1).else().get(sum).end().set(sum).br(loop).end().end();
    expect(printed(fn)).toBe(`block $out
  loop
    local.get $count  br_table $out 0
    local.get $count  if (result i64)
      i64.const 1
    else
      local.get $1
    end
    local.set $1
    br 0
  end
end`);
  });

  it("is refused if it holds what the translator never writes", () => {
    const context = { names: undefined, functionName: String, placeName: () => undefined };
    // memory.grow; no locals
    expect(() => printFunction(Uint8Array.of(0, 0x40, 0, 0x0b), context)).toThrow(RangeError);
    expect(() => printFunction(Uint8Array.of(0, 0x41), context)).toThrow(RangeError);
  });
});

describe("a printed module", () => {
  it("has its imports, and its functions with remarks in front of what they are about", () => {
    const module = new ModuleBuilder(1);
    const type = module.type([TYPE_I32], [TYPE_F64]);
    const imported = module.importFunction("ticks", type);
    const fn = new FunctionBuilder(1);
    fn.get(fn.parameter(0)).call(imported);
    module.add(type, fn.finish(), "u0");
    const lines = printModule(module.finish(), {
      functions: [],
      placeName: () => undefined,
      remarks: () => [{ at: 1, text: "asks for the time" }],
    });
    expect(lines).toEqual([
      "import $ticks (param i32) (result f64)",
      "",
      "func $u0 (param i32) (result f64)",
      "  ;; asks for the time",
      "  local.get $0  call $ticks",
    ]);
  });
});

describe("numbers of WebAssembly", () => {
  it("are read as they were written", () => {
    const buffer = new ByteBuffer();
    const values = [0, 1, -1, 63, 64, -64, -65, 0x7fffffff, -0x80000000];
    for (const value of values) {
      buffer.u32(value);
      buffer.s32(value);
      buffer.s64(value, value >> 31);
      buffer.s64(5, value);
    }
    const reader = new ByteReader(buffer.view());
    for (const value of values) {
      expect(reader.u32()).toBe(value >>> 0);
      expect(reader.signed(32)).toBe(BigInt(value));
      expect(reader.signed(64)).toBe(BigInt(value));
      expect(reader.signed(64)).toBe((BigInt(value) << 32n) + 5n);
    }
    expect(reader.isAtEnd).toBe(true);
  });
});
