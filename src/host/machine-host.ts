// SPDX-License-Identifier: BSD-2-Clause
// The host of a machine that runs on a thread of its own in Node: time, randomness, disks, serial lines.
import { randomBytes, randomFillSync } from "node:crypto";
import os from "node:os";
import { VmmError } from "../base/errors.ts";
import type { CharBackend } from "../devices/backend/char-backend.ts";
import type { Entropy } from "../vmm/entropy.ts";
import type { MachineHost } from "../vmm/machine.ts";
import type { ByteChannel } from "./byte-channel.ts";
import { openCharDevice, type PolledCharBackend } from "./char-device.ts";
import type { Doorbell } from "./doorbell.ts";
import { openBlockFile } from "./file-block-backend.ts";

/** The other threads' ends of what a machine talks to. */
export interface MachineEnds {
  readonly name: string;
  readonly console: {
    readonly input: ByteChannel;
    readonly output: ByteChannel;
    readonly wakeMain: Doorbell;
  };
  /** Rung when there is input, room, or a request. */
  readonly bell: Doorbell;
  /** Called when the bell has rung. */
  readonly poll: () => void;
  readonly warn: (message: string) => void;
}

const hostEntropy: Entropy = {
  next32: () => randomBytes(4).readUInt32LE(0),
  // Guest RAM is shared memory, which the generator does not fill in place.
  fill: (target) => target.set(randomFillSync(new Uint8Array(target.length))),
};

/** `stdio`: the terminal of the process, through its main thread. */
class ConsoleBackend implements CharBackend {
  readonly #ends: MachineEnds["console"];
  #ready: () => void = () => {};

  constructor(ends: MachineEnds["console"]) {
    this.#ends = ends;
  }

  write(byte: number): boolean {
    const isTaken = this.#ends.output.writeByte(byte);
    this.#ends.wakeMain.ring();
    return isTaken;
  }

  read(): number {
    const byte = this.#ends.input.readByte();
    // Room for more: the main thread may be holding input back.
    if (byte >= 0) this.#ends.wakeMain.ring();
    return byte;
  }

  listen(ready: () => void): void {
    this.#ready = ready;
  }

  poll(): void {
    this.#ready();
  }
}

export function makeMachineHost(ends: MachineEnds): MachineHost {
  const console = new ConsoleBackend(ends.console);
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
      now: () => Number(process.hrtime.bigint()),
      // Devices behind paths cannot ring; they are looked at ten times a second.
      wait: (timeoutMs) => ends.bell.wait(polled.length > 0 ? Math.min(timeoutMs, 100) : timeoutMs),
    },
    entropy: hostEntropy,
    epochSeconds: Date.now() / 1000,
    zoneOffsetSeconds: -60 * new Date().getTimezoneOffset(),
    name: os.hostname(),
    openBlock: (options) => openBlockFile(options, ends.warn),
    openChar,
    poll: () => {
      for (const device of polled) device.poll();
      if (!ends.bell.answer()) return;
      console.poll();
      ends.poll();
    },
    warn: ends.warn,
  };
}
