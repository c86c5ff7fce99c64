// SPDX-License-Identifier: BSD-2-Clause
// A VM's thread. It takes the VM from the registry, runs it to its end in one synchronous loop, puts its state
// back, and says how it went. While it runs it never returns to an event loop: input and requests are polled.
import { type MessagePort, parentPort, receiveMessageOnPort } from "node:worker_threads";
import { VmmError } from "../base/errors.ts";
import { Config } from "../vmm/config.ts";
import { Machine, type MachineHost } from "../vmm/machine.ts";
import { machineConfig } from "../vmm/machine-config.ts";
import { MachineControl } from "../vmm/machine-control.ts";
import { remainsOf, restoreNvram } from "../vmm/remains.ts";
import type { RunResult } from "../vmm/run-loop.ts";
import { ByteChannel } from "./byte-channel.ts";
import { DirectoryRegistry } from "./directory-registry.ts";
import { Doorbell } from "./doorbell.ts";
import { FileByteSource } from "./file-byte-source.ts";
import { makeMachineHost } from "./machine-host.ts";
import { ThreadConsole } from "./thread-console.ts";
import { tuneCompilers } from "./tiering.ts";
import { openTrace } from "./trace-file.ts";
import type { FromVm, VmOutcome, VmRequest, VmWorkerData } from "./vm-protocol.ts";

/** Requests arrive on the port that the worker was made with. */
class VmRunner {
  readonly #data: VmWorkerData;
  readonly #port: MessagePort;
  readonly #registry: DirectoryRegistry;
  readonly #bell: Doorbell;
  #machine: Machine | undefined;
  #control: MachineControl | undefined;

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
    const machine = new Machine(machineConfig(config), memory, this.#makeHost());
    this.#machine = machine;
    this.#control = new MachineControl(machine, {
      block: record.symbols,
      open: (path) => new FileByteSource(path),
    });
    if (record.remains !== undefined) restoreNvram(machine, record.remains);
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
          remains: remainsOf(machine, {
            hasRun: true,
            hostSeconds: Date.now() / 1000,
            stats: this.#control.statistics(),
          }),
        },
      });
      return outcome;
    } finally {
      trace?.close();
    }
  }

  #makeHost(): MachineHost {
    const { input, output } = this.#data.console;
    const console = new ThreadConsole({
      input: new ByteChannel(input),
      output: new ByteChannel(output),
      wakeMain: new Doorbell(this.#data.bells.main),
    });
    return makeMachineHost({
      console,
      wait: (timeoutMs) => this.#bell.wait(timeoutMs),
      poll: () => {
        if (!this.#bell.answer()) return;
        console.poll();
        this.#pollRequests();
      },
      warn: (message) => this.#say({ type: "warning", message }),
    });
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
      const { id, request } = received.message as VmRequest;
      this.#say({ type: "reply", id, reply: this.#control!.answer(request) });
    }
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

function run(data: VmWorkerData, port: MessagePort): VmOutcome {
  try {
    return new VmRunner(data, port).run();
  } catch (error) {
    return describeFailure(error);
  }
}

if (parentPort !== null) {
  const port = parentPort;
  port.once("message", (data: VmWorkerData) => {
    port.postMessage({ type: "ended", outcome: run(data, port) } satisfies FromVm);
    port.close();
  });
  // While the data are on their way.
  tuneCompilers();
}
