// SPDX-License-Identifier: BSD-2-Clause
// The library's public surface.
export { VmmError, type VmmErrorCode } from "./base/errors.ts";
export { DirectoryRegistry, defaultVmmDirectory } from "./host/directory-registry.ts";
export { guestDisk } from "./host/embedded-guest.ts";
export type { FileOrBytes } from "./host/load-guest.ts";
export type { Address, VmMemory } from "./host/vm-memory.ts";
export {
  type LoadRequest,
  type RecordedInput,
  type RunOptions,
  Vmm,
  type VmmEvents,
  type VmmState,
} from "./host/vmm.ts";
export type { VmmOptions } from "./host/vmm-options.ts";
export type { SymbolHit, SymbolTable } from "./loader/symbols.ts";
export { Config } from "./vmm/config.ts";
export type {
  ConsoleMatch,
  ConsolePattern,
  VmConsole,
  WaitOptions,
} from "./vmm/console/vm-console.ts";
export type { Duration } from "./vmm/duration.ts";
export { Machine, type MachineHost } from "./vmm/machine.ts";
export { type MachineConfig, machineConfig } from "./vmm/machine-config.ts";
export type { DriveOptions } from "./vmm/machine-driver.ts";
export { MemoryRegistry } from "./vmm/memory-registry.ts";
export type { Lease, Registry, VmImage, VmRecord, VmStage } from "./vmm/registry.ts";
export { describeOutcome, type RunOutcome } from "./vmm/run-outcome.ts";
export type { SuspendHow } from "./vmm/suspend.ts";
export type { RegisterName } from "./vmm/vcpu-registers.ts";
