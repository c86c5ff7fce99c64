// SPDX-License-Identifier: BSD-2-Clause
import fs from "node:fs";

/** A process, so that a later one with the same number is not taken for it. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot, with the boot's id, where the system tells; empty elsewhere. */
  readonly started: string;
}

export function processIdentity(pid: number = process.pid): ProcessIdentity {
  return { pid, started: startOf(pid) };
}

/** True while that very process exists. */
export function isAlive({ pid, started }: ProcessIdentity): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it exists and is somebody else's.
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  return started === "" || startOf(pid) === started;
}

/** Linux: field 22 of /proc/PID/stat. Its second field may hold anything, also parentheses. */
function startOf(pid: number): string {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const boot = fs.readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    // A zombie has ended.
    return fields[0] === "Z" ? "ended" : `${boot}:${fields[19]}`;
  } catch {
    return "";
  }
}
