// SPDX-License-Identifier: BSD-2-Clause
// Between nanoseconds and the ticks of an oscillator, without losing one.

const NS_PER_SECOND = 1_000_000_000;
const LAST_SECOND = Math.floor(Number.MAX_SAFE_INTEGER / NS_PER_SECOND);

/** Whole ticks of an oscillator of `hz` since time 0. Monotonic in `ns`, the same on every host. */
export function ticksAt(ns: number, hz: number): number {
  const seconds = Math.floor(ns / NS_PER_SECOND);
  const rest = ns - seconds * NS_PER_SECOND;
  return seconds * hz + Math.floor((rest * hz) / NS_PER_SECOND);
}

/** The first nanosecond at which {@link ticksAt} has reached `ticks`; `Infinity` beyond 2^53 ns. */
export function nsAtTick(ticks: number, hz: number): number {
  const seconds = Math.floor(ticks / hz);
  if (seconds >= LAST_SECOND) return Number.POSITIVE_INFINITY;
  const rest = ticks - seconds * hz;
  let ns = seconds * NS_PER_SECOND + Math.ceil((rest * NS_PER_SECOND) / hz);
  // Rounding in the two divisions can leave the estimate a nanosecond to either side.
  while (ns > 0 && ticksAt(ns - 1, hz) >= ticks) ns--;
  while (ticksAt(ns, hz) < ticks) ns++;
  return ns;
}
