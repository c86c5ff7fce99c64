// SPDX-License-Identifier: BSD-2-Clause
import type { Thread } from "../vmm/machine-driver.ts";
import { hostNow } from "./machine-host.ts";

/** This thread of Node's, shared with everything else in the program. */
export const nodeThread: Thread = {
  now: hostNow,
  yield: () => new Promise((resolve) => setImmediate(resolve)),
  sleep(timeoutMs) {
    const { promise, resolve } = deferred();
    const timer = Number.isFinite(timeoutMs) ? setTimeout(resolve, timeoutMs) : undefined;
    return {
      done: promise,
      wake: () => {
        clearTimeout(timer);
        resolve();
      },
    };
  },
};

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
