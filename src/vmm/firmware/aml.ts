// SPDX-License-Identifier: BSD-2-Clause
// ACPI machine language, as bytes: one function a production of the grammar in ACPI 6.5 chapter 20.
// Terms are plain byte strings and nest by concatenation; there is no tree in between. What a numeric
// literal turns into is what iasl chooses (the shortest form), so a disassembly compiles back to the
// same bytes. Covers what a DSDT of ours says, not the whole language: no events, no mutexes, no
// thermal zones, no references, no string operators.
import { ByteWriter, concatBytes } from "../../base/byte-writer.ts";
import { VmmError } from "../../base/errors.ts";

/** The encoding of one term, or of several in a row. */
export type Aml = Uint8Array;

const EXT_OP_PREFIX = 0x5b;

// §20.2.2 Name objects.
const DUAL_NAME_PREFIX = 0x2e;
const MULTI_NAME_PREFIX = 0x2f;
const NULL_NAME = 0x00;

// §20.2.3 Data objects.
const ZERO_OP = 0x00;
const ONE_OP = 0x01;
const BYTE_PREFIX = 0x0a;
const WORD_PREFIX = 0x0b;
const DWORD_PREFIX = 0x0c;
const STRING_PREFIX = 0x0d;
const QWORD_PREFIX = 0x0e;
const BUFFER_OP = 0x11;
const PACKAGE_OP = 0x12;

// §20.2.5 Term objects.
const NAME_OP = 0x08;
const SCOPE_OP = 0x10;
const METHOD_OP = 0x14;
const REGION_OP = 0x80;
const FIELD_OP = 0x81;
const DEVICE_OP = 0x82;
const IF_OP = 0xa0;
const ELSE_OP = 0xa1;
const RETURN_OP = 0xa4;
const NOTIFY_OP = 0x86;
const STORE_OP = 0x70;
const DECREMENT_OP = 0x76;
const SHIFT_LEFT_OP = 0x79;
const AND_OP = 0x7b;
const FIND_SET_RIGHT_BIT_OP = 0x82;
const CREATE_WORD_FIELD_OP = 0x8b;
const LEQUAL_OP = 0x93;
const LLESS_OP = 0x95;

// §20.2.6 Miscellaneous objects.
const LOCAL0_OP = 0x60;
const ARG0_OP = 0x68;

function term(...parts: readonly (Aml | number)[]): Aml {
  return concatBytes(parts.map((part) => (typeof part === "number" ? [part] : part)));
}

/**
 * §20.2.4 PkgLength of a package whose content has `contentBytes`: the length counts its own bytes. One
 * byte holds 6 bits; more hold 4 in the first, whose top two bits count the others, and 8 in each of those.
 */
function packageLength(contentBytes: number): Aml {
  if (contentBytes + 1 < 0x40) return term(contentBytes + 1);
  for (let following = 1; following <= 3; following++) {
    const total = contentBytes + 1 + following;
    if (total < 2 ** (4 + 8 * following)) return longPackageLength(total, following);
  }
  throw new VmmError("ERR_INTERNAL", `an AML package of ${contentBytes} bytes cannot be encoded`);
}

function longPackageLength(value: number, following: number): Aml {
  const bytes = [(following << 6) | (value & 0xf)];
  for (let i = 0; i < following; i++) bytes.push((value >>> (4 + 8 * i)) & 0xff);
  return new Uint8Array(bytes);
}

/** The same encoding for a number of bits in a field list, which counts nothing but them. §20.2.5.2 */
function fieldWidth(bits: number): Aml {
  if (bits < 0x40) return term(bits);
  const following = bits < 0x1000 ? 1 : bits < 0x10_0000 ? 2 : 3;
  return longPackageLength(bits, following);
}

/** opcode PkgLength content */
function packaged(opcode: readonly number[], ...content: readonly Aml[]): Aml {
  const body = concatBytes(content);
  return concatBytes([opcode, packageLength(body.length), body]);
}

function nameSegment(segment: string): Aml {
  if (!/^[A-Z_][A-Z0-9_]{0,3}$/.test(segment)) {
    throw new VmmError("ERR_INTERNAL", `"${segment}" is not an ACPI name`);
  }
  return new ByteWriter().text(segment.padEnd(4, "_")).toBytes();
}

/** §20.2.2 NameString: `FOO`, `\_SB.PC00`, `^BAR`, `\`. Short segments are padded with underscores. */
export function namePath(path: string): Aml {
  const [, prefix, rest] = /^(\\|\^*)(.*)$/.exec(path)!;
  const writer = new ByteWriter().text(prefix!);
  const segments = rest === "" ? [] : rest!.split(".");
  if (segments.length === 0) writer.u8(NULL_NAME);
  else if (segments.length === 2) writer.u8(DUAL_NAME_PREFIX);
  else if (segments.length > 2) writer.u8(MULTI_NAME_PREFIX).u8(segments.length);
  for (const segment of segments) writer.bytes(nameSegment(segment));
  return writer.toBytes();
}

/** §20.2.3 ComputationalData: a non-negative safe integer in the fewest bytes. */
export function integer(value: number): Aml {
  const writer = new ByteWriter();
  if (value === 0) writer.u8(ZERO_OP);
  else if (value === 1) writer.u8(ONE_OP);
  else if (value < 2 ** 8) writer.u8(BYTE_PREFIX).u8(value);
  else if (value < 2 ** 16) writer.u8(WORD_PREFIX).u16(value);
  else if (value < 2 ** 32) writer.u8(DWORD_PREFIX).u32(value);
  else writer.u8(QWORD_PREFIX).u64(value);
  return writer.toBytes();
}

/** §20.2.3 String: 7-bit characters other than NUL. */
export function text(characters: string): Aml {
  return new ByteWriter().u8(STRING_PREFIX).text(characters).u8(0).toBytes();
}

/**
 * The EISAID macro of chapter 19: three letters and four hexadecimal digits, compressed into 32 bits whose
 * bytes lie in memory in the order of the text. As for any integer, leading zeros take no room.
 */
export function eisaId(id: string): Aml {
  if (!/^[A-Z]{3}[0-9A-F]{4}$/.test(id)) {
    throw new VmmError("ERR_INTERNAL", `"${id}" is not an EISA identifier`);
  }
  const [first, second, third] = [0, 1, 2].map((i) => id.charCodeAt(i) - 0x40);
  const vendor = (first! << 10) | (second! << 5) | third!;
  const product = Number.parseInt(id.slice(3), 16);
  const inTextOrder = new Uint8Array([vendor >> 8, vendor, product >> 8, product]);
  return integer(new DataView(inTextOrder.buffer).getUint32(0, true));
}

/** §20.2.5.4 DefBuffer with its initial content. */
export function buffer(content: Uint8Array): Aml {
  return packaged([BUFFER_OP], integer(content.length), content);
}

/** §20.2.5.4 DefPackage. Throws for more than the 255 elements it can count. */
export function packageOf(...elements: readonly Aml[]): Aml {
  return packaged([PACKAGE_OP], new ByteWriter().u8(elements.length).toBytes(), ...elements);
}

/** §20.2.5.1 DefName. */
export function name(path: string, value: Aml): Aml {
  return term(NAME_OP, namePath(path), value);
}

/** §20.2.5.1 DefScope. */
export function scope(path: string, ...terms: readonly Aml[]): Aml {
  return packaged([SCOPE_OP], namePath(path), ...terms);
}

/** §20.2.5.2 DefDevice. */
export function device(path: string, ...terms: readonly Aml[]): Aml {
  return packaged([EXT_OP_PREFIX, DEVICE_OP], namePath(path), ...terms);
}

/** §20.2.5.2 DefMethod, not serialized, of 0 to 7 arguments. */
export function method(path: string, argumentCount: number, ...terms: readonly Aml[]): Aml {
  return packaged([METHOD_OP], namePath(path), term(argumentCount), ...terms);
}

/** §20.2.5.2 RegionSpace. */
export const REGION_SPACE_PCI_CONFIG = 0x02;

/** §20.2.5.2 DefOpRegion. */
export function operationRegion(path: string, space: number, offset: number, bytes: number): Aml {
  return term(EXT_OP_PREFIX, REGION_OP, namePath(path), space, integer(offset), integer(bytes));
}

/** One entry of a field list: bits with a name, or bits to skip. */
export interface FieldElement {
  readonly name?: string;
  readonly bits: number;
}

/** §20.2.5.2 DefField with AnyAcc, NoLock, Preserve. */
export function field(region: string, ...elements: readonly FieldElement[]): Aml {
  const flags = 0x00;
  const list = elements.map(({ name, bits }) =>
    term(name === undefined ? 0x00 : nameSegment(name), fieldWidth(bits)),
  );
  return packaged([EXT_OP_PREFIX, FIELD_OP], namePath(region), term(flags), ...list);
}

/** §20.2.6.1 Arg0 … Arg6. */
export function arg(index: number): Aml {
  return term(ARG0_OP + index);
}

/** §20.2.6.2 Local0 … Local7. */
export function local(index: number): Aml {
  return term(LOCAL0_OP + index);
}

/** §20.2.5.3 DefIfElse without its Else, which {@link otherwise} adds. */
export function when(predicate: Aml, ...terms: readonly Aml[]): Aml {
  return packaged([IF_OP], predicate, ...terms);
}

/** §20.2.5.3 DefElse: follows a {@link when}. */
export function otherwise(...terms: readonly Aml[]): Aml {
  return packaged([ELSE_OP], ...terms);
}

/** §20.2.5.3 DefReturn. */
export function returnValue(value: Aml): Aml {
  return term(RETURN_OP, value);
}

/** §20.2.5.3 DefNotify. */
export function notify(path: string, value: number): Aml {
  return term(NOTIFY_OP, namePath(path), integer(value));
}

/** §20.2.5.4 MethodInvocation. */
export function call(path: string, ...values: readonly Aml[]): Aml {
  return term(namePath(path), ...values);
}

/** §20.2.5.4 DefStore. */
export function store(source: Aml, target: Aml): Aml {
  return term(STORE_OP, source, target);
}

/** §20.2.5.4 Target: the null name when the result is only wanted as the value of the term. */
const NO_TARGET = term(NULL_NAME);

/** §20.2.5.4 DefAnd. */
export function and(left: Aml, right: Aml, target = NO_TARGET): Aml {
  return term(AND_OP, left, right, target);
}

/** §20.2.5.4 DefShiftLeft. */
export function shiftLeft(value: Aml, count: Aml, target = NO_TARGET): Aml {
  return term(SHIFT_LEFT_OP, value, count, target);
}

/** §20.2.5.4 DefDecrement: changes its operand and gives the new value. */
export function decrement(target: Aml): Aml {
  return term(DECREMENT_OP, target);
}

/** §20.2.5.4 DefFindSetRightBit: 1 for bit 0, 0 for none. */
export function findSetRightBit(value: Aml, target = NO_TARGET): Aml {
  return term(FIND_SET_RIGHT_BIT_OP, value, target);
}

/** §20.2.5.4 DefLEqual. */
export function equal(left: Aml, right: Aml): Aml {
  return term(LEQUAL_OP, left, right);
}

/** §20.2.5.4 DefLLess. */
export function less(left: Aml, right: Aml): Aml {
  return term(LLESS_OP, left, right);
}

/** §20.2.5.2 DefCreateWordField: `created` names 16 bits of a buffer. */
export function createWordField(source: Aml, byteIndex: number, created: string): Aml {
  return term(CREATE_WORD_FIELD_OP, source, integer(byteIndex), namePath(created));
}
