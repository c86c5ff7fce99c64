// SPDX-License-Identifier: BSD-2-Clause
// The registers that user code has, as one block of bytes: what a vector starts from, what it ends with, and
// what travels to the native harness (native/harness.c declares the same layout).
//
//   0    RAX … R15, 8 bytes each, in encoding order
//   128  RIP, RFLAGS, FS base, GS base
//   160  MXCSR (4), FCW (2), FSW (2), FTW (1: a bit a physical register, set if it is not empty)
//   176  ST0 … ST7, relative to the top of the stack, 16 bytes each of which 10 count
//   320  YMM0 … YMM15, 32 bytes each

export const RIP_AT = 128;
export const RFLAGS_AT = 136;
export const FS_BASE_AT = 144;
export const GS_BASE_AT = 152;
/** Bytes of the part that every instruction may use; the x87 and vector part follows. */
export const INTEGER_BYTES = 160;
export const MXCSR_AT = 160;
export const FCW_AT = 164;
export const FSW_AT = 166;
export const FTW_AT = 168;
export const ST_AT = 176;
export const YMM_AT = 320;
export const SNAPSHOT_BYTES = 832;

export interface RegisterField {
  readonly name: string;
  readonly at: number;
  readonly bytes: number;
}

const GPR_NAMES = [
  ...["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"],
  ...["r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"],
] as const;

function numbered(prefix: string, count: number, at: number, step: number, bytes: number) {
  return Array.from({ length: count }, (_, n) => ({
    name: `${prefix}${n}`,
    at: at + step * n,
    bytes,
  }));
}

/** Every register once: YMM registers, not the XMM registers inside them. */
export const FIELDS: readonly RegisterField[] = [
  ...GPR_NAMES.map((name, n) => ({ name, at: 8 * n, bytes: 8 })),
  { name: "rip", at: RIP_AT, bytes: 8 },
  { name: "rflags", at: RFLAGS_AT, bytes: 8 },
  { name: "fs_base", at: FS_BASE_AT, bytes: 8 },
  { name: "gs_base", at: GS_BASE_AT, bytes: 8 },
  { name: "mxcsr", at: MXCSR_AT, bytes: 4 },
  { name: "fcw", at: FCW_AT, bytes: 2 },
  { name: "fsw", at: FSW_AT, bytes: 2 },
  { name: "ftw", at: FTW_AT, bytes: 1 },
  ...numbered("st", 8, ST_AT, 16, 10),
  ...numbered("ymm", 16, YMM_AT, 32, 32),
];

const XMM_FIELDS = numbered("xmm", 16, YMM_AT, 32, 16);

/** Every name that a vector may use. */
export const FIELD_BY_NAME: ReadonlyMap<string, RegisterField> = new Map(
  [...FIELDS, ...XMM_FIELDS].map((field) => [field.name, field]),
);

/** The names of a YMM register and of its low half, for writing the shorter one. */
export function xmmOf(ymm: RegisterField): RegisterField {
  return XMM_FIELDS[(ymm.at - YMM_AT) / 32]!;
}

export class Snapshot {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** RAX … R15, RIP, RFLAGS, FS base, GS base. */
  readonly words: BigUint64Array;

  /** What a vector starts from where it says nothing. */
  constructor() {
    const buffer = new ArrayBuffer(SNAPSHOT_BYTES);
    this.bytes = new Uint8Array(buffer);
    this.view = new DataView(buffer);
    this.words = new BigUint64Array(buffer, 0, INTEGER_BYTES / 8);
    this.view.setUint32(MXCSR_AT, 0x1f80, true);
    this.view.setUint16(FCW_AT, 0x37f, true);
    this.bytes[RFLAGS_AT] = 2;
  }

  copy(): Snapshot {
    const other = new Snapshot();
    other.bytes.set(this.bytes);
    return other;
  }

  gpr(register: number): bigint {
    return this.words[register]!;
  }

  /** Any value; it is taken modulo 2^64. */
  setGpr(register: number, value: bigint): void {
    this.words[register] = value;
  }

  get rip(): bigint {
    return this.words[RIP_AT / 8]!;
  }

  set rip(value: bigint) {
    this.words[RIP_AT / 8] = value;
  }

  /** RFLAGS has no bits above 31 that mean anything. */
  get flags(): number {
    return this.view.getUint32(RFLAGS_AT, true);
  }

  set flags(value: number) {
    this.view.setUint32(RFLAGS_AT, value, true);
  }

  /** Unsigned, of the field's size. */
  read(field: RegisterField): bigint {
    let value = 0n;
    for (let i = field.bytes - 1; i >= 0; i--) {
      value = (value << 8n) | BigInt(this.bytes[field.at + i]!);
    }
    return value;
  }

  write(field: RegisterField, value: bigint): void {
    let rest = value;
    for (let i = 0; i < field.bytes; i++) {
      this.bytes[field.at + i] = Number(rest & 0xffn);
      rest >>= 8n;
    }
  }

  isSame(other: Snapshot, field: RegisterField): boolean {
    for (let at = field.at; at < field.at + field.bytes; at++) {
      if (this.bytes[at] !== other.bytes[at]) return false;
    }
    return true;
  }
}
