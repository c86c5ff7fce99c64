// SPDX-License-Identifier: BSD-2-Clause
// From chosen blocks to a compiled module, on whatever thread: a job has nothing of the vCPU in it but copies of
// the blocks, so that it can be sent away, and what comes back is a module to be instantiated.
import { BLOCK_HASH_NEXT, BLOCK_WORDS } from "../interp/code-cache.ts";
import type { UnitBlock } from "./emitter.ts";
import { translate, type UnitSource } from "./translator.ts";

/** Units to be translated into one module. Two arrays, because a clone of many small objects takes its time. */
export interface TranslationJob {
  /** Headers and records of all blocks, one behind the other; HASH_NEXT is where the block came from. */
  readonly code: Int32Array;
  /** For each unit its place in the table, and how many blocks it has. */
  readonly units: Int32Array;
}

/** A `WebAssembly.Module`: that name is a browser's, and users of the library may not have it. */
export type CompiledModule = object;

/** What has become of a job; can be cloned, too. */
export interface TranslatedJob {
  /** Undefined if the host has refused to compile it. */
  readonly module: CompiledModule | undefined;
  /** Size of the module as it was written. */
  readonly bytes: number;
  /** Host time spent on writing it, and on having it compiled. */
  readonly translatingMs: number;
  readonly compilingMs: number;
}

/** Another thread that translates. Jobs come back in the order in which they were given. */
export interface UnitCompiler {
  /** False while it is not there yet, and when it is not any more: what was given to it then is lost. */
  readonly isReady: boolean;
  begin(job: TranslationJob): void;
  /** What has become of the oldest job that was not collected; undefined while it is not done. */
  collect(): TranslatedJob | undefined;
}

/** Copies the blocks, headers in `code`, of each unit. */
export function packJob(
  code: Int32Array,
  units: readonly { readonly blocks: readonly number[]; readonly slot: number }[],
): TranslationJob {
  const all = units.flatMap(({ blocks }) => blocks);
  const copy = new Int32Array(all.reduce((sum, block) => sum + code[block + BLOCK_WORDS]!, 0));
  let at = 0;
  for (const block of all) {
    const end = block + code[block + BLOCK_WORDS]!;
    copy.set(code.subarray(block, end), at);
    copy[at + BLOCK_HASH_NEXT] = block;
    at += end - block;
  }
  return {
    code: copy,
    units: Int32Array.from(units.flatMap(({ blocks, slot }) => [slot, blocks.length])),
  };
}

/** The job's units as {@link translate} takes them. */
export function unitSources({ code, units }: TranslationJob): UnitSource[] {
  const sources: UnitSource[] = [];
  let at = 0;
  for (let i = 0; i < units.length; i += 2) {
    const blocks: UnitBlock[] = [];
    for (let count = units[i + 1]!; count > 0; count--) {
      blocks.push({ at, delta: code[at + BLOCK_HASH_NEXT]! - at });
      at += code[at + BLOCK_WORDS]!;
    }
    sources.push({ code, blocks, slot: units[i]! });
  }
  return sources;
}

/** Translates and compiles on this thread. `now`: the host's time in milliseconds. */
export function translateAndCompile(
  units: readonly UnitSource[],
  isLinked: boolean,
  now: () => number,
): TranslatedJob {
  const begin = now();
  const bytes = translate(units, isLinked);
  const written = now();
  const module = compile(bytes);
  return {
    module,
    bytes: bytes.length,
    translatingMs: written - begin,
    compilingMs: now() - written,
  };
}

function compile(bytes: Uint8Array): CompiledModule | undefined {
  try {
    return new WebAssembly.Module(bytes);
  } catch (error) {
    if (error instanceof WebAssembly.CompileError || error instanceof RangeError) return undefined;
    throw error;
  }
}
