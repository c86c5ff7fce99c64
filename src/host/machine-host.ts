// SPDX-License-Identifier: BSD-2-Clause
// The host of a machine in Node: time, randomness, disks, serial lines. What differs between a machine with a
// thread of its own and one that shares its thread is handed in.
import { randomBytes, randomFillSync } from "node:crypto";
import os from "node:os";
import { VmmError } from "../base/errors.ts";
import type { BlockBackend } from "../devices/backend/block-backend.ts";
import type { CharBackend } from "../devices/backend/char-backend.ts";
import type { BlockFileOptions } from "../devices/virtio/block/options.ts";
import type { Entropy } from "../vmm/entropy.ts";
import type { MachineHost } from "../vmm/machine.ts";
import { openCharDevice, type PolledCharBackend } from "./char-device.ts";
import { CompileThread } from "./compile-thread.ts";
import { openDisk } from "./disk-image.ts";
import { tuneCompilers } from "./tiering.ts";

export interface MachineHostOptions {
  /** What `stdio` is. */
  readonly console: CharBackend;
  /** Sleeps, or sees to it that the machine does, until something happens or the time is over. */
  readonly wait: (timeoutMs: number) => void;
  /** Called on every trip around the machine's loop. */
  readonly poll: () => void;
  readonly warn: (message: string) => void;
  /** Opens a disk; a file unless given. */
  readonly openBlock?: (options: BlockFileOptions) => BlockBackend;
}

/** Devices behind paths cannot ring; they are looked at ten times a second. */
const POLL_MS = 100;

const hostEntropy: Entropy = {
  next32: () => randomBytes(4).readUInt32LE(0),
  // Guest RAM is shared memory, which the generator does not fill in place.
  fill: (target) => target.set(randomFillSync(new Uint8Array(target.length))),
};

/** Nanoseconds of a clock that never goes back. */
export function hostNow(): number {
  return Math.floor(performance.now() * 1e6);
}

export function makeMachineHost(options: MachineHostOptions): MachineHost {
  tuneCompilers();
  const { console, wait, poll, warn } = options;
  const polled: PolledCharBackend[] = [];
  let isConsoleTaken = false;
  const openChar = (path: string): CharBackend => {
    if (path !== "stdio") {
      const device = openCharDevice(path);
      polled.push(device);
      return device;
    }
    if (isConsoleTaken) {
      throw new VmmError("ERR_BAD_OPTION", "stdio is in use already: only one device can have it");
    }
    isConsoleTaken = true;
    return console;
  };
  return {
    time: {
      now: hostNow,
      wait: (timeoutMs) => wait(polled.length > 0 ? Math.min(timeoutMs, POLL_MS) : timeoutMs),
    },
    entropy: hostEntropy,
    epochSeconds: Date.now() / 1000,
    zoneOffsetSeconds: -60 * new Date().getTimezoneOffset(),
    name: os.hostname(),
    openBlock: options.openBlock ?? ((file) => openDisk(file, warn)),
    openChar,
    poll: () => {
      for (const device of polled) device.poll();
      poll();
    },
    warn,
    compiler: CompileThread.create(),
  };
}
