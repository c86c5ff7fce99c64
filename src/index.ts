// SPDX-License-Identifier: BSD-2-Clause
// The library's public surface.
export { VmmError, type VmmErrorCode } from "./base/errors.ts";
export { Config } from "./vmm/config.ts";
export { Machine, type MachineHost } from "./vmm/machine.ts";
export { type MachineConfig, machineConfig } from "./vmm/machine-config.ts";
