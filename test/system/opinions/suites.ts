// SPDX-License-Identifier: BSD-2-Clause
// All system programs there are, from the modules that state them.
import "../alignment.test.ts";
import "../canonical.test.ts";
import "../changing-code.test.ts";
import "../debug.test.ts";
import "../exceptions.test.ts";
import "../fast-calls.test.ts";
import "../gates.test.ts";
import "../interrupt-return.test.ts";
import "../legacy.test.ts";
import "../modes.test.ts";
import "../paging.test.ts";
import "../segments.test.ts";
import "../shadow.test.ts";
import "../strings.test.ts";
import "../tasks.test.ts";
import "../translations.test.ts";
import type { SystemCase } from "../../support/system/system-case.ts";
import { SYSTEM_SUITES } from "../../support/system/system-suite.ts";

export interface AskedCase {
  readonly suite: string;
  /** Suite and title. */
  readonly name: string;
  readonly each: SystemCase;
}

export function allCases(): AskedCase[] {
  return [...SYSTEM_SUITES].flatMap(([suite, cases]) =>
    cases.map((each) => ({ suite, name: `${suite}: ${each.title}`, each })),
  );
}
