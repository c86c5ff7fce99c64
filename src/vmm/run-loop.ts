// SPDX-License-Identifier: BSD-2-Clause
// What makes a machine go: run the vCPU up to the next deadline, handle its exit, fire timers, look at the
// host, again. Synchronous; it returns when the machine has stopped or somebody asks it to.
import { allOnes, hex } from "../base/bits.ts";
import { VmmError } from "../base/errors.ts";
import type { InoutExit, VmExit } from "../cpu/bus.ts";
import { RIP } from "../cpu/state-layout.ts";
import { canWake } from "../cpu/system/events.ts";
import type { Machine, MachineHost } from "./machine.ts";

/** Why {@link RunLoop.run} came back. */
export type RunResult = "suspended" | "exited" | "stopped" | "debug" | "limit";

const INOUT_WIDTHS: Readonly<Record<number, string>> = { 1: "b", 2: "w", 4: "l" };

type Handlers = { readonly [K in VmExit["kind"]]: (exit: Extract<VmExit, { kind: K }>) => void };

export class RunLoop {
  readonly #machine: Machine;
  readonly #host: MachineHost;
  readonly #handlers: Handlers = {
    bogus: () => {},
    inout: (exit) => this.#inout(exit),
    hlt: (exit) => this.#hlt(exit.isInterruptible),
    pause: () => {},
    suspended: (exit) => this.#machine.suspend(exit.how),
    debug: () => {
      this.#isAtBreakpoint = true;
    },
  };
  #isStopped = false;
  #isAtBreakpoint = false;
  #strictFault: string | undefined;

  constructor(machine: Machine, host: MachineHost) {
    this.#machine = machine;
    this.#host = host;
    machine.vcpu.cpu.onPortAccess = (exit) => this.#handle(exit);
    if (machine.config.isStrictIo) {
      machine.ports.unclaimed = (direction, port, size) => this.#unclaimed(direction, port, size);
    }
  }

  /** Makes `run` return soon, with the machine able to go on later. */
  stop(): void {
    this.#isStopped = true;
    this.#machine.vcpu.stop();
  }

  /** Runs until the machine stops, or has retired `limit` instructions in all. */
  run(limit = Number.POSITIVE_INFINITY): RunResult {
    const { vcpu, clock } = this.#machine;
    this.#isStopped = false;
    this.#isAtBreakpoint = false;
    for (;;) {
      this.#host.poll();
      clock.runDue();
      const result = this.#result(limit);
      if (result !== undefined) return result;
      const { heatSampler: heat } = this.#machine;
      const ahead = Math.min(clock.budget(), limit - vcpu.retired);
      let exit = vcpu.run(heat === undefined ? ahead : Math.min(ahead, heat.ahead));
      this.#handle(exit);
      // A driver asks ports one after the other: no look at the clock and the host for each.
      while (exit.kind === "inout" && this.#result(limit) === undefined) {
        exit = vcpu.resume();
        this.#handle(exit);
      }
      heat?.look();
    }
  }

  #result(limit: number): RunResult | undefined {
    const machine = this.#machine;
    if (this.#strictFault !== undefined) throw new VmmError("ERR_VM_STATE", this.#strictFault);
    if (machine.exitStatus !== undefined) return "exited";
    if (machine.suspended !== undefined) return "suspended";
    if (this.#isAtBreakpoint) return "debug";
    if (this.#isStopped) return "stopped";
    return machine.vcpu.retired >= limit ? "limit" : undefined;
  }

  #handle(exit: VmExit): void {
    this.#machine.statistics.exited(exit.kind);
    this.#machine.trace?.exit(exit);
    (this.#handlers[exit.kind] as (exit: VmExit) => void)(exit);
  }

  #inout(exit: InoutExit): void {
    const { vcpu, ports, trace } = this.#machine;
    const { port, size } = exit;
    if (exit.isIn) {
      const value = this.#read(port, size);
      trace?.port("in", port, size, value);
      vcpu.completeIn(exit, value);
    } else {
      trace?.port("out", port, size, exit.value);
      ports.write(port, size, exit.value);
    }
  }

  #read(port: number, size: 1 | 2 | 4): number {
    // An access that would run past the last port wraps on no machine; nobody answers there.
    return port + size > 0x10000 ? allOnes(size) : this.#machine.ports.read(port, size);
  }

  /** Sleeps on the clock until something can wake the vCPU. Halted with interrupts off, it never will. */
  #hlt(isInterruptible: boolean): void {
    const { vcpu, clock, statistics } = this.#machine;
    if (canWake(vcpu.cpu)) return;
    if (!isInterruptible) {
      this.#machine.suspend("halt");
      return;
    }
    const before = clock.now();
    clock.idle();
    statistics.idleNs += clock.now() - before;
  }

  #unclaimed(direction: "read" | "write", port: number, size: number): void {
    const name = direction === "read" ? "in" : "out";
    const rip = this.#machine.vcpu.cpu.s[RIP]! >>> 0;
    this.#strictFault ??= `Unhandled ${name}${INOUT_WIDTHS[size]} ${hex(port, 4)} at ${hex(rip)}`;
    this.#machine.vcpu.stop();
  }
}
