// SPDX-License-Identifier: BSD-2-Clause

/**
 * The far end of a serial line. Neither side may lose a byte: what the far end cannot take stays with
 * the device, what the device cannot take stays with the far end.
 */
export interface CharBackend {
  /** Offers a byte from the guest; false when there is no room now (`ready` tells when to try again). */
  write(byte: number): boolean;
  /** Takes the next byte for the guest; -1 when there is none. */
  read(): number;
  /** `ready` is called, on the devices' thread, when there is something to read or room to write again. */
  listen(ready: () => void): void;
}
