// SPDX-License-Identifier: BSD-2-Clause
// One test of one instruction, as docs/instruction-tests.md defines it: a JSON object a line. Parsing is
// total: what is not a vector is a VmmError that says why.
import { VmmError } from "../../src/base/errors.ts";
import { bytesToHex, formatBytes, hexIntoBytes, parseAddress, parseBytes } from "./hex.ts";
import {
  FIELD_BY_NAME,
  FIELDS,
  type RegisterField,
  RFLAGS_AT,
  Snapshot,
  xmmOf,
} from "./snapshot.ts";

/** Bytes at a linear address. In an initial state they also say that their pages are mapped. */
export interface MemoryPiece {
  readonly address: bigint;
  readonly bytes: Uint8Array;
}

export interface VectorException {
  readonly vector: number;
  readonly code: number | undefined;
  readonly cr2: bigint | undefined;
}

export interface VectorFinal {
  /** All registers: the initial ones with what changed. */
  readonly registers: Snapshot;
  /** What changed. */
  readonly memory: readonly MemoryPiece[];
}

export interface Vector {
  readonly name: string;
  readonly code: Uint8Array;
  readonly initial: { readonly registers: Snapshot; readonly memory: readonly MemoryPiece[] };
  /** Absent when only the exception is known. */
  readonly final: VectorFinal | undefined;
  readonly exception: VectorException | undefined;
  /** Bits that may have any value afterwards. */
  readonly undefinedBits: readonly { readonly field: RegisterField; readonly mask: bigint }[];
}

const MAX_CODE = 15;

function bad(what: string): VmmError {
  return new VmmError("ERR_BAD_OPTION", what);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(value: unknown, what: string): string {
  if (typeof value !== "string") throw bad(`${what} is not a string`);
  return value;
}

function fieldNamed(name: string): RegisterField {
  const field = FIELD_BY_NAME.get(name);
  if (field === undefined) throw bad(`there is no register ${JSON.stringify(name)}`);
  return field;
}

function readRegisters(value: unknown, into: Snapshot): void {
  if (value === undefined) return;
  if (!isObject(value)) throw bad("regs is not an object");
  for (const name in value) {
    const field = fieldNamed(name);
    hexIntoBytes(text(value[name], name), into.bytes, field.at, field.bytes);
  }
  // Bit 1 of RFLAGS reads as one whatever is written.
  into.bytes[RFLAGS_AT] = into.bytes[RFLAGS_AT]! | 2;
}

function readMemory(value: unknown): MemoryPiece[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw bad("mem is not an array");
  return value.map((piece: unknown) => {
    if (!Array.isArray(piece) || piece.length !== 2) throw bad("mem has no [address, bytes] pairs");
    const address = parseAddress(text(piece[0], "an address in mem"));
    return { address, bytes: parseBytes(text(piece[1], "the bytes in mem")) };
  });
}

function readException(value: unknown): VectorException | undefined {
  if (value === undefined) return undefined;
  if (!isObject(value)) throw bad("exception is not an object");
  const { vector, code, cr2 } = value as { vector?: unknown; code?: unknown; cr2?: unknown };
  if (typeof vector !== "number" || !Number.isInteger(vector) || vector < 0 || vector > 31) {
    throw bad("exception.vector is not a number from 0 to 31");
  }
  return {
    vector,
    code: code === undefined ? undefined : Number(parseAddress(text(code, "exception.code"))),
    cr2: cr2 === undefined ? undefined : parseAddress(text(cr2, "exception.cr2")),
  };
}

function readUndefined(value: unknown): Vector["undefinedBits"] {
  if (value === undefined) return [];
  if (!isObject(value)) throw bad("undefined is not an object");
  return Object.keys(value).map((name) => {
    const mask = text(value[name], name);
    if (!/^0x[0-9a-fA-F]+$/.test(mask)) throw bad(`undefined.${name} is not a number like "0x1f"`);
    return { field: fieldNamed(name), mask: BigInt(mask) };
  });
}

/** The parts of the JSON object, before anybody has looked at them. */
interface VectorJson {
  readonly name?: unknown;
  readonly bytes?: unknown;
  readonly initial?: unknown;
  readonly final?: unknown;
  readonly exception?: unknown;
  readonly undefined?: unknown;
}

interface StateJson {
  readonly regs?: unknown;
  readonly mem?: unknown;
}

function readState(value: unknown, what: string, into: Snapshot): MemoryPiece[] {
  if (!isObject(value)) throw bad(`${what} is not an object`);
  const { regs, mem }: StateJson = value;
  readRegisters(regs, into);
  return readMemory(mem);
}

/** One line of a vector file; throws ERR_BAD_OPTION with a sentence about what is wrong with it. */
export function parseVector(line: string): Vector {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (cause) {
    throw new VmmError("ERR_BAD_OPTION", "a vector is not JSON", { cause });
  }
  if (!isObject(json)) throw bad("a vector is not a JSON object");
  const parts: VectorJson = json;
  const code = parseBytes(text(parts.bytes, "bytes"));
  if (code.length === 0 || code.length > MAX_CODE) throw bad("bytes are not 1 to 15 bytes");
  const registers = new Snapshot();
  const initial = { registers, memory: readState(parts.initial, "initial", registers) };
  const exception = readException(parts.exception);
  let final: VectorFinal | undefined;
  if (parts.final !== undefined) {
    const after = registers.copy();
    final = { registers: after, memory: readState(parts.final, "final", after) };
  } else if (exception === undefined) throw bad("a vector has neither final nor exception");
  return {
    name: text(parts.name, "name"),
    code,
    initial,
    final,
    exception,
    undefinedBits: readUndefined(parts.undefined),
  };
}

function isPadded(field: RegisterField): boolean {
  return field.bytes >= 10;
}

/** The registers that differ from `base`, by the shortest name that says it. */
function writeRegisters(registers: Snapshot, base: Snapshot): Record<string, string> {
  const result: Record<string, string> = {};
  for (const field of FIELDS) {
    if (registers.isSame(base, field)) continue;
    let shown = field;
    if (field.bytes === 32) {
      const high = { ...field, at: field.at + 16, bytes: 16 };
      if (registers.isSame(base, high)) shown = xmmOf(field);
    }
    result[shown.name] = bytesToHex(registers.bytes, shown.at, shown.bytes, isPadded(shown));
  }
  return result;
}

function writeMemory(memory: readonly MemoryPiece[]): [string, string][] {
  return memory.map(({ address, bytes }) => [`0x${address.toString(16)}`, formatBytes(bytes)]);
}

const NOTHING = new Snapshot();

/** The line of a vector file; {@link parseVector} gives the same vector back. */
export function formatVector(vector: Vector): string {
  const { initial, final, exception, undefinedBits } = vector;
  const regs = writeRegisters(initial.registers, NOTHING);
  return JSON.stringify({
    name: vector.name,
    bytes: formatBytes(vector.code),
    initial: {
      regs,
      ...(initial.memory.length > 0 ? { mem: writeMemory(initial.memory) } : {}),
    },
    ...(final === undefined
      ? {}
      : {
          final: {
            regs: writeRegisters(final.registers, initial.registers),
            ...(final.memory.length > 0 ? { mem: writeMemory(final.memory) } : {}),
          },
        }),
    ...(exception === undefined ? {} : { exception: writeException(exception) }),
    ...(undefinedBits.length === 0
      ? {}
      : {
          undefined: Object.fromEntries(
            undefinedBits.map(({ field, mask }) => [field.name, `0x${mask.toString(16)}`]),
          ),
        }),
  });
}

function writeException({ vector, code, cr2 }: VectorException): Record<string, unknown> {
  return {
    vector,
    ...(code === undefined ? {} : { code: `0x${code.toString(16)}` }),
    ...(cr2 === undefined ? {} : { cr2: `0x${cr2.toString(16)}` }),
  };
}
