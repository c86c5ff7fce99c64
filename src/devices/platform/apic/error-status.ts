// SPDX-License-Identifier: BSD-2-Clause
// The local APIC's error status register. Intel SDM 3A 11.5.3: errors collect unseen until software
// writes the register, which shows what has collected and arms the error interrupt again.

export const ESR_SEND_ILLEGAL_VECTOR = 0x20;
export const ESR_RECEIVE_ILLEGAL_VECTOR = 0x40;
export const ESR_ILLEGAL_REGISTER = 0x80;

export class ErrorStatus {
  /** What the guest reads. */
  visible = 0;
  pending = 0;
  isArmed = true;

  /** Collects an error; true when it is the one that raises the error interrupt. */
  note(error: number): boolean {
    this.pending |= error;
    const raises = this.isArmed;
    this.isArmed = false;
    return raises;
  }

  /** The guest's write, whatever its value. */
  latch(): void {
    this.visible = this.pending;
    this.pending = 0;
    this.isArmed = true;
  }

  clear(): void {
    this.latch();
    this.visible = 0;
  }
}
