// SPDX-License-Identifier: BSD-2-Clause
// The diagnostic ports 0x80 and 0x84: firmware writes its progress there, systems write to 0x80 to let a microsecond pass.
// Both read as all ones. bhyve: bhyve/post.c for 0x84, its default handler for 0x80.
import { allOnes } from "../../base/bits.ts";
import type { AccessSize, Bus, BusHandler } from "../bus.ts";

export class PostPort implements BusHandler {
  /** The last code written, -1 before the first. */
  code = -1;

  /** Attaches it at both ports. */
  attachTo(io: Bus): void {
    io.attach(0x80, 1, "post", this);
    io.attach(0x84, 1, "post-84", this);
  }

  reset(): void {
    this.code = -1;
  }

  read(_offset: number, size: AccessSize): number {
    return allOnes(size);
  }

  write(_offset: number, _size: AccessSize, value: number): void {
    this.code = value;
  }
}
