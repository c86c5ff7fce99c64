// SPDX-License-Identifier: BSD-2-Clause
// Mistakes of the host's side: a wrong flag, a missing file, a busy VM. A guest can never cause one.

/** Every code a {@link VmmError} can carry; `docs/errors.md` says what each asks of the user. */
export type VmmErrorCode =
  | "ERR_BAD_OPTION" // a flag or a configuration variable does not parse
  | "ERR_BAD_IMAGE" // a disk, filesystem, kernel or module is not what it claims to be
  | "ERR_NOT_FOUND" // a file inside or outside an image does not exist
  | "ERR_IO" // the host refused a read or a write
  | "ERR_NO_SPACE" // it does not fit: guest memory, the 1 GiB the loader maps, the host's disk
  | "ERR_VM_EXISTS"
  | "ERR_VM_NOT_FOUND"
  | "ERR_VM_BUSY" // another process runs it
  | "ERR_TIMEOUT" // what was waited for did not come in time
  | "ERR_VM_STATE" // not in the state that the request needs: never loaded, already ended
  | "ERR_BUS_OVERLAP" // two devices claim one address
  | "ERR_UNSUPPORTED" // understood, and not there
  | "ERR_INTERNAL"; // a bug of ours that was noticed

/** One clear sentence (what was tried, with which value, what to do) and a code to act on. */
export class VmmError extends Error {
  readonly code: VmmErrorCode;

  constructor(code: VmmErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "VmmError";
    this.code = code;
  }
}
