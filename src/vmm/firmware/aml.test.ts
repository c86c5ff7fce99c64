// SPDX-License-Identifier: BSD-2-Clause
// Expected bytes are worked out by hand from the grammar in ACPI 6.5 chapter 20.
import { describe, expect, it } from "vitest";
import { listAml } from "../../../test/support/aml-listing.ts";
import {
  and,
  arg,
  buffer,
  call,
  createWordField,
  decrement,
  device,
  eisaId,
  equal,
  field,
  findSetRightBit,
  integer,
  less,
  local,
  method,
  name,
  namePath,
  notify,
  operationRegion,
  otherwise,
  packageOf,
  REGION_SPACE_PCI_CONFIG,
  returnValue,
  scope,
  shiftLeft,
  store,
  text,
  when,
} from "./aml.ts";

function hexBytes(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

describe("names (§20.2.2)", () => {
  it.each([
    ["FOO", "46 4f 4f 5f"],
    ["_SB", "5f 53 42 5f"],
    ["\\", "5c 00"],
    ["\\_SB", "5c 5f 53 42 5f"],
    ["^^AB12", "5e 5e 41 42 31 32"],
    ["A.B", "2e 41 5f 5f 5f 42 5f 5f 5f"],
    ["\\_SB.PC00.ISA", "5c 2f 03 5f 53 42 5f 50 43 30 30 49 53 41 5f"],
  ])("%s is %s", (path, bytes) => {
    expect(hexBytes(namePath(path))).toBe(bytes);
  });

  it.each(["pc00", "TOOLONG", "1ABC", "A..B", "A B"])("%j is refused", (path) => {
    expect(() => namePath(path)).toThrow(/is not an ACPI name/);
  });
});

describe("data (§20.2.3)", () => {
  it.each([
    [0, "00"],
    [1, "01"],
    [2, "0a 02"],
    [0xff, "0a ff"],
    [0x100, "0b 00 01"],
    [0x10000, "0c 00 00 01 00"],
    [0xffffffff, "0c ff ff ff ff"],
    [0x8_0000_0000, "0e 00 00 00 00 08 00 00 00"],
  ])("the integer %d is %s", (value, bytes) => {
    expect(hexBytes(integer(value))).toBe(bytes);
  });

  it("a string ends with a zero byte", () => {
    expect(hexBytes(text("Hi"))).toBe("0d 48 69 00");
  });

  it("an EISA identifier is its letters in 5 bits each and its digits, in the order of the text", () => {
    expect(hexBytes(eisaId("PNP0A03"))).toBe("0c 41 d0 0a 03");
    expect(hexBytes(eisaId("PNP0000"))).toBe("0b 41 d0");
    expect(() => eisaId("PNPxyz0")).toThrow(/is not an EISA identifier/);
  });

  it("a buffer carries its size, a package its number of elements", () => {
    expect(hexBytes(buffer(new Uint8Array([1, 2])))).toBe("11 05 0a 02 01 02");
    expect(hexBytes(packageOf(integer(5), integer(0)))).toBe("12 05 02 0a 05 00");
  });
});

describe("package lengths (§20.2.4)", () => {
  // A scope's content is its four-byte name and the bytes of its body.
  it.each([
    [0x3e, "10 3f"],
    [0x3f, "10 41 04"],
    [0xffd, "10 4f ff"],
    [0xffe, "10 81 00 01"],
    [0xfffff - 3, "10 8f ff ff"],
    [0xfffff - 2, "10 c1 00 00 01"],
  ])("content of %d bytes", (contentBytes, head) => {
    const bytes = scope("ABCD", new Uint8Array(contentBytes - 4));
    const headBytes = head.split(" ").length;
    expect(hexBytes(bytes.subarray(0, headBytes))).toBe(head);
    expect(bytes.length).toBe(headBytes + contentBytes);
  });

  it("a field's width is its bits alone, in the same form", () => {
    const bytes = field("REGN", { bits: 0x300 }, { name: "AAAA", bits: 8 }, { bits: 0x3f });
    expect(hexBytes(bytes)).toBe("5b 81 10 52 45 47 4e 00 00 40 30 41 41 41 41 08 00 3f");
  });
});

describe("terms", () => {
  it("name, operation region and device (§20.2.5.1, §20.2.5.2)", () => {
    expect(hexBytes(name("AAAA", integer(1)))).toBe("08 41 41 41 41 01");
    expect(hexBytes(operationRegion("AAAA", REGION_SPACE_PCI_CONFIG, 0, 0x100))).toBe(
      "5b 80 41 41 41 41 02 00 0b 00 01",
    );
    expect(hexBytes(device("AAAA"))).toBe("5b 82 05 41 41 41 41");
  });

  it("a method holds its number of arguments in its flags", () => {
    expect(hexBytes(method("AAAA", 2, returnValue(arg(1))))).toBe("14 08 41 41 41 41 02 a4 69");
  });

  it("conditions and calls read back as they were built", () => {
    const terms = method(
      "BBBB",
      1,
      when(
        and(arg(0), integer(0x80)),
        store(local(1), local(7)),
        shiftLeft(integer(1), local(0), namePath("CCCC")),
      ),
      otherwise(
        findSetRightBit(arg(0), local(0)),
        store(decrement(local(0)), namePath("^DDDD")),
        createWordField(arg(0), 1, "EEEE"),
        notify("\\_SB.FFFF", 0x80),
      ),
      when(less(local(0), integer(3)), returnValue(integer(0))),
      when(equal(local(0), integer(8)), returnValue(call("BBBB", integer(1)))),
    );
    expect(listAml(terms)).toBe(
      [
        "Method BBBB 1 arguments",
        "  If And(Arg0, 0x80, -)",
        "    Store(Local1, Local7)",
        "    ShiftLeft(1, Local0, CCCC)",
        "  Else",
        "    FindSetRightBit(Arg0, Local0)",
        "    Store(Decrement(Local0), ^DDDD)",
        "    CreateWordField(Arg0, 1, EEEE)",
        "    Notify(\\_SB.FFFF, 0x80)",
        "  If LLess(Local0, 0x3)",
        "    Return(0)",
        "  If LEqual(Local0, 0x8)",
        "    Return(BBBB(1))",
        "",
      ].join("\n"),
    );
  });
});
