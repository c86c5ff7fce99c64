// SPDX-License-Identifier: BSD-2-Clause
// npm run vectors:results -- FILE…: executes the instructions in files like test/guest/fixtures/sse-results.txt
// on this processor, with each operand set of test/support/vector-state.ts, and writes the hashes of what it
// did behind them. A line that has no hashes yet gets some: "title | bytes in hexadecimal".
import { readFileSync, writeFileSync } from "node:fs";
import {
  hashOf,
  MEMORY_BYTES,
  OPERAND_SETS,
  operandSet,
  VECTOR_GPRS,
  type VectorState,
} from "../../support/vector-state.ts";
import { MXCSR_AT, Snapshot, YMM_AT } from "../snapshot.ts";
import { LAYOUTS, PAGE, pagesOf } from "./layouts.ts";
import { type NativeAnswer, NativeHost, type NativeRequest } from "./native-host.ts";

const LAYOUT = LAYOUTS[0]!;
const RSI = 6;
const RDI = 7;

function requestFor(code: Uint8Array, operands: VectorState): NativeRequest {
  const registers = new Snapshot();
  registers.bytes.set(operands.vectors, YMM_AT);
  VECTOR_GPRS.forEach((register, i) => {
    registers.setGpr(register, operands.gprs[i]!);
  });
  registers.setGpr(RSI, LAYOUT.data);
  registers.setGpr(RDI, LAYOUT.data);
  registers.flags = operands.flags | 2;
  registers.view.setUint32(MXCSR_AT, operands.mxcsr, true);
  registers.rip = LAYOUT.code + PAGE - BigInt(code.length);
  return {
    registers,
    memory: [
      { address: LAYOUT.data, bytes: operands.memory },
      { address: registers.rip, bytes: code },
    ],
    isOneStep: false,
    end: LAYOUT.code + PAGE,
    hasVectors: true,
  };
}

function stateAfter({ registers, trap, changes }: NativeAnswer, before: VectorState): VectorState {
  const memory = before.memory.slice();
  for (const { address, bytes } of changes) {
    const at = Number(address - LAYOUT.data);
    if (at >= 0 && at < MEMORY_BYTES) memory.set(bytes, at);
  }
  return {
    vectors: registers.bytes.slice(YMM_AT),
    gprs: BigUint64Array.from(VECTOR_GPRS, (register) => registers.gpr(register)),
    memory,
    mxcsr: registers.view.getUint32(MXCSR_AT, true),
    flags: registers.flags,
    fault: trap?.vector ?? 0,
  };
}

async function hashesOf(host: NativeHost, code: Uint8Array): Promise<string[]> {
  const sets = Array.from({ length: OPERAND_SETS }, (_, number) => operandSet(number));
  const answers = await host.run(sets.map((operands) => requestFor(code, operands)));
  return answers.map((answer, number) =>
    hashOf(stateAfter(answer, sets[number]!)).toString(16).padStart(8, "0"),
  );
}

async function recordFile(host: NativeHost, path: string): Promise<void> {
  const lines: string[] = [];
  for (const line of readFileSync(path, "utf8").trimEnd().split("\n")) {
    const [title, code] = line.split(" | ");
    if (code === undefined) lines.push(line);
    else {
      const hashes = await hashesOf(host, Buffer.from(code, "hex"));
      lines.push(`${title} | ${code} | ${hashes.join(" ")}`);
    }
  }
  writeFileSync(path, `${lines.join("\n")}\n`);
  process.stdout.write(`${path}: ${lines.length} lines\n`);
}

export async function main(files: readonly string[]): Promise<number> {
  const host = new NativeHost();
  try {
    host.map(pagesOf(LAYOUT));
    for (const file of files) await recordFile(host, file);
  } finally {
    host.stop();
  }
  return 0;
}
