// SPDX-License-Identifier: BSD-2-Clause

/** Why a VM stopped for good: bhyve's VM_SUSPEND kinds. The first one wins. */
export type SuspendHow = "reset" | "poweroff" | "halt" | "triplefault";

/** What bhyve exits with for each. */
export const SUSPEND_STATUS: Readonly<Record<SuspendHow, number>> = {
  reset: 0,
  poweroff: 1,
  halt: 2,
  triplefault: 3,
};

/** bhyve's status for an error before or during the run. */
export const ERROR_STATUS = 4;
