// SPDX-License-Identifier: BSD-2-Clause
// `-o trace=insn,exit,irq,port,mmio,fault`: what a machine does, a line an event, in front of each the
// instruction count it happened at. Nothing of it runs when it is off.
import { hex } from "../base/bits.ts";
import { VmmError } from "../base/errors.ts";
import { pairToBigInt } from "../base/u64.ts";
import type { VmExit } from "../cpu/bus.ts";
import type { Cpu, CpuTrace } from "../cpu/cpu.ts";
import { CR2, GPR, RIP } from "../cpu/state-layout.ts";
import { instructionText } from "./disassemble.ts";

const TRACE_POINTS = ["insn", "exit", "irq", "port", "mmio", "fault"] as const;
export type TracePoint = (typeof TRACE_POINTS)[number];

/** The argument of `trace=`: points separated by `+`, or `all`. Throws ERR_BAD_OPTION. */
export function parseTracePoints(text: string): ReadonlySet<TracePoint> {
  const words = text.split("+");
  if (words.includes("all")) return new Set(TRACE_POINTS);
  for (const word of words) {
    if (TRACE_POINTS.includes(word as TracePoint)) continue;
    throw new VmmError(
      "ERR_BAD_OPTION",
      `trace point '${word}' is not known: expected ${TRACE_POINTS.join(", ")} or all`,
    );
  }
  return new Set(words as TracePoint[]);
}

export class Trace implements CpuTrace {
  readonly #points: ReadonlySet<TracePoint>;
  readonly #write: (line: string) => void;
  readonly #cpu: Cpu;

  /** `write` gets lines without their ends. */
  constructor(points: ReadonlySet<TracePoint>, cpu: Cpu, write: (line: string) => void) {
    this.#points = points;
    this.#cpu = cpu;
    this.#write = write;
  }

  get wantsInstructions(): boolean {
    return this.#points.has("insn");
  }

  instruction(cpu: Cpu): void {
    this.#line("insn", `${this.#rip()} ${instructionText(cpu)}`);
  }

  fault(vector: number, errorCode: number): void {
    if (!this.#points.has("fault")) return;
    const { s } = this.#cpu;
    const address = vector === 14 ? ` address ${hex(pairToBigInt(s[CR2]!, s[CR2 + 1]!))}` : "";
    const stack = hex(pairToBigInt(s[GPR + 8]!, s[GPR + 9]!));
    this.#line(
      "fault",
      `vector ${vector} code ${hex(errorCode)} rip ${this.#rip()} rsp ${stack}${address}`,
    );
  }

  interrupt(vector: number): void {
    if (this.#points.has("irq")) this.#line("irq", `vector ${hex(vector)} rip ${this.#rip()}`);
  }

  port(direction: "in" | "out", port: number, size: number, value: number): void {
    if (!this.#points.has("port")) return;
    this.#line("port", `${direction} ${hex(port, 4)} size ${size} value ${hex(value)}`);
  }

  mmio(direction: "read" | "write", gpa: number, size: number, value: number): void {
    if (!this.#points.has("mmio")) return;
    this.#line("mmio", `${direction} ${hex(gpa)} size ${size} value ${hex(value)}`);
  }

  exit(exit: VmExit): void {
    if (this.#points.has("exit") && exit.kind !== "bogus") this.#line("exit", exit.kind);
  }

  #rip(): string {
    const { s } = this.#cpu;
    return hex(pairToBigInt(s[RIP]!, s[RIP + 1]!), 16);
  }

  #line(point: TracePoint, text: string): void {
    this.#write(`${this.#cpu.retired()} ${point} ${text}`);
  }
}
