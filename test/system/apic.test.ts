// SPDX-License-Identifier: BSD-2-Clause
// Guests that drive the interrupt controllers and the timer: SDM 3A chapter 11 (APIC), 82093AA (I/O APIC).
import { describe, expect, it } from "vitest";
import { runOnPlatform } from "../support/system/platform-guest.ts";

interface PlatformCase {
  readonly title: string;
  readonly manual: string;
  readonly code: string;
  readonly vectors: readonly number[];
}

const ENABLE = "mov ebx, LAPIC; mov dword [rbx+0xf0], 0x1ff; mov esi, IOAPIC";
const X2APIC =
  "mov ecx, 0x1b; rdmsr; or eax, 0xc00; wrmsr; mov ecx, 0x80f; mov eax, 0x1ff; xor edx, edx; wrmsr";
const SELF = (vector: number) => `mov dword [rbx+0x300], ${0x40000 | vector}`;
/** Soft off, ACPI 4.8.3.2. */
const END = "cli; mov edx, 0x404; mov eax, 0x3400; out dx, ax; hlt";
/** Lets everything in that waits. */
const OPEN = "sti; nop; nop; nop; nop";
/** Redirection entry of pin 20: low half. */
const PIN = (low: number) => `mov dword [rsi], 0x38; mov dword [rsi+0x10], ${low}`;
const RAISE = "mov edx, 0x2014; mov al, 1; out dx, al";
const LOWER = "mov edx, 0x2014; xor eax, eax; out dx, al";
const LEVEL = 0x8000;

const CASES: readonly PlatformCase[] = [
  {
    title: "interrupts that wait come by priority",
    manual: "SDM 3A 11.8.3",
    code: `${ENABLE}; ${SELF(0x41)}; ${SELF(0x61)}; ${SELF(0x51)}; ${OPEN}; ${END}`,
    vectors: [0x61, 0x51, 0x41],
  },
  {
    title: "TPR holds classes up to its own off",
    manual: "SDM 3A 11.8.3.1",
    code: `${ENABLE}; mov dword [rbx+0x80], 0x50; ${SELF(0x41)}; ${SELF(0x5f)}; ${SELF(0x61)}; ${OPEN}
      int 0x30; mov dword [rbx+0x80], 0; ${OPEN}; ${END}`,
    vectors: [0x61, 0x30, 0x5f, 0x41],
  },
  {
    title: "CR8 is TPR's class",
    manual: "SDM 3A 11.8.6",
    code: `${ENABLE}; mov eax, 5; mov cr8, rax; ${SELF(0x51)}; ${OPEN}; int 0x30; xor eax, eax; mov cr8, rax; ${OPEN}; ${END}`,
    vectors: [0x30, 0x51],
  },
  {
    title: "what is in service holds its class and lower ones off until EOI",
    manual: "SDM 3A 11.8.4, 11.8.5",
    code: `${ENABLE}; mov dword [KEEP], 1; ${SELF(0x55)}; ${OPEN}; ${SELF(0x51)}; ${SELF(0x61)}; nop; nop
      int 0x30; mov dword [rbx+0xb0], 0; nop; mov dword [rbx+0xb0], 0; nop; nop; ${END}`,
    vectors: [0x55, 0x61, 0x30, 0x51],
  },
  {
    title: "a vector that waits already comes once",
    manual: "SDM 3A 11.8.4",
    code: `${ENABLE}; ${SELF(0x41)}; ${SELF(0x41)}; ${SELF(0x41)}; ${OPEN}; ${END}`,
    vectors: [0x41],
  },
  {
    title: "a software-disabled APIC takes no fixed interrupt",
    manual: "SDM 3A 11.4.7.2",
    code: `${ENABLE}; mov dword [rbx+0xf0], 0xff; ${SELF(0x41)}; ${OPEN}; ${END}`,
    vectors: [],
  },
  {
    title: "the timer counts down once",
    manual: "SDM 3A 11.5.4",
    code: `${ENABLE}; mov dword [rbx+0x3e0], 0xb; mov dword [rbx+0x320], 0x40; mov dword [rbx+0x380], 1000; sti; hlt
      mov ecx, 30000; wait: dec ecx; jnz wait; ${END}`,
    vectors: [0x40],
  },
  {
    title: "the timer repeats",
    manual: "SDM 3A 11.5.4",
    code: `${ENABLE}; mov dword [rbx+0x3e0], 0xb; mov dword [rbx+0x320], 0x20040; mov dword [rbx+0x380], 1000; sti; hlt; hlt; hlt; ${END}`,
    vectors: [0x40, 0x40, 0x40],
  },
  {
    title: "the timer keeps quiet while its entry is masked",
    manual: "SDM 3A 11.5.1",
    code: `${ENABLE}; mov dword [rbx+0x3e0], 0xb; mov dword [rbx+0x320], 0x10040; mov dword [rbx+0x380], 1000; sti
      mov ecx, 30000; wait: dec ecx; jnz wait; ${END}`,
    vectors: [],
  },
  {
    title: "a TSC deadline fires once, and 0 disarms it",
    manual: "SDM 3A 11.5.4.1",
    code: `${ENABLE}; mov dword [rbx+0x320], 0x40040; rdtsc; add eax, 20000; adc edx, 0; mov ecx, 0x6e0; wrmsr; sti; hlt
      rdmsr; mov r8, rax; rdtsc; add eax, 20000; adc edx, 0; wrmsr; xor eax, eax; xor edx, edx; wrmsr
      mov ecx, 60000; wait: dec ecx; jnz wait; ${END}`,
    vectors: [0x40],
  },
  {
    title: "an edge of an I/O APIC's pin comes once, however long the line is up",
    manual: "82093AA 3.2.4",
    code: `${ENABLE}; ${PIN(0x45)}; sti; ${RAISE}; nop; nop; ${LOWER}; ${RAISE}; nop; nop; ${END}`,
    vectors: [0x45, 0x45],
  },
  {
    title: "an edge at a masked pin is lost",
    manual: "82093AA 3.2.4",
    code: `${ENABLE}; ${PIN(0x10045)}; sti; ${RAISE}; ${PIN(0x45)}; nop; nop; ${END}`,
    vectors: [],
  },
  {
    title: "a level comes again at each EOI for as long as the line is up",
    manual: "82093AA 3.2.4, SDM 3A 11.8.5",
    code: `${ENABLE}; mov dword [RELEASE_AT], 3; ${PIN(0x45 | LEVEL)}; sti; ${RAISE}; nop; nop; nop; ${END}`,
    vectors: [0x45, 0x45, 0x45],
  },
  {
    title: "a level whose interrupt is not ended has remote IRR set, and comes no more",
    manual: "82093AA 3.2.4",
    code: `${ENABLE}; mov dword [KEEP], 1; ${PIN(0x45 | LEVEL)}; sti; ${RAISE}; nop; nop
      mov dword [rsi], 0x38; mov ecx, [rsi+0x10]; test cx, cx; and ecx, 0x4000; jz wrong
      ${LOWER}; mov dword [rbx+0xb0], 0; mov ecx, [rsi+0x10]; and ecx, 0x4000; jnz wrong; ${END}; wrong: ud2`,
    vectors: [0x45],
  },
  {
    title: "a level that waits when its pin is opened comes then",
    manual: "82093AA 3.2.4",
    code: `${ENABLE}; mov dword [RELEASE_AT], 2; ${PIN(0x10045 | LEVEL)}; sti; ${RAISE}; nop; nop; int 0x30; ${PIN(0x45 | LEVEL)}; nop; nop; ${END}`,
    vectors: [0x30, 0x45],
  },
  {
    title: "an x2APIC interrupts itself by MSR",
    manual: "SDM 3A 11.12.11",
    code: `${X2APIC}; mov dword [KEEP], 1; mov ecx, 0x83f; mov eax, 0x44; xor edx, edx; wrmsr; ${OPEN}; mov ecx, 0x80b; xor eax, eax; wrmsr
      mov ecx, 0x83f; mov eax, 0x43; wrmsr; nop; nop; ${END}`,
    vectors: [0x44, 0x43],
  },
  ...(
    [
      ["a write of EOI that is not zero", "mov ecx, 0x80b; mov eax, 1; xor edx, edx; wrmsr"],
      ["a read of EOI", "mov ecx, 0x80b; rdmsr"],
      ["a write of the version", "mov ecx, 0x803; wrmsr"],
      ["DFR, which is not there", "mov ecx, 0x80e; rdmsr"],
      ["reserved bits of TPR", "mov ecx, 0x808; mov eax, 0x100; xor edx, edx; wrmsr"],
      ["a way back to xAPIC mode", "mov ecx, 0x1b; rdmsr; and eax, 0xfffffbff; wrmsr"],
    ] as const
  ).map(([what, code]) => ({
    title: `an x2APIC raises #GP for ${what}`,
    manual: "SDM 3A 11.12.1.2, 11.12.5.1",
    code: `${X2APIC}; ${code}; ${END}`,
    vectors: [13],
  })),
  {
    title: "x2APIC's MSRs raise #GP in xAPIC mode",
    manual: "SDM 3A 11.12.2",
    code: `mov ecx, 0x802; rdmsr; ${END}`,
    vectors: [13],
  },
];

describe("interrupt controllers, driven by guests", () => {
  it.each(CASES.map((each) => [`${each.title} [${each.manual}]`, each] as const))(
    "%s",
    (_title, { code, vectors }) => {
      const first = runOnPlatform(code, "interpreter");
      expect(first.vectors.map((vector) => vector.toString(16))).toEqual(
        vectors.map((vector) => vector.toString(16)),
      );
      const second = runOnPlatform(code, "translator");
      expect([second.vectors, second.retired]).toEqual([first.vectors, first.retired]);
    },
  );
});
