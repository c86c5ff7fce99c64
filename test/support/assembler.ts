// SPDX-License-Identifier: BSD-2-Clause
// A few instructions of 64-bit code by name, with labels: enough to write guests of a page for tests.

/** Numbers of registers, in encoding order. */
export const RAX = 0;
export const RCX = 1;
export const RDX = 2;
export const RBX = 3;
export const RSP = 4;
export const RSI = 6;
export const RDI = 7;

export class Assembler {
  readonly base: number;
  readonly #bytes: number[] = [];
  readonly #labels = new Map<string, number>();
  /** Places of 32-bit distances, counted from behind themselves. */
  readonly #fixups: { readonly at: number; readonly label: string }[] = [];
  #unnamed = 0;

  /** `base` is the address of the first byte. */
  constructor(base: number) {
    this.base = base;
  }

  bytes(...bytes: readonly number[]): this {
    this.#bytes.push(...bytes);
    return this;
  }

  label(name: string): this {
    this.#labels.set(name, this.#bytes.length);
    return this;
  }

  /** Text with a NUL behind it. */
  text(text: string): this {
    return this.bytes(...new TextEncoder().encode(text), 0);
  }

  /** mov r32, imm32: clears the upper half. */
  mov(register: number, value: number): this {
    return this.bytes(0xb8 + register, ...le32(value));
  }

  /** lea r64, [rip + label] */
  lea(register: number, label: string): this {
    return this.bytes(0x48, 0x8d, 0x05 | (register << 3)).#distance(label);
  }

  call(label: string): this {
    return this.bytes(0xe8).#distance(label);
  }

  jmp(label: string): this {
    return this.bytes(0xe9).#distance(label);
  }

  /** jcc: 4 is equal or zero, 5 not. */
  jump(condition: number, label: string): this {
    return this.bytes(0x0f, 0x80 | condition).#distance(label);
  }

  /** out dx, al with both set. */
  out8(port: number, value: number): this {
    return this.bytes(0x66, 0xba, port & 0xff, port >> 8, 0xb0, value, 0xee);
  }

  out16(port: number, value: number): this {
    return this.mov(RAX, value).bytes(0x66, 0xba, port & 0xff, port >> 8, 0x66, 0xef);
  }

  /** al from a port. */
  in8(port: number): this {
    return this.bytes(0x66, 0xba, port & 0xff, port >> 8, 0xec);
  }

  /** Writes 32 bits to an address below 2 GiB, or above -2 GiB. */
  store32(address: number, value: number): this {
    return this.bytes(0xb8, ...le32(address), 0xc7, 0x00, ...le32(value));
  }

  hlt(): this {
    return this.bytes(0xf4);
  }

  ret(): this {
    return this.bytes(0xc3);
  }

  /** A name that nobody else has. */
  fresh(): string {
    return `.${this.#unnamed++}`;
  }

  addressOf(label: string): number {
    const at = this.#labels.get(label);
    if (at === undefined) throw new Error(`no label ${label}`);
    return this.base + at;
  }

  /** Labels that do not start with a dot, in order of address. */
  get names(): readonly string[] {
    return [...this.#labels.keys()].filter((name) => !name.startsWith("."));
  }

  assemble(): Uint8Array {
    const code = Uint8Array.from(this.#bytes);
    const view = new DataView(code.buffer);
    for (const { at, label } of this.#fixups) {
      view.setInt32(at, this.addressOf(label) - this.base - at - 4, true);
    }
    return code;
  }

  #distance(label: string): this {
    this.#fixups.push({ at: this.#bytes.length, label });
    return this.bytes(0, 0, 0, 0);
  }
}

function le32(value: number): number[] {
  return [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, (value >>> 24) & 0xff];
}
