// SPDX-License-Identifier: BSD-2-Clause
// How periodic timers behave when they cannot be on time.
//
// A period is a grid of ticks that starts when the guest programs the timer, so no lateness ever adds up. When a
// deadline is overdue, because the guest was stopped or because it asked for interrupts faster than they
// can be delivered, everything overdue is one interrupt and the next is due on the grid. Interrupts that nobody could
// have taken are lost on real hardware too: an edge into a latch that is already set.

/**
 * Two interrupts of one source are never closer than this, whatever period the guest asks for. Without it a
 * period of a few nanoseconds would keep the host firing timers instead of running the guest. It is far
 * below what any system programs (the fastest in use is the RTC's 122 µs).
 */
export const MIN_INTERRUPT_SPACING_NS = 10_000;
