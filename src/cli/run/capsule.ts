// SPDX-License-Identifier: BSD-2-Clause
// What a failed run leaves behind: a directory to look into, and to run it again from.
//
//   capsule.json     the request, the verdict, all input with its times, and a hash of the last state
//   console.log      what the guest printed
//   state.txt        backtrace and registers
//   stats.txt        exits by kind
//   images.txt       size and SHA-256 of every file the run began with
//
// `tshyve run --replay DIR` comes to the same instruction, on any host, from the same images.
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { hex } from "../../base/bits.ts";
import { VmmError } from "../../base/errors.ts";
import { hostError } from "../../host/host-error.ts";
import { makeDirectory } from "../../host/make-directory.ts";
import type { RecordedInput } from "../../host/vm-types.ts";
import type { Vmm } from "../../host/vmm.ts";
import { durationText } from "../../vmm/duration.ts";
import type { RunOutcome } from "../../vmm/run-outcome.ts";
import { REGISTERS } from "../../vmm/vcpu-registers.ts";
import type { RunRequest } from "./request.ts";
import type { Verdict } from "./verdict.ts";
import type { RunReport } from "./watch.ts";

const FORMAT = 1;

interface StoredCapsule {
  readonly format: typeof FORMAT;
  readonly name: string;
  readonly request: RunRequest;
  readonly verdict: Verdict;
  readonly outcome: RunOutcome;
  readonly instructions: number;
  readonly guestNs: number;
  /** Bytes as base64. */
  readonly inputs: readonly { instructions: number; guestNs: number; bytes: string }[];
  readonly stateDigest: string;
}

export interface Capsule extends Omit<StoredCapsule, "inputs" | "format"> {
  readonly inputs: readonly RecordedInput[];
}

/**
 * Writes a capsule into a new directory: `wanted`, or `wanted-2` and so on where that exists. Returns its path.
 * `files` are the host's files that the run has read. Throws ERR_IO.
 */
export function writeCapsule(
  wanted: string,
  vmm: Vmm,
  run: {
    readonly request: RunRequest;
    readonly report: RunReport;
    readonly files: readonly string[];
  },
): string {
  try {
    const folder = makeFolder(wanted);
    const put = (name: string, text: string) => fs.writeFileSync(path.join(folder, name), text);
    put(
      "capsule.json",
      `${JSON.stringify(storedCapsule(vmm, run.request, run.report), null, 2)}\n`,
    );
    put("console.log", vmm.console.text);
    put("state.txt", stateText(vmm, run.report));
    put("stats.txt", statsText(vmm));
    put("images.txt", run.files.map((file) => `${describeFile(file)}\n`).join(""));
    return folder;
  } catch (cause) {
    throw hostError(`write the failure capsule ${wanted}`, cause);
  }
}

function makeFolder(wanted: string): string {
  makeDirectory(path.dirname(wanted));
  for (let number = 1; ; number++) {
    const folder = number === 1 ? wanted : `${wanted}-${number}`;
    try {
      fs.mkdirSync(folder);
      return folder;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause;
    }
  }
}

function storedCapsule(vmm: Vmm, request: RunRequest, report: RunReport): StoredCapsule {
  return {
    format: FORMAT,
    name: vmm.name,
    request,
    verdict: report.verdict,
    outcome: report.outcome,
    instructions: vmm.instructions,
    guestNs: vmm.guestTimeNs,
    inputs: vmm.inputs.map(({ instructions, guestNs, bytes }) => ({
      instructions,
      guestNs,
      bytes: Buffer.from(bytes).toString("base64"),
    })),
    stateDigest: vmm.stateDigest(),
  };
}

function stateText(vmm: Vmm, { verdict }: RunReport): string {
  const registers = REGISTERS.map((name) => `${name.padEnd(8)}${hex(vmm.readRegister(name), 16)}`);
  return [
    `${verdict.message} (status ${verdict.status})`,
    `after ${vmm.instructions} instructions and ${durationText(vmm.guestTimeNs)} of guest time`,
    "",
    ...vmm.backtrace(),
    "",
    ...registers,
    "",
  ].join("\n");
}

function statsText(vmm: Vmm): string {
  return Object.entries(vmm.stats())
    .map(([name, value]) => `${name.padEnd(48)}${value}\n`)
    .join("");
}

const CHUNK_BYTES = 1 << 20;

function describeFile(file: string): string {
  const hash = createHash("sha256");
  const buffer = new Uint8Array(CHUNK_BYTES);
  const fd = fs.openSync(file, "r");
  let size = 0;
  try {
    for (let count = 1; count > 0; size += count) {
      count = fs.readSync(fd, buffer);
      hash.update(buffer.subarray(0, count));
    }
  } finally {
    fs.closeSync(fd);
  }
  return `${hash.digest("hex")}  ${size}  ${path.resolve(file)}`;
}

/** Throws ERR_NOT_FOUND, ERR_IO, or ERR_BAD_IMAGE for what is no capsule. */
export function readCapsule(folder: string): Capsule {
  const file = path.join(folder, "capsule.json");
  let text: string;
  try {
    text = fs.readFileSync(file, "utf8");
  } catch (cause) {
    throw hostError(`read the failure capsule ${file}`, cause);
  }
  try {
    const stored = JSON.parse(text) as StoredCapsule;
    if (stored.format === FORMAT) {
      const inputs = stored.inputs.map((input) => ({
        ...input,
        bytes: new Uint8Array(Buffer.from(input.bytes, "base64")),
      }));
      return { ...stored, inputs };
    }
  } catch {
    // Said below.
  }
  throw new VmmError("ERR_BAD_IMAGE", `${file} is no failure capsule of this version of tshyve`);
}
