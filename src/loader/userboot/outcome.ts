// SPDX-License-Identifier: BSD-2-Clause
import type { EntryState } from "../entry-state.ts";

/** Where the symbols of a started kernel lie in guest memory: see SymbolTable.fromSymbolBlock. */
export interface SymbolBlock {
  readonly start: number;
  readonly end: number;
}

/** How the loader was left: a kernel is ready to run, the machine is to be reset, the user has had enough. */
export type Leave =
  | {
      readonly kind: "booted";
      readonly entry: EntryState;
      readonly kernelPath: string;
      readonly symbols: SymbolBlock | undefined;
    }
  | { readonly kind: "rebooted" }
  /** `complaint`: the first thing that went wrong since the user's last line, or since the start. */
  | { readonly kind: "quit"; readonly complaint?: string };
