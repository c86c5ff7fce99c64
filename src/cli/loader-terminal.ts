// SPDX-License-Identifier: BSD-2-Clause
// The loader's console on the process's stdin and stdout.
import type { LoaderConsole } from "../loader/userboot/console.ts";
import { enterRawMode } from "./terminal.ts";

export class LoaderTerminal implements LoaderConsole {
  readonly isTerminal: boolean;
  readonly #restore: () => void;
  readonly #keys: number[] = [];
  #isClosed = false;
  #wake: () => void = () => {};

  readonly #onData = (chunk: Buffer) => {
    this.#keys.push(...chunk);
    this.#wake();
  };
  readonly #onEnd = () => {
    this.#isClosed = true;
    this.#wake();
  };

  constructor() {
    const { stdin, stdout } = process;
    this.isTerminal = Boolean(stdin.isTTY && stdout.isTTY);
    this.#restore = enterRawMode();
    stdin.on("data", this.#onData);
    stdin.on("end", this.#onEnd);
    stdin.on("error", this.#onEnd);
  }

  write(text: string): void {
    process.stdout.write(text);
  }

  async key(timeoutMs: number): Promise<number | undefined> {
    if (this.#keys.length > 0) return this.#keys.shift();
    if (this.#isClosed && timeoutMs === Number.POSITIVE_INFINITY) return undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (timeoutMs !== Number.POSITIVE_INFINITY) setTimeout(resolve, timeoutMs);
    });
    this.#wake = () => {};
    if (this.#keys.length === 0 && !this.#isClosed && timeoutMs === Number.POSITIVE_INFINITY) {
      return this.key(timeoutMs);
    }
    return this.#keys.shift();
  }

  /** Gives the terminal back, with what was typed ahead. */
  close(): void {
    const { stdin } = process;
    stdin.off("data", this.#onData);
    stdin.off("end", this.#onEnd);
    stdin.off("error", this.#onEnd);
    stdin.pause();
    this.#restore();
  }
}
