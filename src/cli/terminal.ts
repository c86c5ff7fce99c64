// SPDX-License-Identifier: BSD-2-Clause
// The terminal of a command: raw while a loader or a guest has it, put back however the command ends.

/** Passes bytes through untouched, Ctrl-C included; the returned function restores the terminal. */
export function enterRawMode(): () => void {
  const { stdin } = process;
  if (!stdin.isTTY) return () => {};
  stdin.setRawMode(true);
  const restore = () => {
    process.off("exit", restore);
    if (!stdin.destroyed) stdin.setRawMode(false);
  };
  process.on("exit", restore);
  return restore;
}

/** Writes to stdout, and resolves when the terminal can take more. */
export function writeOut(bytes: Uint8Array | string): Promise<void> | undefined {
  if (process.stdout.write(bytes)) return undefined;
  return new Promise((resolve) => process.stdout.once("drain", () => resolve()));
}
