// SPDX-License-Identifier: BSD-2-Clause
// bhyvectl: makes, inspects, changes and destroys VMs, running or not. FreeBSD: usr.sbin/bhyvectl/bhyvectl.c.
import { VmmError, type VmmErrorCode } from "../base/errors.ts";
import { DirectoryRegistry } from "../host/directory-registry.ts";
import { checkVmName } from "../vmm/registry.ts";
import { BHYVECTL_OPTIONS, BHYVECTL_USAGE, type BhyvectlOption } from "./bhyvectl-options.ts";
import { BhyvectlSession } from "./bhyvectl-session.ts";
import { complain } from "./complain.ts";
import { UsageError } from "./getopt.ts";
import { getoptLong } from "./getopt-long.ts";
import type { CommandFrame } from "./run-main.ts";

export const BHYVECTL: CommandFrame = {
  name: "bhyvectl",
  usage: BHYVECTL_USAGE,
  usageStatus: 1,
  errorStatus: 1,
};

/** What bhyvectl exits with when the VM refused something: libvmmapi's -1. */
const REFUSED_STATUS = 255;

/** FreeBSD's errno(2) for what went wrong. */
const ERRNO: Readonly<Record<VmmErrorCode, number>> = {
  ERR_NOT_FOUND: 2, // ENOENT
  ERR_VM_NOT_FOUND: 2,
  ERR_IO: 5, // EIO
  ERR_BUS_OVERLAP: 16,
  ERR_VM_BUSY: 16, // EBUSY
  ERR_VM_EXISTS: 17, // EEXIST
  ERR_BAD_IMAGE: 22,
  ERR_BAD_OPTION: 22, // EINVAL
  ERR_NO_SPACE: 28, // ENOSPC
  ERR_VM_STATE: 37, // EALREADY
  ERR_UNSUPPORTED: 45, // EOPNOTSUPP
  ERR_TIMEOUT: 60, // ETIMEDOUT
  ERR_INTERNAL: 14, // EFAULT
};

/** Asked for in any order, done in bhyvectl's: create first, destroy last, and only if all else went well. */
export async function bhyvectl(argv: readonly string[]): Promise<number> {
  const { values } = getoptLong(argv, BHYVECTL_OPTIONS);
  const name = values.get("vm");
  if (name === undefined) throw new UsageError("--vm=<vmname> is required");
  checkVmName(name);
  const registry = new DirectoryRegistry();
  const wanted = BHYVECTL_OPTIONS.filter(
    (option) => values.has(option.name) || (values.has("get-all") && option.isInAll === true),
  );
  if (!values.has("create") && !registry.exists(name)) {
    throw new VmmError(
      "ERR_VM_NOT_FOUND",
      `vm_open: ${name} could not be opened: No such file or directory`,
    );
  }
  const willChange = wanted.some(({ isChange }) => isChange === true);
  const session = new BhyvectlSession(registry, { name, values, willChange }, (text) =>
    process.stdout.write(text),
  );
  return act(session, wanted, values);
}

async function act(
  session: BhyvectlSession,
  wanted: readonly BhyvectlOption[],
  values: ReadonlyMap<string, string>,
): Promise<number> {
  try {
    try {
      for (const { name, act } of wanted) await act?.(session, values.get(name) ?? "");
    } finally {
      session.close();
    }
    return 0;
  } catch (error) {
    if (!(error instanceof VmmError) || error instanceof UsageError) throw error;
    complain(BHYVECTL.name, error.message);
    process.stdout.write(`errno = ${ERRNO[error.code]}\n`);
    return REFUSED_STATUS;
  }
}
