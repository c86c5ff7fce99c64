// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { buildElf, STT_SECTION, symbolTable } from "../../test/support/elf-builder.ts";
import { kernelImage } from "../../test/support/elf-image.ts";
import { BytesSource } from "../../test/support/memory-file-system.ts";
import { mutated } from "../../test/support/mutation.ts";
import { SeededRandom } from "../../test/support/random.ts";
import { VmmError } from "../base/errors.ts";
import { ET_EXEC, parseElf } from "./elf.ts";
import { SymbolTable } from "./symbols.ts";

const BASE = 0xffff_ffff_8020_0000n;
const SYMBOLS = [
  { name: "panic", value: BASE + 0x200n, size: 0x80n },
  { name: "btext", value: BASE, size: 0x40n },
  { name: "asm_without_size", value: BASE + 0x400n },
  { name: "alias_of_panic", value: BASE + 0x200n, size: 0x80n },
  { name: "data_object", value: BASE + 0x210n, type: 1 },
  { name: "", value: BASE + 0x220n, type: STT_SECTION },
  { name: "undefined_function", value: 0n, section: 0 },
];

const elf = parseElf(new BytesSource(kernelImage({ symbols: SYMBOLS })), "kernel");

describe("the functions of a kernel", () => {
  const table = SymbolTable.fromElf(elf);

  it("leave out data, sections and what is defined elsewhere", () => {
    expect(table.count).toBe(4);
  });

  it.each([
    [BASE, "btext", 0n],
    [BASE + 0x3fn, "btext", 0x3fn],
    [BASE + 0x27fn, "panic", 0x7fn],
    [BASE + 0x4ffn, "asm_without_size", 0xffn],
  ])("hold %x", (address, name, offset) => {
    expect(table.lookup(address)).toEqual({ name, offset });
  });

  it("do not hold what lies before, behind or between them", () => {
    expect(table.lookup(BASE - 1n)).toBeUndefined();
    expect(table.lookup(BASE + 0x40n)).toBeUndefined();
    expect(table.lookup(BASE + 0x280n)).toBeUndefined();
    expect(table.lookup(0n)).toBeUndefined();
  });
});

describe("the symbol block behind a loaded kernel", () => {
  const { bytes, strings } = symbolTable(SYMBOLS);
  const padded = Math.ceil(bytes.length / 8) * 8;
  const block = new Uint8Array(8 + padded + 8 + strings.length);
  const view = new DataView(block.buffer);
  view.setBigUint64(0, BigInt(bytes.length), true);
  block.set(bytes, 8);
  view.setBigUint64(8 + padded, BigInt(strings.length), true);
  block.set(strings, 8 + padded + 8);

  it("gives the same functions as the file", () => {
    expect(SymbolTable.fromSymbolBlock(block).lookup(BASE + 4n)).toEqual({
      name: "btext",
      offset: 4n,
    });
  });

  it("is refused or read, however damaged", () => {
    const random = new SeededRandom(0x5b);
    for (let i = 0; i < 500; i++) {
      try {
        SymbolTable.fromSymbolBlock(mutated(block, random)).lookup(BASE + 4n);
      } catch (error) {
        expect(error).toBeInstanceOf(VmmError);
      }
    }
  });
});

it("a stripped kernel has no symbols to give", () => {
  const stripped = buildElf({ type: ET_EXEC, sections: [] });
  expect(() => SymbolTable.fromElf(parseElf(new BytesSource(stripped), "kernel"))).toThrow(
    "kernel has no symbol table",
  );
});

describe("a System.map", () => {
  const source = (text: string) => new BytesSource(new TextEncoder().encode(text));

  it("names the text symbols of a Linux kernel", () => {
    const table = SymbolTable.fromSystemMap(
      source(
        "0000000000000000 D __per_cpu_start\n" +
          "ffffffff81000100 t local_function\n" +
          "ffffffff81000000 T startup_64\n" +
          "ffffffff81000200 W weak_function\n" +
          "ffffffff82000000 B __bss_start\n",
      ),
    );
    expect(table.count).toBe(3);
    expect(table.lookup(0xffff_ffff_8100_0180n)).toEqual({ name: "local_function", offset: 0x80n });
  });

  it("without a text symbol is refused", () => {
    expect(() => SymbolTable.fromSystemMap(source("not a map\n"))).toThrow("no text symbol");
  });
});
