// SPDX-License-Identifier: BSD-2-Clause
// Where the names in a guest's backtrace come from: a file that the user names, the block that the FreeBSD
// loader left in memory, or the kallsyms tables of a running Linux kernel.
import { VmmError } from "../base/errors.ts";
import { pairToBigInt } from "../base/u64.ts";
import type { Cpu } from "../cpu/cpu.ts";
import { MSR_LSTAR } from "../cpu/state-layout.ts";
import type { ByteSource } from "../loader/byte-source.ts";
import { isElf, parseElf } from "../loader/elf.ts";
import { findKallsyms } from "../loader/linux/kallsyms.ts";
import { SymbolTable } from "../loader/symbols.ts";
import { RAM_OFFSET } from "../mmu/machine-layout.ts";

export interface SymbolSources {
  /** Where the FreeBSD loader left the kernel's symbols: guest-physical. */
  readonly block: { readonly start: number; readonly end: number } | undefined;
  /** Opens a file of the host. */
  readonly open: (path: string) => ByteSource;
}

/**
 * Where Linux kernels of all ages enter a system call, so that IA32_LSTAR tells how far KASLR has moved
 * them. arch/x86/entry/entry_64.S.
 */
const LINUX_SYSCALL_ENTRIES = ["entry_SYSCALL_64", "system_call"];

/** Undefined where there are no names. Throws ERR_IO, ERR_NOT_FOUND or ERR_BAD_IMAGE for a file of the user's. */
export function guestSymbols(
  cpu: Cpu,
  sources: SymbolSources,
  path: string | undefined,
): SymbolTable | undefined {
  if (path !== undefined) return whereItRuns(symbolFile(sources.open(path), path), cpu);
  return (
    fromBlock(cpu, sources) ??
    findKallsyms(cpu.memory.bytes.subarray(RAM_OFFSET, RAM_OFFSET + cpu.memory.ramBytes))
  );
}

function symbolFile(source: ByteSource, path: string): SymbolTable {
  return isElf(source)
    ? SymbolTable.fromElf(parseElf(source, path))
    : SymbolTable.fromSystemMap(source, path);
}

/** A kernel's own names, moved to where it runs; as it was linked if that cannot be told (yet). */
export function whereItRuns(table: SymbolTable, { s }: Cpu): SymbolTable {
  const entry = pairToBigInt(s[MSR_LSTAR]!, s[MSR_LSTAR + 1]!);
  const linked = LINUX_SYSCALL_ENTRIES.map((name) => table.addressOf(name)).find(
    (address) => address !== undefined,
  );
  return entry === 0n || linked === undefined ? table : table.moved(entry - linked);
}

/** The guest may have overwritten what the loader left. */
function fromBlock({ memory }: Cpu, { block }: SymbolSources): SymbolTable | undefined {
  const bytes = block && memory.readable(block.start, block.end - block.start);
  if (bytes === undefined) return undefined;
  try {
    const table = SymbolTable.fromSymbolBlock(bytes);
    return table.count > 0 ? table : undefined;
  } catch (error) {
    if (!(error instanceof VmmError)) throw error;
    return undefined;
  }
}
