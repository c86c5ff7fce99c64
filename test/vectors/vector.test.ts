// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { runVector } from "./compare.ts";
import { differenceText } from "./report.ts";
import { FIELD_BY_NAME } from "./snapshot.ts";
import { formatVector, parseVector, type Vector } from "./vector.ts";
import { VectorMachine } from "./vector-machine.ts";

/** ADD RAX, RBX. */
const ADD = {
  name: "add rax, rbx",
  bytes: "4801d8",
  initial: { regs: { rax: "0x1", rbx: "0xffffffffffffffff", rip: "0x401000", rflags: "0x202" } },
  final: { regs: { rax: "0x0", rip: "0x401003", rflags: "0x257" } },
};

/** MOV [RAX], RBX into a page that is mapped for half of it. */
const FAULT = {
  name: "mov [rax], rbx",
  bytes: "488918",
  initial: {
    regs: { rax: "0x500ffc", rip: "0x401000" },
    mem: [["0x500ffc", "00000000"]],
  },
  exception: { vector: 14, code: "0x6", cr2: "0x501000" },
};

function read(json: object): Vector {
  return parseVector(JSON.stringify(json));
}

function differences(json: object): string[] {
  return runVector(new VectorMachine("interpreter"), read(json)).map(differenceText);
}

describe("a vector", () => {
  it("starts registers that it does not name at zero, FCW at 37Fh and MXCSR at 1F80h", () => {
    const { registers } = read(ADD).initial;
    expect(registers.gpr(15)).toBe(0n);
    expect(registers.read(FIELD_BY_NAME.get("fcw")!)).toBe(0x37fn);
    expect(registers.read(FIELD_BY_NAME.get("mxcsr")!)).toBe(0x1f80n);
    expect(registers.read(FIELD_BY_NAME.get("fsw")!)).toBe(0n);
  });

  it("comes back from its text as it was", () => {
    const vector = {
      ...ADD,
      initial: {
        regs: { ...ADD.initial.regs, xmm3: `0x${"1f".repeat(16)}`, st0: `0x${"4".repeat(20)}` },
      },
      final: {
        regs: { ...ADD.final.regs, ymm3: `0x${"2e".repeat(32)}` },
        mem: [["0x500000", "0102"]],
      },
      undefined: { rflags: "0x10" },
    };
    expect(JSON.parse(formatVector(read(vector)))).toEqual(vector);
    expect(JSON.parse(formatVector(read(FAULT)))).toEqual(FAULT);
  });

  it.each([
    ["not JSON", "{", /not JSON/],
    ["no object", "[]", /not a JSON object/],
    ["no bytes", JSON.stringify({ ...ADD, bytes: undefined }), /bytes is not a string/],
    ["too many bytes", JSON.stringify({ ...ADD, bytes: "90".repeat(16) }), /1 to 15 bytes/],
    [
      "a register of another machine",
      JSON.stringify({ ...ADD, initial: { regs: { r16: "0x0" } } }),
      /"r16"/,
    ],
    ["no result", JSON.stringify({ ...ADD, final: undefined }), /neither final nor exception/],
  ])("is refused with a sentence if it has or is %s", (_what, line, message) => {
    expect(() => parseVector(line)).toThrow(message);
  });
});

describe("running a vector", () => {
  it("finds nothing where everything is as promised", () => {
    expect(differences(ADD)).toEqual([]);
    expect(differences(FAULT)).toEqual([]);
  });

  it("says what a register should have been, and flags by name", () => {
    const wrong = { ...ADD, final: { regs: { rax: "0x1", rip: "0x401003", rflags: "0x256" } } };
    const [register, flags] = differences(wrong);
    expect(register).toContain("rax: expected 0x0000000000000001, got 0x0000000000000000");
    expect(flags).toContain("CF is 1");
  });

  it("leaves undefined bits alone, and nothing else", () => {
    const final = { regs: { ...ADD.final.regs, rflags: "0x246" } };
    expect(differences({ ...ADD, final, undefined: { rflags: "0x11" } })).toEqual([]);
    expect(differences({ ...ADD, final, undefined: { rflags: "0x10" } })).toHaveLength(1);
  });

  it("notices writes that nobody promised, anywhere in mapped pages", () => {
    const store = {
      ...FAULT,
      bytes: "c600ff", // mov byte [rax], 0xff
      exception: undefined,
      final: { regs: { rip: "0x401003" } },
    };
    expect(differences(store)).toEqual(["memory 0x500ffc: expected 00, got ff"]);
  });

  it("compares an exception's vector, error code and CR2", () => {
    for (const exception of [
      { vector: 13, code: "0x0" },
      { vector: 14, code: "0x7", cr2: "0x501000" },
      { vector: 14, code: "0x6", cr2: "0x500ffc" },
    ]) {
      expect(differences({ ...FAULT, exception })).toHaveLength(1);
    }
  });

  it("has nothing mapped that the vector does not name", () => {
    const load = {
      ...FAULT,
      bytes: "488b18",
      exception: { vector: 14, code: "0x4", cr2: "0x501000" },
    };
    expect(differences(load)).toEqual([]);
    const fetched = { ...ADD, bytes: "f390", final: { regs: { rip: "0x401002" } } };
    expect(differences(fetched)).toEqual([]);
  });

  it("refuses state that no 64-bit processor can have", () => {
    const regs = { ...ADD.initial.regs, rip: "0x8000000000000000" };
    expect(differences({ ...ADD, initial: { regs } })[0]).toMatch(/not canonical/);
  });
});
