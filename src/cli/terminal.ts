// SPDX-License-Identifier: BSD-2-Clause
// The terminal of a command: raw while a loader or a guest has it, put back however the command ends.

import os from "node:os";

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

/** Writes to stdout, and resolves when it can take more, or never will. */
export function writeOut(bytes: Uint8Array | string): Promise<void> | undefined {
  const { stdout } = process;
  if (!stdout.writable || stdout.write(bytes)) return undefined;
  return new Promise((resolve) => {
    const done = () => {
      for (const event of OUTPUT_EVENTS) stdout.off(event, done);
      resolve();
    };
    for (const event of OUTPUT_EVENTS) stdout.once(event, done);
  });
}

const OUTPUT_EVENTS = ["drain", "error", "close"] as const;

let outputLost = (status: number): void => process.exit(status);

/**
 * Whoever reads stdout has gone, or the terminal has: tells `listener` instead of ending the process. The
 * returned function undoes it.
 */
export function onOutputLost(listener: () => void): () => void {
  const before = outputLost;
  outputLost = listener;
  return () => {
    outputLost = before;
  };
}

const QUIET_LOSSES: readonly (string | undefined)[] = ["EPIPE", "EIO"];

/**
 * To be called once, before anything is written. Output that is lost for another reason than that nobody reads it,
 * such as a full disk, is told to `complain`.
 */
export function watchOutput(complain: (error: Error) => void, errorStatus: number): void {
  let isTold = false;
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (QUIET_LOSSES.includes(error.code)) {
      // As SIGPIPE would end a program: quietly.
      outputLost(128 + os.constants.signals.SIGPIPE);
      return;
    }
    if (!isTold) complain(error);
    isTold = true;
    outputLost(errorStatus);
  });
  // What cannot be said cannot be complained about either.
  process.stderr.on("error", () => {});
}

/** Resolves when all that was written is with the host, or lost. */
export function outputWritten(): Promise<void> {
  const { stdout } = process;
  return new Promise((resolve) => {
    // What went wrong with it is told a moment later.
    const done = () => setImmediate(resolve);
    if (stdout.writable) stdout.write("", done);
    else done();
  });
}

/** Ends the process as if nobody had listened for the signal, so that a shell sees what it expects. */
export function dieOf(signal: NodeJS.Signals): number {
  process.removeAllListeners(signal);
  // Node ignores SIGPIPE; the status has to say it.
  if (signal !== "SIGPIPE") process.kill(process.pid, signal);
  return 128 + os.constants.signals[signal];
}
