// SPDX-License-Identifier: BSD-2-Clause
// One run of bhyvectl: the VM it is about, the options it was given, and what it has learned so far.
import { setTimeout as sleep } from "node:timers/promises";
import { VmmError } from "../base/errors.ts";
import type { DirectoryRegistry } from "../host/directory-registry.ts";
import { openInspector, type VmInspector } from "../host/vm-inspector.ts";
import { GuestMemory, MIB } from "../mmu/guest-memory.ts";
import type { ControlRequest, VmReport } from "../vmm/control-protocol.ts";
import { bareVcpu } from "../vmm/entry-state.ts";
import { parseNumber } from "./bhyvectl-options.ts";

/** bhyvectl rounds sizes up to this. */
const MEMORY_UNIT = 2 * MIB;
/** How long a runner may take to end after it was told to. */
const END_PATIENCE_MS = 30_000;
const PAUSE_MS = 20;

export interface BhyvectlRequest {
  readonly name: string;
  /** By option; "" for those without an argument. */
  readonly values: ReadonlyMap<string, string>;
  readonly willChange: boolean;
}

export class BhyvectlSession {
  readonly #registry: DirectoryRegistry;
  readonly #request: BhyvectlRequest;
  readonly #print: (text: string) => void;
  #inspector: VmInspector | undefined;
  #report: VmReport | undefined;
  #isEnding = false;

  constructor(
    registry: DirectoryRegistry,
    request: BhyvectlRequest,
    print: (text: string) => void,
  ) {
    this.#registry = registry;
    this.#request = request;
    this.#print = print;
  }

  has(option: string): boolean {
    return this.#request.values.has(option);
  }

  text(option: string): string | undefined {
    return this.#request.values.get(option);
  }

  /** 0 if it was not given. */
  number(option: string): bigint {
    const text = this.text(option);
    return text === undefined ? 0n : parseNumber(option, text);
  }

  /** Throws ERR_BAD_OPTION for one that the VM does not have. */
  get cpu(): number {
    const cpu = this.number("cpu");
    if (cpu === 0n) return 0;
    throw new VmmError("ERR_BAD_OPTION", `VM ${this.#request.name} has no vCPU ${cpu}: only 0`);
  }

  get nvramOffset(): number {
    return Number(BigInt.asUintN(32, this.number("rtc-nvram-offset")));
  }

  /** Lines without the last newline; nothing for "". */
  print(text: string): void {
    if (text !== "") this.#print(`${text}\n`);
  }

  create(): void {
    this.#registry.create(this.#request.name);
  }

  /** Gives an empty VM memory. One that has memory keeps it, and must have that much. */
  setMemory(): void {
    const { name } = this.#request;
    const megabytes =
      this.number("set-mem") + this.number("set-lowmem") + this.number("set-highmem");
    const wanted = Math.ceil((Number(megabytes) * MIB) / MEMORY_UNIT) * MEMORY_UNIT;
    const record = this.#registry.read(name);
    if (record.memoryBytes === wanted) return;
    if (record.memoryBytes !== 0) {
      throw new VmmError(
        "ERR_BAD_OPTION",
        `VM ${name} has ${record.memoryBytes / MIB} MiB of memory already`,
      );
    }
    const lease = this.#registry.acquire(name);
    try {
      const memory = new GuestMemory(wanted);
      bareVcpu(memory).reset();
      this.#registry.write(name, { memory, record: { ...record, memoryBytes: wanted } });
    } finally {
      lease.release();
    }
  }

  async report(): Promise<VmReport> {
    if (this.#report !== undefined) return this.#report;
    const reply = await this.#open().ask({ kind: "report" });
    if (reply.kind !== "report") throw new VmmError("ERR_INTERNAL", "the VM did not report");
    this.#report = reply.report;
    return reply.report;
  }

  async change(request: ControlRequest): Promise<void> {
    // All of them are about a vCPU, or about the VM, whose only one it is.
    void this.cpu;
    await this.#open().ask(request);
    this.#report = undefined;
    if (request.kind === "suspend") this.#isEnding = true;
  }

  /** A runner that was just told to end is waited for. */
  async destroy(): Promise<void> {
    const { name } = this.#request;
    this.close();
    const end = Date.now() + END_PATIENCE_MS;
    while (this.#isEnding && Date.now() < end) {
      if (this.#registry.read(name).runner === undefined) break;
      await sleep(PAUSE_MS);
    }
    this.#registry.destroy(name);
  }

  #open(): VmInspector {
    const { name, willChange } = this.#request;
    this.#inspector ??= openInspector(this.#registry, name, willChange);
    return this.#inspector;
  }

  /** Lets go of the VM; what was changed is kept. */
  close(): void {
    const inspector = this.#inspector;
    this.#inspector = undefined;
    inspector?.close();
  }
}
