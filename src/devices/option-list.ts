// SPDX-License-Identifier: BSD-2-Clause
// `name=value,flag,…`: how bhyve's devices take their options. bhyve_config(5), pci_parse_legacy_config.
import { VmmError } from "../base/errors.ts";

/** Options by name; a flag without a value is `true`. Later ones win. An empty text has none. */
export function parseOptionList(text: string | undefined): Map<string, string | true> {
  const options = new Map<string, string | true>();
  for (const item of (text ?? "").split(",")) {
    if (item === "") continue;
    const equals = item.indexOf("=");
    if (equals < 0) options.set(item, true);
    else options.set(item.slice(0, equals), item.slice(equals + 1));
  }
  return options;
}

/** Takes a flag out of `options`; false if it is absent. Throws ERR_BAD_OPTION for a strange value. */
export function takeFlag(options: Map<string, string | true>, name: string): boolean {
  const value = options.get(name) ?? "false";
  options.delete(name);
  if (value === true || /^(true|yes|on|1)$/i.test(value)) return true;
  if (/^(false|no|off|0)$/i.test(value)) return false;
  throw new VmmError(
    "ERR_BAD_OPTION",
    `Invalid value "${value}" for boolean variable ${name}: expected true or false`,
  );
}

/** Takes a value out of `options`; undefined if it is absent. Throws ERR_BAD_OPTION for a bare flag. */
export function takeValue(options: Map<string, string | true>, name: string): string | undefined {
  const value = options.get(name);
  options.delete(name);
  if (value === true)
    throw new VmmError("ERR_BAD_OPTION", `option ${name} needs a value: ${name}=…`);
  return value;
}

/** Throws ERR_BAD_OPTION, naming `device`, if any option was not taken. */
export function requireNoMore(options: ReadonlyMap<string, string | true>, device: string): void {
  for (const name of options.keys()) {
    throw new VmmError("ERR_BAD_OPTION", `${device} has no option "${name}"`);
  }
}
