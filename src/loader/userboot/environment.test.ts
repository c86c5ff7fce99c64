// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { CommandError } from "./command-error.ts";
import { Environment, putHostVariables } from "./environment.ts";

describe("the loader's variables", () => {
  it("come out sorted by name, upper case first", () => {
    const environment = new Environment();
    for (const name of ["kernel", "LINES", "boot_serial", "hint.uart.0.at"]) {
      environment.set(name, "x");
    }
    expect(Array.from(environment, ([name]) => name)).toEqual([
      "LINES",
      "boot_serial",
      "hint.uart.0.at",
      "kernel",
    ]);
  });

  it("are set by the first = of an assignment, and are empty without one", () => {
    const environment = new Environment();
    environment.put("a=b=c");
    environment.put("alone");
    expect(environment.get("a")).toBe("b=c");
    expect(environment.get("alone")).toBe("");
  });

  it("can be unset once", () => {
    const environment = new Environment();
    environment.set("a", "1");
    environment.unset("a");
    expect(environment.has("a")).toBe(false);
    expect(() => environment.unset("a")).toThrow(CommandError);
  });

  it("with hooks may change, keep or refuse a value, and refuse to go", () => {
    const environment = new Environment();
    environment.guard("console", "userboot", {
      canUnset: false,
      onSet: (value) => {
        if (value === "bad") throw new CommandError("operation not permitted");
        return value === "ignored" ? undefined : value.toLowerCase();
      },
    });
    environment.set("console", "ignored");
    expect(environment.get("console")).toBe("userboot");
    environment.set("console", "ComConsole");
    expect(environment.get("console")).toBe("comconsole");
    expect(() => environment.set("console", "bad")).toThrow("operation not permitted");
    expect(() => environment.unset("console")).toThrow("operation not permitted");
    environment.discard("console");
    expect(environment.get("console")).toBe("comconsole");
  });
});

it("a variable that doubles again and again ends as an error, and the rest stays usable", () => {
  const environment = new Environment();
  environment.set("a", "x");
  const double = () => environment.set("a", environment.get("a")!.repeat(2));
  expect(() => {
    for (let i = 0; i < 64; i++) double();
  }).toThrow("no room for variable 'a'");
  environment.unset("a");
  environment.set("b", "y".repeat(1000));
  expect(environment.get("b")).toHaveLength(1000);
});

it("-e settings: the first one given wins, and each beats bhyveload's own", () => {
  const environment = new Environment();
  environment.guard("loaddev", "disk0:", {
    canUnset: false,
    onSet: () => {
      throw new CommandError("operation not permitted");
    },
  });
  const refused: string[] = [];
  putHostVariables(
    environment,
    {
      own: ["smbios.bios.vendor=BHYVE", "boot_serial=1"],
      given: ["a=first", "a=second", "boot_serial=NO", "loaddev=disk1:"],
    },
    (assignment, reason) => refused.push(`${assignment}: ${reason}`),
  );
  expect(refused).toEqual(["loaddev=disk1:: operation not permitted"]);
  expect([...environment]).toEqual([
    ["a", "first"],
    ["boot_serial", "NO"],
    ["loaddev", "disk0:"],
    ["smbios.bios.vendor", "BHYVE"],
  ]);
});
