// SPDX-License-Identifier: BSD-2-Clause

/** What a kernel that gives up says on its console: FreeBSD's `panic: …`, Linux's `Kernel panic - not syncing: …`. */
export const PANIC = /^(?:panic: .*|(?:\[[ \d.]+\] )?Kernel panic - not syncing.*)$/m;
