// SPDX-License-Identifier: BSD-2-Clause
// A VM's thread. It takes the VM from the registry, runs it to its end in one synchronous loop, puts its state
// back, and says how it went. While it runs it never returns to an event loop: input and requests are polled.
import {
  type MessagePort,
  parentPort,
  receiveMessageOnPort,
  workerData,
} from "node:worker_threads";
import { VmmError } from "../base/errors.ts";
import { VCPU_STATE_BYTES, VCPU_STATE_OFFSET } from "../mmu/machine-layout.ts";
import { Config } from "../vmm/config.ts";
import { Machine } from "../vmm/machine.ts";
import { machineConfig } from "../vmm/machine-config.ts";
import type { RunResult } from "../vmm/run-loop.ts";
import { ByteChannel } from "./byte-channel.ts";
import { DirectoryRegistry } from "./directory-registry.ts";
import { Doorbell } from "./doorbell.ts";
import { type MachineEnds, makeMachineHost } from "./machine-host.ts";
import { openTrace } from "./trace-file.ts";
import type { FromVm, VmOutcome, VmReply, VmRequest, VmWorkerData } from "./vm-protocol.ts";

/** Requests arrive on the port that the worker was made with. */
class VmRunner {
  readonly #data: VmWorkerData;
  readonly #port: MessagePort;
  readonly #registry: DirectoryRegistry;
  readonly #bell: Doorbell;
  #machine: Machine | undefined;

  constructor(data: VmWorkerData, port: MessagePort) {
    this.#data = data;
    this.#port = port;
    this.#registry = new DirectoryRegistry(data.directory);
    this.#bell = new Doorbell(data.bells.vm);
  }

  run(): VmOutcome {
    const { name } = this.#data;
    const record = this.#registry.read(name);
    const memory = this.#registry.readImage(name);
    const config = Config.fromJSON(this.#data.config);
    const ends = this.#ends();
    const machine = new Machine(machineConfig(config), memory, makeMachineHost(ends));
    this.#machine = machine;
    machine.start();
    const trace = openTrace(config, machine);
    try {
      const outcome = this.#outcome(machine.loop.run());
      machine.close();
      this.#registry.write(name, {
        memory,
        record: {
          stage: "suspended",
          memoryBytes: record.memoryBytes,
          suspended: machine.suspended,
          config: this.#data.config,
          symbols: record.symbols,
        },
      });
      return outcome;
    } finally {
      trace?.close();
    }
  }

  #ends(): MachineEnds {
    return {
      name: this.#data.name,
      console: {
        input: new ByteChannel(this.#data.console.input),
        output: new ByteChannel(this.#data.console.output),
        wakeMain: new Doorbell(this.#data.bells.main),
      },
      bell: this.#bell,
      poll: () => this.#pollRequests(),
      warn: (message) => this.#say({ type: "warning", message }),
    };
  }

  #outcome(result: RunResult): VmOutcome {
    const { suspended, exitStatus } = this.#machine!;
    if (result === "exited" && exitStatus !== undefined)
      return { kind: "exited", status: exitStatus };
    return suspended === undefined ? { kind: "stopped" } : { kind: "suspended", how: suspended };
  }

  #pollRequests(): void {
    for (;;) {
      const received = receiveMessageOnPort(this.#port);
      if (received === undefined) return;
      const request = received.message as VmRequest;
      this.#say({ type: "reply", reply: this.#answer(this.#machine!, request) });
    }
  }

  #answer(machine: Machine, request: VmRequest): VmReply {
    const { id } = request;
    switch (request.kind) {
      case "stats":
        return { id, kind: "stats", stats: machine.statistics.list(machine.vcpu) };
      case "registers": {
        const { bytes } = machine.memory;
        const state = bytes.slice(VCPU_STATE_OFFSET, VCPU_STATE_OFFSET + VCPU_STATE_BYTES);
        return { id, kind: "registers", state };
      }
      case "force-reset":
        machine.suspend("reset");
        break;
      case "force-poweroff":
        machine.suspend("poweroff");
        break;
      case "power-button":
        machine.platform.pm.pressPowerButton();
        break;
      case "nmi":
        machine.vcpu.requestNmi();
        break;
      default:
        machine.loop.stop();
    }
    return { id, kind: "done" };
  }

  #say(message: FromVm): void {
    this.#port.postMessage(message);
  }
}

function describeFailure(error: unknown): VmOutcome {
  if (error instanceof VmmError)
    return { kind: "failed", code: error.code, message: error.message };
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { kind: "failed", code: "ERR_INTERNAL", message: `internal error: ${detail}` };
}

if (parentPort !== null) {
  const port = parentPort;
  let outcome: VmOutcome;
  try {
    outcome = new VmRunner(workerData as VmWorkerData, port).run();
  } catch (error) {
    outcome = describeFailure(error);
  }
  port.postMessage({ type: "ended", outcome } satisfies FromVm);
  port.close();
}
