// SPDX-License-Identifier: BSD-2-Clause
// Runs the whole loader with a scripted user, for tests.

import type { LoaderDevice } from "../../src/loader/userboot/devices.ts";
import type { Leave } from "../../src/loader/userboot/outcome.ts";
import { runUserboot, type UserbootOptions } from "../../src/loader/userboot/userboot.ts";
import { GuestMemory, MIB } from "../../src/mmu/guest-memory.ts";
import { diskWith, type Files, forthFiles, luaFiles } from "./boot-image.ts";
import { type Act, ScriptedConsole } from "./scripted-console.ts";

export interface Session {
  readonly result: Leave;
  readonly console: ScriptedConsole;
  readonly memory: GuestMemory;
  /** The kernel's environment, as it lies in guest memory; empty unless a kernel was booted. */
  readonly kenv: ReadonlyMap<string, string>;
}

export interface SessionOptions extends Partial<Omit<UserbootOptions, "console">> {
  readonly files?: Files;
  readonly isTerminal?: boolean;
}

/** Boots an image (a 13.x one, unless files or devices say otherwise) with a user who acts so. */
export async function session(
  acts: readonly Act[],
  options: SessionOptions = {},
): Promise<Session> {
  const { files = luaFiles(), isTerminal = true, ...rest } = options;
  const console = new ScriptedConsole(acts, isTerminal);
  const memory = options.memory ?? new GuestMemory(64 * MIB);
  const devices: readonly LoaderDevice[] = options.devices ?? diskWith(files);
  const result = await runUserboot({ ...rest, memory, devices, console });
  return {
    result,
    console,
    memory,
    kenv: result.kind === "booted" ? kernelEnvironment(memory) : new Map(),
  };
}

/** Types lines at the prompt of an image whose loader stops there; what came out behind each of them. */
export async function atPrompt(
  lines: readonly string[],
  options: SessionOptions & { readonly isForth?: boolean } = {},
): Promise<{ readonly answers: string[]; readonly session: Session }> {
  const stop = { "/boot/loader.conf": 'autoboot_delay="NO"\nbeastie_disable="YES"\n' };
  const image = options.isForth ? forthFiles(stop) : luaFiles(stop);
  const files = { ...image, ...options.files };
  const done = await session(
    lines.map((line) => `${line}\r`),
    { isTerminal: false, ...options, files },
  );
  const [, ...pieces] = done.console.text.split("\nOK ");
  const answers = lines.map((line, i) => {
    const piece = (pieces[i] ?? "").replace(/\nOK$/, "").replace(/\n$/, "");
    return piece.startsWith(line.trimEnd()) ? piece.slice(line.length + 1) : piece;
  });
  return { answers, session: done };
}

/** What the loader answers to one line. */
export async function answerTo(
  line: string,
  options: Parameters<typeof atPrompt>[1] = {},
): Promise<string> {
  return (await atPrompt([line], options)).answers[0]!;
}

/** Follows the hand-off stack to the metadata, and that to the environment (FreeBSD: sys/x86/include/metadata.h). */
function kernelEnvironment(memory: GuestMemory): Map<string, string> {
  const envp = preloadRecords(memory).find((record) => record.type === 0x8006);
  if (envp === undefined) throw new Error("no ENVP record");
  const start = envp.data.readUInt32LE(0);
  const block = Buffer.from(memory.readable(start, 0x10000)!.slice());
  const end = block.indexOf("\0\0");
  const pairs = block.subarray(0, end).toString().split("\0");
  return new Map(
    pairs.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]),
  );
}

export interface PreloadRecord {
  readonly type: number;
  readonly data: Buffer;
}

/** The metadata records that a kernel would find. */
export function preloadRecords(memory: GuestMemory): PreloadRecord[] {
  const records: PreloadRecord[] = [];
  let at = memory.load(0x1004, 4);
  for (;;) {
    const type = memory.load(at, 4);
    const length = memory.load(at + 4, 4);
    if (type === 0) return records;
    records.push({ type, data: Buffer.from(memory.readable(at + 8, length)!.slice()) });
    at += 8 + Math.ceil(length / 8) * 8;
  }
}

/** Names (type 1) or other texts among the records. */
export function recordTexts(memory: GuestMemory, type: number): string[] {
  return preloadRecords(memory)
    .filter((record) => record.type === type)
    .map((record) => record.data.toString().replace(/\0$/, ""));
}
