// SPDX-License-Identifier: BSD-2-Clause
// Where the emulators differ from what a case expects, and who is right by the manual; and what they are not asked.
import type { PeerName } from "./peers.ts";
import type { AskedCase } from "./suites.ts";

interface Known {
  readonly peer: PeerName;
  /** Suites and titles. */
  readonly cases: RegExp;
  /** What the peer does, and why the case stands. */
  readonly because: string;
}

/** The first that fits counts. */
const KNOWN: readonly Known[] = [
  {
    peer: "qemu",
    cases: /^alignment checks: (fault|begin|come|look at|end in|leave)/,
    because:
      "There are no alignment checks. SDM 3A 6.15, interrupt 17 has them; our vectors from a processor do, too.",
  },
  {
    peer: "qemu",
    cases:
      /^non-canonical addresses: (raise #SS|raise #GP: mov eax, .rbx-0x1002|are those whose last byte)/,
    because:
      "Addresses are looked up before anybody asks whether they are canonical: stack references raise #GP, not #SS, and an access is judged by its first byte. SDM 3A 6.15 (interrupts 12, 13), SDM 1 3.3.7.1.",
  },
  {
    peer: "qemu",
    cases:
      /non-canonical address with|non-canonical RIP|non-canonical target|non-canonical RCX|non-canonical RDX|handler at a non-canonical|say EXT of that|raise #GP: jmp rbx|are refused as a (jmp|jz|call)'s/,
    because:
      "A branch to a non-canonical address completes, and the fetch there faults. SDM 2: the branch itself raises #GP, with the address of the branch.",
  },
  {
    peer: "qemu",
    cases:
      /are refused by MSR|as FS's base by WRFSBASE|refused as tables' bases|read a base of 64 bits/,
    because:
      "A non-canonical address is taken as it is. SDM 2 WRMSR, WRFSBASE, LGDT, LLDT raise #GP.",
  },
  {
    peer: "qemu",
    cases:
      /^an instruction breakpoint: is held off|^a data breakpoint: (waits behind|behind) MOV SS|^single-stepping: traps behind sti/,
    because:
      "MOV SS does not hold debug exceptions off, and STI holds single-stepping off. SDM 3A 6.8.3 has it the other way round.",
  },
  {
    peer: "qemu",
    cases:
      /^a data breakpoint: (stops a repeated|at the last iteration)|^an I\/O breakpoint: stops OUTS|^single-stepping: traps after each iteration/,
    because:
      "Traps in repeated instructions are reported in other places, and without RF in the frame. SDM 3B 17.3.1.1: RF is pushed set behind every iteration but the last.",
  },
  {
    peer: "qemu",
    cases: /^a data breakpoint: of an instruction that faults/,
    because:
      "The trap is taken in the fault's handler although the instruction has not completed. SDM 3A table 6-2: traps are of the previous instruction.",
  },
  {
    peer: "qemu",
    cases: /^debug registers: (fault in front|are open)/,
    because: "DR7.GD is not looked at, nor cleared. SDM 3B 17.2.4.",
  },
  {
    peer: "qemu",
    cases: /DR6's bits add up/,
    because:
      'Single-stepping clears B0-B3. SDM 3B 17.2.3 allows both: "certain debug exceptions may clear bits 0-3". Software has to cope with either.',
  },
  {
    peer: "qemu",
    cases: /^64-bit exceptions: (set RF|ask no DPL of INT1)|^task switches: by an exception push/,
    because: "A fault's frame has no RF, and INT1 is #UD. SDM 3B 17.3.1.1, SDM 2 INT n.",
  },
  {
    peer: "qemu",
    cases:
      /^64-bit exceptions: (are refused to INT n|let INT3|raise #GP for a vector|raise #NP with the vector|refuse a .* in the IDT)/,
    because:
      "Error codes of 64-bit gates have the vector at bit 4. SDM 3A 6.13: at bit 3, as everywhere.",
  },
  {
    peer: "qemu",
    cases:
      /raise #NP with the selector for a gate to code|do not come of a benign exception|say EXT|(and|with) EXT for an exception/,
    because: "EXT is never set. SDM 3A 6.13.",
  },
  {
    peer: "qemu",
    cases: /^stacks of 64-bit interrupts: are those of the IST/,
    because:
      "SS keeps its selector only on a change of level, but is made null with an IST, too. SDM 3A 6.14.4: a new SS is null where CPL changes.",
  },
  {
    peer: "qemu",
    cases: /where the frame does not fit below the canonical hole/,
    because: "Shuts down: #SS is not told from #GP and faults anew. SDM 2 INT n.",
  },
  {
    peer: "qemu",
    cases: /^SYSCALL and SYSRET: change CS/,
    because:
      "The arithmetic flags come out clear, whatever the mask says. SDM 2 SYSCALL: RFLAGS AND NOT IA32_FMASK.",
  },
  {
    peer: "qemu",
    cases: /^SYSCALL and SYSRET: come back to 64-bit/,
    because: "RF and VM of R11 are loaded. SDM 2 SYSRET: RFLAGS := (R11 & 3C7FD7H) | 2.",
  },
  {
    peer: "qemu",
    cases: /^SYSCALL and SYSRET: are #UD in 32-bit/,
    because:
      "32-bit SYSCALL works, as on AMD's processors. Ours follows SDM 2, as the model's vendor does.",
  },
  {
    peer: "qemu",
    cases: /^SYSCALL and SYSRET: let SYSRET set TF/,
    because: "Traps behind SYSRET itself. The manual leaves it open, and the case says so.",
  },
  {
    peer: "qemu",
    cases: /^SYSENTER and SYSEXIT: come back to 32-bit/,
    because: "RSP keeps the upper half of RCX. SDM 2 SYSEXIT: RSP := ECX.",
  },
  {
    peer: "qemu",
    cases: /^SYSENTER and SYSEXIT: refuse a null/,
    because: "A CS of 1 to 3 counts as one. SDM 2 SYSENTER: #GP if bits 15:2 are zero.",
  },
  {
    peer: "qemu",
    cases: /^call gates in protected mode: refuse a gate to code that is not present to jmp/,
    because: "#GP in place of #NP. SDM 2 JMP: #NP(selector).",
  },
  {
    peer: "qemu",
    cases:
      /^IRETQ: refuses (an address above|code with L and D)|^IRETQ to 32-bit code: (finds|loads)|^32-bit interrupts: (raise #GP for a handler|that do not fit)|no room for the frame|^virtual-8086 mode: wraps|^segment registers: (have a|raise #SS for|take)|lose those of the kernel/,
    because:
      "Segments' limits, types and null selectors are not looked at when memory is accessed. SDM 3A 5.3 to 5.5.",
  },
  {
    peer: "qemu",
    cases: /^IRETQ: raises #SS for an SS that is not present/,
    because:
      "#NP in place of #SS. SDM 2 IRET says #SS(SS selector) in its operation and #NP(selector) in its list of exceptions; APM 3 IRET has #SS alone, which we follow.",
  },
  {
    peer: "qemu",
    cases: /^IRETQ to 32-bit code: marks/,
    because: "IRET sets no accessed bits. SDM 3A 3.4.5.1.",
  },
  {
    peer: "qemu",
    cases: /^the stack of an inner level: is refused with a segment that is not present/,
    because:
      "#TS in place of #SS. SDM 2 INT n: #SS(new SS selector + EXT) where the stack segment is not present.",
  },
  {
    peer: "qemu",
    cases: /^virtual-8086 mode: (lets no interrupt|is entered)/,
    because:
      "An interrupt to another level than 0, and IRET's VM flag at CPL above 0, are not refused. SDM 2 INT n, IRET.",
  },
  {
    peer: "qemu",
    cases: /^operating modes: are not left|^PCIDs/,
    because:
      "MOV to CR0, CR3, CR4, CR8 and WRMSR to EFER ignore or take reserved bits and combinations in place of #GP, and 64-bit mode can be left by clearing PG. SDM 2 MOV (control registers), SDM 3A 2.5.",
  },
  {
    peer: "qemu",
    cases: /^pages of every size/,
    because:
      "A reserved-bit fault has P clear in its error code. SDM 3A 4.7: RSVD comes with P, since only a present entry has reserved bits.",
  },
  {
    peer: "qemu",
    cases: /^page faults: come of implicit/,
    because:
      "SMAP asks for AC for implicit supervisor accesses as well. SDM 3A 4.6.1: these ignore it.",
  },
  {
    peer: "qemu",
    cases: /^segment registers: refuse a null SS whose RPL/,
    because: "A null SS is taken with any RPL. SDM 2 MOV: #GP where RPL is not CPL.",
  },
  {
    peer: "qemu",
    cases: /^segment registers: are loaded with a 64-bit offset/,
    because:
      "LGS has no 64-bit form, as AMD's processors have none. SDM 2 LDS/LES/LFS/LGS/LSS: REX.W + 0F B5.",
  },
  {
    peer: "qemu",
    cases: /^LLDT and LTR: refuse/,
    because: "LTR takes a null selector, and a 16-bit TSS in 64-bit mode. SDM 2 LTR.",
  },
  {
    peer: "qemu",
    cases: /^LAR, LSL, VERR and VERW: say what/,
    because:
      "Bits 19:16 of LAR's result are clear. SDM 2 LAR calls them undefined; processors leave the limit there.",
  },
  {
    peer: "qemu",
    cases: /^LAR, LSL, VERR and VERW: say nothing of a type/,
    because: "LAR accepts types that 64-bit mode does not have. SDM 2 LAR, table 3-53.",
  },
  {
    peer: "qemu",
    cases: /^repeated string instructions: overwrite/,
    because:
      "The instruction is fetched anew and found gone. The processor that our vectors are from finishes all iterations, tried apart from these programs.",
  },
  {
    peer: "qemu",
    cases: /^task switches: trap in/,
    because: "The T bit of the TSS is not looked at. SDM 3B 17.3.1.5.",
  },
  {
    peer: "qemu",
    cases: /^task switches: fault in/,
    because:
      "What the new task's segments raise is raised in the old one's place. SDM 3A 7.3 and table 7-1: from the loading of segments on the new task is the one that faults.",
  },
  {
    peer: "bochs",
    cases: /^alignment checks: end in shutdown/,
    because:
      "It does not survive: #AC in the delivery of #AC goes on for ever. SDM 3A table 6-5 has it so; shutdown is what a machine can do about it.",
  },
  {
    peer: "bochs",
    cases: /^changing code: an instruction across two pages sees/,
    because:
      "The second page of the instruction stays what it was though its translation was forgotten. SDM 3A 4.10.4.2.",
  },
  {
    peer: "bochs",
    cases: /^a data breakpoint: stops a repeated|^debug registers: fault in front/,
    because:
      "No RF in the frame. SDM 3B 17.3.1.1: RF is pushed set behind every iteration but the last, and for every fault but an instruction breakpoint's.",
  },
  {
    peer: "bochs",
    cases: /^a data breakpoint: behind MOV SS and INT/,
    because: "The trap is lost. By SDM 3A 6.8.3 it is only held off.",
  },
  {
    peer: "bochs",
    cases: /DR6's bits add up/,
    because:
      'Single-stepping clears B0-B3. SDM 3B 17.2.3 allows both: "certain debug exceptions may clear bits 0-3". Software has to cope with either.',
  },
  {
    peer: "bochs",
    cases: /^single-stepping: traps after each iteration/,
    because:
      "The three traps are the same; the SMI behind them does not come through, and nothing more is known.",
  },
  {
    peer: "bochs",
    cases: /^single-stepping: of SYSCALL/,
    because:
      "Traps behind SYSCALL by the flags before it. SDM 2 SYSCALL masks TF first; QEMU TCG agrees with us.",
  },
  {
    peer: "bochs",
    cases: /non-canonical IST pointer/,
    because:
      "The error code has SS's selector. SDM 2 INT n: #SS(EXT), with no selector, for a non-canonical stack pointer.",
  },
  {
    peer: "bochs",
    cases:
      /shut the processor down|IDT is not mapped|end in shutdown|supervisor's for descriptor tables|implicit accesses/,
    because:
      "A triple fault resets it as it should, but Bochs then stops to report it, and no answer comes.",
  },
  {
    peer: "bochs",
    cases: /^IRETQ: refuses an address above/,
    because:
      "#GP comes at the target. SDM 2 IRET: RIP is compared with the limit before anything changes.",
  },
  {
    peer: "bochs",
    cases: /^IRETQ: raises #SS for an SS that is not present/,
    because:
      "#NP in place of #SS. SDM 2 IRET says #SS(SS selector) in its operation and #NP(selector) in its list of exceptions; APM 3 IRET has #SS alone, which we follow.",
  },
  {
    peer: "bochs",
    cases: /^IRETQ: with 16-bit operands/,
    because:
      "SP is not popped. SDM 2 IRET: in 64-bit mode SS:RSP is popped unconditionally, whatever the operand size; QEMU TCG agrees with us.",
  },
  {
    peer: "bochs",
    cases: /^segment registers: raise a page fault where the accessed/,
    because:
      "CR2 is that of the one byte with the accessed bit. What of the descriptor is written is nobody's business; QEMU TCG does as we do.",
  },
  {
    peer: "bochs",
    cases: /^repeated string instructions: overwrite/,
    because:
      "The instruction is fetched anew and found gone. The processor that our vectors are from finishes all iterations, tried apart from these programs.",
  },
  {
    peer: "bochs",
    cases: /^INVPCID: refuses a type with an upper half/,
    because: "Only 32 bits of the type are looked at. SDM 2 INVPCID: 64 bits in 64-bit mode.",
  },
];

interface Unasked {
  readonly cases: RegExp;
  readonly peer?: PeerName;
  readonly reason: string;
}

const UNASKED: readonly Unasked[] = [
  {
    cases:
      /^repeated string instructions: of (INS fault|OUTS write)|^virtual-8086 mode: asks the TSS for ports/,
    reason: "they ask a device of the test's own",
  },
  {
    peer: "qemu",
    cases: /^(PCIDs|INVPCID): /,
    reason: "QEMU TCG 7.2 has neither PCIDs nor INVPCID",
  },
];

/** Why a peer's answer to a case would say nothing; undefined if it is to be asked. */
export function reasonNotToAsk(peer: PeerName, { name, each }: AskedCase): string | undefined {
  if (each.arrivals !== undefined) {
    return "an interrupt has to arrive behind an exact number of instructions";
  }
  return UNASKED.find((entry) => (entry.peer ?? peer) === peer && entry.cases.test(name))?.reason;
}

/** What is known of a peer's difference in a case. */
export function knownDifference(peer: PeerName, name: string): string | undefined {
  return KNOWN.find((entry) => entry.peer === peer && entry.cases.test(name))?.because;
}
