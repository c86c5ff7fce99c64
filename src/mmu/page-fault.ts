// SPDX-License-Identifier: BSD-2-Clause
// How an access that the guest may not make leaves the memory unit. Details go into a record that is
// allocated once; one frozen object unwinds to the vCPU's run loop, its only catcher.

/** Page-fault error code, SDM 3A 4.7. */
export const PF_PRESENT = 1;
export const PF_WRITE = 2;
export const PF_USER = 4;
export const PF_RESERVED = 8;
export const PF_FETCH = 16;

/** Thrown, never inspected: what happened is in the thrower's fault record. */
export const GUEST_FAULT: unique symbol = Symbol("guest fault");

/** What an access may be for. The numbers index the tags of a TLB entry, in pairs of words. */
export const ACCESS_READ = 0;
export const ACCESS_WRITE = 2;
export const ACCESS_FETCH = 4;
export type Access = typeof ACCESS_READ | typeof ACCESS_WRITE | typeof ACCESS_FETCH;

/** The last fault of a memory unit. */
export interface MemoryFault {
  /** A non-canonical address (#GP or #SS, no error code bits) rather than a page fault. */
  isNonCanonical: boolean;
  errorCode: number;
  /** The linear address, for CR2. */
  lo: number;
  hi: number;
}
