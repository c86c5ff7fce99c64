// SPDX-License-Identifier: BSD-2-Clause
import type { Duration } from "../duration.ts";

/** Text to be found as it stands, or an expression; its flags g and y mean nothing here. */
export type ConsolePattern = string | RegExp;

export interface WaitOptions {
  /**
   * Guest time to wait for at most, from now: on the virtual clock an idle guest's time passes at once. Ends the
   * wait with an ERR_TIMEOUT. Without it the wait lasts as long as the run.
   */
  readonly timeout?: Duration;
  /** Position in the text to look from. By default the end of the last match, so that nothing is found twice. */
  readonly after?: number;
  /** Ends the wait. */
  readonly signal?: AbortSignal;
}

export interface ConsoleMatch {
  /** What was found, and an expression's groups. */
  readonly text: string;
  readonly groups: readonly (string | undefined)[];
  /** Where it begins and ends: positions for `after`. */
  readonly start: number;
  readonly end: number;
  /** Instructions that the guest had retired when it was there. */
  readonly instructions: number;
}

/**
 * A guest's serial console, seen from the far end. Iterating gives the text since the guest was loaded, in the
 * pieces in which it comes, until the run is over.
 */
export interface VmConsole extends AsyncIterable<string> {
  /** All that is kept: the last million units or more. */
  readonly text: string;
  /** The position behind the last unit. */
  readonly end: number;
  /**
   * Resolves when the pattern is there. The guest stops at the instruction that wrote the end of it (an
   * expression is tried at line ends, and when the guest has been silent for a millisecond of its time), and goes
   * on when the code behind the `await` has had its turn: what that sends right away arrives at the same
   * instruction in every run.
   *
   * Rejects with ERR_TIMEOUT, or ERR_VM_STATE if the run ends first, and with the signal's reason.
   */
  waitFor(pattern: ConsolePattern, options?: WaitOptions): Promise<ConsoleMatch>;
  /** Types; text as UTF-8. The guest takes it when it likes. A terminal's Enter key is `\r`. */
  send(input: string | Uint8Array): void;
}
