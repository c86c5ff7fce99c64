// SPDX-License-Identifier: BSD-2-Clause
// What the menu's switches mean: the variables behind them. FreeBSD: stand/lua/core.lua, stand/forth/menu-commands.4th.
import type { Environment } from "./environment.ts";
import type { Loader } from "./loader.ts";

const SAFE_MODE = [
  ["kern.smp.disabled", "1"],
  ["hw.ata.ata_dma", "0"],
  ["hw.ata.atapi_dma", "0"],
  ["hw.ata.wc", "0"],
  ["hw.eisa_slots", "0"],
  ["kern.eventtimer.periodic", "1"],
  ["kern.geom.part.check_integrity", "0"],
] as const;

/** A switch of the menu: its state is in the variables, so that commands at the prompt agree with it. */
export interface MenuSwitch {
  isOn(environment: Environment): boolean;
  set(environment: Environment, isOn: boolean): void;
}

function yesVariable(name: string): MenuSwitch {
  return {
    isOn: (environment) => (environment.get(name) ?? "no").toLowerCase() !== "no",
    set: (environment, isOn) => (isOn ? environment.set(name, "YES") : environment.discard(name)),
  };
}

export const SINGLE_USER = yesVariable("boot_single");
export const VERBOSE = yesVariable("boot_verbose");

export const SAFE: MenuSwitch = {
  isOn: (environment) => environment.has("kern.smp.disabled"),
  set: (environment, isOn) => {
    for (const [name, value] of SAFE_MODE) {
      if (isOn) environment.set(name, value);
      else environment.discard(name);
    }
  },
};

export const ACPI: MenuSwitch = {
  isOn: (environment) => (environment.get("hint.acpi.0.disabled") ?? "0") === "0",
  set: (environment, isOn) => {
    environment.set("hint.acpi.0.disabled", isOn ? "0" : "1");
    if (isOn) {
      environment.set("acpi_load", "YES");
      environment.discard("loader.acpi_disabled_by_user");
    } else {
      environment.discard("acpi_load");
      environment.set("loader.acpi_disabled_by_user", "1");
    }
  },
};

/** What boot_serial and boot_multicons say about the kernel's console. */
export function consoleName(environment: Environment): string {
  const isSerial = environment.has("boot_serial");
  if (environment.has("boot_multicons")) {
    return isSerial ? "Dual (Serial primary)" : "Dual (Video primary)";
  }
  return isSerial ? "Serial" : "Video";
}

/** Video, dual with serial first, dual with video first, serial, and around. */
export function nextConsole(environment: Environment): void {
  const isSerial = environment.has("boot_serial");
  const isDual = environment.has("boot_multicons");
  if (isSerial) environment.discard("boot_serial");
  else environment.set("boot_serial", "YES");
  if (isDual && !isSerial) environment.discard("boot_multicons");
  if (!isDual && !isSerial) environment.set("boot_multicons", "YES");
}

/**
 * The kernels to choose from, the default one first: the variable `kernels`, and with kernels_autodetect every
 * directory below /boot with a file `kernel`.
 */
export function kernelNames(loader: Loader): string[] {
  const { environment, face, files } = loader;
  const names: string[] = [];
  const byDefault = environment.get("kernel");
  if (byDefault) names.push(byDefault);
  const list = environment.get("kernels") ?? (face === "forth" ? "kernel kernel.old" : "");
  names.push(...list.split(/[;,\s]+/).filter((name) => name !== ""));
  if (environment.isYes("kernels_autodetect")) {
    const found = files.namesIn("/boot");
    names.push(...found.filter((name) => files.isFile(`/boot/${name}/kernel`)));
  }
  return [...new Set(names)];
}
