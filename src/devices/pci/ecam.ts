// SPDX-License-Identifier: BSD-2-Clause
// Configuration space in memory: 4 KiB a function, 1 MiB a bus. PCI Express 3.0 §7.2.2 (ECAM).
// The functions here have no extended capabilities, which their register 0x100 says by reading zero.
import { allOnes } from "../../base/bits.ts";
import { GIB, MIB } from "../../mmu/guest-memory.ts";
import type { AccessSize, Bus } from "../bus.ts";
import type { Bdf } from "./address.ts";
import type { ConfigAccess } from "./config-ports.ts";
import { CONFIG_BYTES } from "./config-space.ts";

const PCI_EMUL_ECFG_BASE = 3.5 * GIB;
const PCI_EMUL_ECFG_SIZE = 256 * MIB;

/** Puts the window for all 256 buses on the memory bus. */
export function attachEcam(memory: Bus, space: ConfigAccess): void {
  memory.attach(PCI_EMUL_ECFG_BASE, PCI_EMUL_ECFG_SIZE, "PCI ECFG", {
    read: (offset, size) => readEcam(space, offset, size),
    write: (offset, size, value) => writeEcam(space, offset, size, value),
  });
}

function readEcam(space: ConfigAccess, offset: number, size: AccessSize): number {
  const register = offset & 0xfff;
  if (crossesRegister(register, size)) return allOnes(size);
  const bdf = bdfOf(offset);
  if (register < CONFIG_BYTES) return space.readConfig(bdf, register, size);
  const isPresent = space.readConfig(bdf, 0, 2) !== 0xffff;
  return isPresent ? 0 : allOnes(size);
}

function writeEcam(space: ConfigAccess, offset: number, size: AccessSize, value: number): void {
  const register = offset & 0xfff;
  if (crossesRegister(register, size) || register >= CONFIG_BYTES) return;
  space.writeConfig(bdfOf(offset), register, size, value);
}

/** §7.2.2 leaves accesses that cross 4 bytes to the implementation: they reach no function, as in bhyve. */
function crossesRegister(register: number, size: AccessSize): boolean {
  return (register & 3) + size > 4;
}

function bdfOf(offset: number): Bdf {
  return { bus: (offset >> 20) & 0xff, slot: (offset >> 15) & 0x1f, func: (offset >> 12) & 7 };
}
