// SPDX-License-Identifier: BSD-2-Clause

/** One request to a disk. Buffers are windows on guest RAM, borrowed until `done`. */
export type BlockRequest =
  | { readonly kind: "read"; readonly offset: number; readonly buffers: readonly Uint8Array[] }
  | { readonly kind: "write"; readonly offset: number; readonly buffers: readonly Uint8Array[] }
  | { readonly kind: "flush" }
  | { readonly kind: "discard"; readonly offset: number; readonly length: number }
  | { readonly kind: "write-zeroes"; readonly offset: number; readonly length: number };

/** How it went. `unsupported` is for what the backend never does, `error` for what failed now. */
export type BlockStatus = "ok" | "error" | "unsupported" | "read-only";

/** The unit of offsets and lengths, whatever sector size the disk claims. */
export const BLOCK_UNIT_BYTES = 512;

/** A disk: a file, bytes in memory. Offsets and lengths are bytes, multiples of {@link BLOCK_UNIT_BYTES}. */
export interface BlockBackend {
  readonly sizeBytes: number;
  /** What the guest is told that it should read and write in. */
  readonly sectorBytes: number;
  readonly physicalSectorBytes: number;
  readonly isReadOnly: boolean;
  readonly canDiscard: boolean;
  /** What the ident string is derived from when the user gives no serial number: bhyve uses the path. */
  readonly identity: string;
  /**
   * Carries a request out and calls `done` exactly once, at once or later, on the devices' thread.
   * The caller has checked the range. A flush is done when the host's storage has the data.
   */
  submit(request: BlockRequest, done: (status: BlockStatus) => void): void;
  close(): void;
}
