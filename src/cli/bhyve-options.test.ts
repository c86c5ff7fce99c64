// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { BHYVE } from "./bhyve-command.ts";
import { parseBhyveOptions } from "./bhyve-options.ts";
import { getoptLong } from "./getopt-long.ts";

const LETTERS = [..."abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"];

/** Whether bhyve knows the option and does not say that it cannot do it. Its argument, if it takes one, is "vm". */
function takes(letter: string): boolean {
  try {
    parseBhyveOptions([`-${letter}`, "vm"]);
  } catch (error) {
    return !/^illegal option|not supported/.test(String((error as Error).message));
  }
  return true;
}

/** The command line's variables as `config.dump` shows them, without the name. */
function dumped(line: string): string[] {
  const words = line.split(" ").filter((word) => word !== "");
  return parseBhyveOptions([...words, "vm"])
    .dump()
    .split("\n")
    .filter((text) => text !== "" && text !== "name=vm");
}

describe("bhyve's command line", () => {
  it.each([
    [
      "2012",
      "-c 1 -m 512 -g 0 -P -H -x -I -s 0:0,hostbridge -s 1,virtio-blk,/d -S 31,uart,stdio",
      "the bvm debug port (-g) is not supported",
    ],
    ["2012", "-B", "a breakpoint at the guest's entry (-B) is not supported"],
    ["2012", "-b", "the bvm console (-b) is not supported: use -l com1,stdio"],
    ["13", "-G 1234", "the gdb stub (-G) is not supported yet"],
    ["15", "-n id=0,size=1G,cpus=0", "NUMA domains (-n) need a boot ROM"],
    ["13", "-p x:y", "invalid vcpu pinning 'x:y': expected vcpu:hostcpu"],
    ["any", "-c 2,sockets=x", "invalid cpu topology '2,sockets=x'"],
    ["any", "-s 1,lpc -s 0:1:0,lpc", "pci slot 0:1:0 already occupied!"],
    ["any", "-Z", "illegal option -- Z"],
    ["any", "-m", "option requires an argument -- m"],
  ])("%s: refuses %s", (_era, line, message) => {
    const words = line === "-m" ? ["-m"] : [...line.split(" "), "vm"];
    expect(() => parseBhyveOptions(words)).toThrow(message);
  });

  it("of 2012 has slots at ISA addresses, memory in two parts, pins and slices", () => {
    expect(dumped("-m 512 -M 256 -p 3 -t 200 -z 100 -n slots -a -S 31,uart,stdio")).toEqual([
      "memory.size=768M",
      "pci.0.31.0.device=uart",
      "pci.0.31.0.legacy=true",
      "pci.0.31.0.path=stdio",
      "x86.x2apic=false",
    ]);
  });

  it("of 10.x clusters its flags", () => {
    expect(dumped("-AHPuw -W -Y -c 1 -p 0:2 -p 0:3 -U 1-2 -l com1,stdio")).toEqual([
      "acpi_tables=true",
      "cpus=1",
      "lpc.com1.path=stdio",
      "rtc.use_localtime=false",
      "uuid=1-2",
      "vcpu.0.cpuset=2,3",
      "virtio_msix=false",
      "x86.mptable=false",
      "x86.strictmsr=false",
      "x86.vmexit_on_hlt=true",
      "x86.vmexit_on_pause=true",
    ]);
  });

  it("of 13.x has topology, variables and wired memory", () => {
    expect(dumped("-SDCe -c cpus=1,sockets=1,cores=1 -o a.b=c=d -K default -m 1g")).toEqual([
      "a.b=c=d",
      "cores=1",
      "cpus=1",
      "destroy_on_poweroff=true",
      "keyboard.layout=default",
      "memory.guest_in_core=true",
      "memory.size=1g",
      "memory.wired=true",
      "sockets=1",
      "x86.strictio=true",
    ]);
  });
});

describe("bhyve's help", () => {
  it("names the options that are taken, and no others", () => {
    const named = [...BHYVE.usage.matchAll(/(?<![-\w])-([A-Za-z]+)(?!\w)/g)];
    const letters = new Set(named.flatMap(([, cluster]) => [...cluster!]));
    // bhyve answers -h before it looks at the others.
    letters.delete("h");
    expect([...letters].sort()).toEqual(LETTERS.filter(takes).sort());
  });
});

describe("long options", () => {
  const OPTIONS = [
    { name: "vm", hasArgument: true },
    { name: "get-cr0", hasArgument: false },
    { name: "get-cr2", hasArgument: false },
    { name: "get-cr", hasArgument: false },
  ];

  it("take their argument behind = or as the next word, and operands stand anywhere", () => {
    const { values, operands } = getoptLong(
      ["x", "--vm", "--odd", "y", "--get-cr", "--", "--vm"],
      OPTIONS,
    );
    expect([...values]).toEqual([
      ["vm", "--odd"],
      ["get-cr", ""],
    ]);
    expect(operands).toEqual(["x", "y", "--vm"]);
    expect(getoptLong(["--vm=a=b", "--vm="], OPTIONS).values.get("vm")).toBe("");
  });

  it("may be abbreviated while that is clear", () => {
    expect([...getoptLong(["--get-cr2", "--v=1"], OPTIONS).values.keys()]).toEqual([
      "get-cr2",
      "vm",
    ]);
    expect(() => getoptLong(["--get-"], OPTIONS)).toThrow("option `--get-' is ambiguous");
  });
});
