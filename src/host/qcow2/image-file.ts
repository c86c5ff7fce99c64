// SPDX-License-Identifier: BSD-2-Clause

/** What an image is kept in. Everything throws a VmmError, and nothing else. */
export interface ImageFile {
  /** For sentences about it. */
  readonly path: string;
  /** Where it ends; grows with writes behind the end. */
  readonly sizeBytes: number;
  /** Fills `target`, with zeroes for what lies behind the end. */
  read(offset: number, target: Uint8Array): void;
  write(offset: number, source: Uint8Array): void;
  /** Returns when the host's storage has what was written. */
  sync(): void;
  close(): void;
}

/** A disk that can be read: an image, or what lies under one. Throws a VmmError if the host fails. */
export interface DiskReader {
  readonly sizeBytes: number;
  /** Fills `target`; the range has to be inside the disk. */
  read(offset: number, target: Uint8Array): void;
  close(): void;
}
