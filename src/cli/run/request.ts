// SPDX-License-Identifier: BSD-2-Clause

/** The guest of a run. */
export type GuestChoice =
  | { readonly kind: "freebsd"; readonly image: string }
  | {
      readonly kind: "linux";
      readonly kernel: string;
      readonly initrd?: string;
      readonly append?: string;
      readonly systemMap?: string;
    }
  /** One that comes with tshyve. */
  | { readonly kind: "embedded"; readonly name: string };

/** All that decides how a run goes; plain data, so that a failure capsule can hold it. */
export interface RunRequest {
  readonly guest: GuestChoice;
  readonly memory?: string;
  /** As behind -s, -l and -o. */
  readonly devices: readonly string[];
  readonly lpc: readonly string[];
  readonly variables: Readonly<Record<string, string>>;
  /** In this order. */
  readonly expect: readonly string[];
  readonly fail: readonly string[];
  /** Guest time. */
  readonly timeout?: string;
  readonly wallTimeout?: string;
  readonly maxInstructions?: number;
  readonly script?: { readonly name: string; readonly text: string };
  /** Words behind `--`. */
  readonly command: readonly string[];
  /** Panics end the run. */
  readonly isPanicFatal: boolean;
  /** Writes go to the images, and not to memory. */
  readonly writesDisks: boolean;
}

/** Where a run leaves its traces. */
export interface RunTraces {
  readonly log?: string;
  readonly junit?: string;
  /** Undefined: none. */
  readonly capsule?: string | undefined;
}
