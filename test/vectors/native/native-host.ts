// SPDX-License-Identifier: BSD-2-Clause
// The processor that this process runs on, as an engine: harness.c, compiled when it is first needed and
// spoken to through pipes. Requests go out in batches; a batch costs about ten microseconds a request.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { arch, platform, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { VmmError } from "../../../src/base/errors.ts";
import { INTEGER_BYTES, SNAPSHOT_BYTES, Snapshot } from "../snapshot.ts";
import type { MemoryPiece } from "../vector.ts";

// harness.c has the same numbers.
const MAP = 1;
const RUN = 2;
const ONE_STEP = 1;
const WITH_VECTORS = 2;
const COMPLETE = 0x100;
const LEFT = 0x101;
const ANSWER_HEAD = 32;

const SOURCE = "test/vectors/native/harness.c";
const COMPILER_OPTIONS = [
  ...["-O2", "-static-pie", "-fPIE", "-nostdlib", "-ffreestanding", "-fno-stack-protector"],
  ...["-mfsgsbase", "-mno-red-zone"],
];

export interface NativePage {
  readonly address: bigint;
  readonly isCode: boolean;
}

export interface NativeRequest {
  readonly registers: Snapshot;
  /** Bytes of mapped pages, code among them; the rest of the pages is zero. */
  readonly memory: readonly MemoryPiece[];
  /** Stop after one instruction. Otherwise the code must run to the end of its page, which is `end`. */
  readonly isOneStep: boolean;
  readonly end: bigint;
  /** The request is about x87 or vector registers; without this they are left out on both ways. */
  readonly hasVectors: boolean;
}

export interface NativeAnswer {
  readonly registers: Snapshot;
  /** The exception that ended it; undefined if it is done. */
  readonly trap:
    | { readonly vector: number; readonly code: number; readonly cr2: bigint }
    | undefined;
  /** It ended outside the segments that it started in, and the rest says little. */
  readonly hasLeft: boolean;
  /** What was written, in runs of eight bytes. */
  readonly changes: readonly MemoryPiece[];
}

/** What x86-64-v3 and our model have beyond what every 64-bit processor has, as /proc/cpuinfo calls it. */
const FEATURES = [
  ...["avx2", "fma", "f16c", "bmi1", "bmi2", "abm", "movbe", "aes", "pclmulqdq", "sha_ni", "adx"],
  ...["fsgsbase", "xsaveopt", "xsavec", "clflushopt", "clwb", "rdseed", "cx16"],
];

function processorInfo(): string {
  return readFileSync("/proc/cpuinfo", "utf8");
}

/** Why there is no native host here; undefined if there is one. */
function nativeHostObstacle(): string | undefined {
  if (platform() !== "linux" || arch() !== "x64") return "it needs an x86-64 Linux host";
  const has = new Set(/^flags\s*: (.*)$/m.exec(processorInfo())?.[1]?.split(" "));
  const missing = FEATURES.filter((feature) => !has.has(feature));
  if (missing.length > 0) return `the processor has no ${missing.join(", ")}`;
  if (!existsSync(resolve(SOURCE))) return `${SOURCE} is not below the working directory`;
  try {
    execFileSync("gcc", ["--version"], { stdio: "ignore" });
    return undefined;
  } catch {
    return "it needs gcc";
  }
}

/**
 * True on hosts of the kind that the recorded vectors are from: where manuals leave things open they say what
 * such a processor does, and others may do otherwise.
 */
export function isReferenceHost(): boolean {
  return nativeHostObstacle() === undefined && processorInfo().includes("AuthenticAMD");
}

export class NativeHost {
  readonly #process: ChildProcess;
  readonly #directory: string;
  #received: Buffer[] = [];
  #receivedBytes = 0;
  #onProgress: () => void = () => {};
  #failure: VmmError | undefined;
  #stderr = "";

  /** Throws ERR_UNSUPPORTED where {@link nativeHostObstacle} has something to say. */
  constructor() {
    const obstacle = nativeHostObstacle();
    if (obstacle !== undefined) {
      throw new VmmError("ERR_UNSUPPORTED", `cannot run instructions natively: ${obstacle}`);
    }
    this.#directory = mkdtempSync(join(tmpdir(), "tshyve-native-"));
    const program = join(this.#directory, "harness");
    execFileSync("gcc", [...COMPILER_OPTIONS, "-o", program, resolve(SOURCE)]);
    this.#process = spawn(program, { stdio: ["pipe", "pipe", "pipe"] });
    this.#process.stdout!.on("data", (chunk: Buffer) => this.#receive(chunk));
    this.#process.stderr!.on("data", (chunk: Buffer) => {
      this.#stderr += chunk.toString();
    });
    this.#process.stdin!.on("error", () => {});
    this.#process.on("exit", (code, signal) => {
      const how = signal ?? `status ${code}`;
      this.#failure = new VmmError(
        "ERR_INTERNAL",
        `the native harness ended (${how}) ${this.#stderr.trim()}`,
      );
      this.#onProgress();
    });
  }

  stop(): void {
    this.#process.stdin!.end();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** Maps these pages and no others for all requests that follow. */
  map(pages: readonly NativePage[]): void {
    const message = Buffer.alloc(16 + 16 * pages.length);
    message.writeUInt32LE(message.length, 0);
    message.writeUInt32LE(MAP, 4);
    message.writeBigUInt64LE(BigInt(pages.length), 8);
    pages.forEach(({ address, isCode }, index) => {
      message.writeBigUInt64LE(address, 16 + 16 * index);
      message.writeBigUInt64LE(isCode ? 1n : 0n, 24 + 16 * index);
    });
    this.#process.stdin!.write(message);
  }

  /** Runs requests in order; the answers in the same order. One call at a time. */
  async run(requests: readonly NativeRequest[]): Promise<NativeAnswer[]> {
    this.#process.stdin!.write(Buffer.concat(requests.map(encodeRequest)));
    const answers: NativeAnswer[] = [];
    let left = Buffer.alloc(0);
    while (answers.length < requests.length) {
      if (this.#receivedBytes === 0) await this.#progress(answers.length);
      const data = Buffer.concat([left, ...this.#received]);
      this.#received = [];
      this.#receivedBytes = 0;
      let at = 0;
      while (at + 4 <= data.length) {
        const size = data.readUInt32LE(at);
        if (at + size > data.length) break;
        answers.push(decodeAnswer(data.subarray(at, at + size), requests[answers.length]!));
        at += size;
      }
      left = data.subarray(at);
    }
    return answers;
  }

  #receive(chunk: Buffer): void {
    this.#received.push(chunk);
    this.#receivedBytes += chunk.length;
    this.#onProgress();
  }

  async #progress(answered: number): Promise<void> {
    await new Promise<void>((done) => {
      this.#onProgress = done;
      if (this.#failure !== undefined || this.#receivedBytes > 0) done();
    });
    this.#onProgress = () => {};
    if (this.#receivedBytes === 0 && this.#failure !== undefined) {
      throw new VmmError("ERR_INTERNAL", `${this.#failure.message} after ${answered} requests`);
    }
  }
}

function encodeRequest(request: NativeRequest): Buffer {
  const stateBytes = request.hasVectors ? SNAPSHOT_BYTES : INTEGER_BYTES;
  const memoryBytes = request.memory.reduce(
    (sum, { bytes }) => sum + 16 + alignUp8(bytes.length),
    0,
  );
  const message = Buffer.alloc(24 + stateBytes + memoryBytes);
  message.writeUInt32LE(message.length, 0);
  message.writeUInt32LE(RUN, 4);
  const flags = (request.isOneStep ? ONE_STEP : 0) | (request.hasVectors ? WITH_VECTORS : 0);
  message.writeUInt32LE(flags, 8);
  message.writeUInt32LE(request.memory.length, 12);
  message.writeBigUInt64LE(request.end, 16);
  message.set(request.registers.bytes.subarray(0, stateBytes), 24);
  let at = 24 + stateBytes;
  for (const { address, bytes } of request.memory) {
    message.writeBigUInt64LE(address, at);
    message.writeBigUInt64LE(BigInt(bytes.length), at + 8);
    message.set(bytes, at + 16);
    at += 16 + alignUp8(bytes.length);
  }
  return message;
}

function alignUp8(length: number): number {
  return (length + 7) & ~7;
}

function decodeAnswer(message: Buffer, request: NativeRequest): NativeAnswer {
  const trap = message.readUInt32LE(4);
  const stateBytes = request.hasVectors ? SNAPSHOT_BYTES : INTEGER_BYTES;
  const registers = new Snapshot();
  registers.bytes.set(request.registers.bytes);
  registers.bytes.set(message.subarray(ANSWER_HEAD, ANSWER_HEAD + stateBytes));
  const changes: MemoryPiece[] = [];
  let at = ANSWER_HEAD + stateBytes;
  for (let count = message.readBigUInt64LE(24); count > 0n; count--) {
    const length = Number(message.readBigUInt64LE(at + 8));
    changes.push({
      address: message.readBigUInt64LE(at),
      bytes: Uint8Array.from(message.subarray(at + 16, at + 16 + length)),
    });
    at += 16 + length;
  }
  return {
    registers,
    trap:
      trap === COMPLETE || trap === LEFT
        ? undefined
        : {
            vector: trap,
            code: Number(message.readBigUInt64LE(8)),
            cr2: message.readBigUInt64LE(16),
          },
    hasLeft: trap === LEFT,
    changes,
  };
}
