// SPDX-License-Identifier: BSD-2-Clause

/** Where a device says that its guest did something wrong. One line, no newline at the end. */
export type Warn = (message: string) => void;

/** Passes each distinct message once, and `limit` in all: a guest must not fill the host's disk with them. */
export function warnOnce(warn: Warn, limit = 64): Warn {
  const seen = new Set<string>();
  return (message) => {
    if (seen.has(message) || seen.size >= limit) return;
    seen.add(message);
    warn(message);
  };
}
