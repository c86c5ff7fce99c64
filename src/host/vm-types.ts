// SPDX-License-Identifier: BSD-2-Clause
// What goes into a Vmm and comes out of it.
import type { DriveOptions } from "../vmm/machine-driver.ts";
import type { RunOutcome } from "../vmm/run-outcome.ts";
import type { FileOrBytes } from "./load-guest.ts";

/** empty: no kernel. paused: it has run, and can go on. suspended: it has run, and is over. */
export type VmmState = "empty" | "loaded" | "running" | "paused" | "suspended" | "destroyed";

export type VmmEvents = {
  /** What the guest wrote to its console in a turn. */
  output: (bytes: Uint8Array) => void;
  /** A device says that the guest did something odd. */
  warning: (message: string) => void;
  state: (state: VmmState) => void;
  /** The guest waits for input, and no timer will wake it. */
  idle: () => void;
  /** A run is over. */
  stopped: (outcome: RunOutcome) => void;
};

export type LoadRequest =
  | {
      readonly kind: "freebsd";
      /** What the loader sees; the VM's own disks unless given. */
      readonly disks?: readonly FileOrBytes[];
      readonly hostDirectory?: string;
      /** For the loader's and the kernel's environment. */
      readonly variables?: Readonly<Record<string, string>>;
      /** At a prompt of its own the loader waits for what is sent. Otherwise it takes what was sent before, and quits. */
      readonly isInteractive?: boolean;
    }
  | {
      readonly kind: "linux";
      /** A bzImage, or a vmlinux. */
      readonly kernel: FileOrBytes;
      readonly initrd?: FileOrBytes;
      /** The kernel's command line; `console=ttyS0` unless given. */
      readonly commandLine?: string;
      readonly systemMap?: FileOrBytes;
    };

export interface RunOptions extends DriveOptions {
  /** Gets what the guest writes to its console. A promise holds the guest back. */
  readonly output?: (bytes: Uint8Array) => void | Promise<void>;
}

/** Something typed, and when it was: replayed at the same times, it gives the same run. */
export interface RecordedInput {
  readonly instructions: number;
  readonly guestNs: number;
  readonly bytes: Uint8Array;
}
