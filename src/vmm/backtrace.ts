// SPDX-License-Identifier: BSD-2-Clause
// A vCPU's backtrace as FreeBSD's kernel prints its own: `#0 0xffffffff80c77365 at kdb_backtrace+0x65`.
// FreeBSD: sys/kern/subr_stack.c.
import { hex } from "../base/bits.ts";
import type { Cpu } from "../cpu/cpu.ts";
import type { SymbolTable } from "../loader/symbols.ts";
import { type Frame, type FrameKind, GuestStack } from "./guest-stack.ts";

const REMARKS: Readonly<Record<FrameKind, string>> = {
  at: "",
  caller: "",
  interrupted: " (interrupted)",
  guess: " (on the stack)",
};

/** One line a frame, without line ends; the first is the next instruction. Without symbols names are `??`. */
export function backtraceLines(cpu: Cpu, symbols: SymbolTable | undefined): string[] {
  const stack = new GuestStack(cpu);
  const isCode = (address: bigint) =>
    symbols === undefined || symbols.lookup(address - 1n) !== undefined;
  let callers = stack.chain();
  // No caller at all: the kernel has no frame pointers.
  if (callers.length === 0) callers = stack.scan(isCode);
  return [stack.here, ...callers].map(
    (frame, number) =>
      `#${number} ${hex(frame.address)} at ${place(frame, symbols)}${REMARKS[frame.kind]}`,
  );
}

/** A return address belongs to the CALL before it, which may be a function's last instruction. */
function place({ address, kind }: Frame, symbols: SymbolTable | undefined): string {
  const isBehindCall = kind === "caller" || kind === "guess";
  const hit = symbols?.lookup(isBehindCall ? address - 1n : address);
  if (hit === undefined) return "??+0";
  const offset = hit.offset + (isBehindCall ? 1n : 0n);
  return `${hit.name}+${offset === 0n ? "0" : hex(offset)}`;
}
