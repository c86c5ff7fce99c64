// SPDX-License-Identifier: BSD-2-Clause
// Everything that a user or another process hands over as text: command lines, configuration files, scripts, capsules,
// requests to a runner. Damaged, each is understood or refused in a sentence. FUZZ_ROUNDS and FUZZ_SEED go further.
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { VmmError } from "../../src/base/errors.ts";
import { parseBhyveOptions } from "../../src/cli/bhyve-options.ts";
import { BHYVECTL_OPTIONS } from "../../src/cli/bhyvectl-options.ts";
import { printable } from "../../src/cli/complain.ts";
import { getoptLong } from "../../src/cli/getopt-long.ts";
import { readCapsule } from "../../src/cli/run/capsule.ts";
import { parseRunOptions } from "../../src/cli/run/options.ts";
import { parseScript } from "../../src/cli/run/script.ts";
import { Config } from "../../src/vmm/config.ts";
import { checkControlRequest } from "../../src/vmm/control-protocol.ts";
import { machineConfig } from "../../src/vmm/machine-config.ts";
import { mutated, noiseBehind } from "../support/mutation.ts";
import { SeededRandom } from "../support/random.ts";

const { FUZZ_ROUNDS = "100", FUZZ_SEED = "8" } = process.env;
const ROUNDS = 10 * Number(FUZZ_ROUNDS);
const SEED = Number(FUZZ_SEED);
const LONGEST_ROUND_MS = 2000;

const folder = fs.mkdtempSync(join(tmpdir(), "tshyve-text-"));
afterAll(() => fs.rmSync(folder, { recursive: true }));

const configFile = `# a machine
name=vm
acpi_tables=yes
memory.size=%(size)
size=64M
pci.0.0.0.device=hostbridge
pci.0.3.0.device=virtio-blk
pci.0.3.0.path=/tmp/disk\\.img
pci.0.31.0.device=lpc
lpc.com1.path=stdio
uuid=00112233-4455-6677-8899-aabbccddeeff
cpus=1
clock=virtual
seed=5
bios.vendor=BHYVE
`;

const commandLines = [
  "-A -H -P -s 0:0,hostbridge -s 1:0,lpc -s 2:0,virtio-net,tap0 -l com1,stdio -c 1 -m 1024M vm",
  "-A -I -m 1024 -s 0:0,virtio-blk,diskdev -S 31,uart,stdio -p 0 guest0",
  "-c cpus=1,sockets=1,cores=1,threads=1 -o x=y -U 00112233-4455-6677-8899-aabbccddeeff -W vm",
];
const runLines = [
  "--linux kernel --initrd x --append console=ttyS0 --expect /a+b/ --fail text --timeout 90s -- a b",
  "--guest teach --max-instructions 1_000 --capsule d -s 3,virtio-blk,x -l com1,stdio -o a=b -m 64M",
];
const script = "expect /login: $/\ntype root\nsend a\\x03\nsleep 2s\ntimeout 30s\nfail panic\n";
const requests = [
  '{"kind":"set-register","register":"rax","value":"0x55"}',
  '{"kind":"set-descriptor","register":"cs","base":"0x0","limit":4294967295,"access":155}',
  '{"kind":"set-capability","capability":"hlt_exit","isSet":true}',
  '{"kind":"backtrace","symbols":"/boot/System.map"}',
  '{"kind":"unit","address":"0xffffffff80000000"}',
];
const capsule = JSON.stringify({
  format: 1,
  name: "run",
  request: {
    guest: { kind: "linux", kernel: "kernel" },
    devices: [],
    lpc: [],
    variables: {},
    expect: ["x"],
    fail: [],
    command: [],
    isPanicFatal: true,
    writesDisks: false,
  },
  verdict: { kind: "early", message: "m", status: 8 },
  outcome: { kind: "suspended", how: "reset" },
  instructions: 5,
  guestNs: 5,
  inputs: [{ instructions: 1, guestNs: 1, bytes: "AA==" }],
  stateDigest: "00",
});

const machine = (config: Config) => void machineConfig(config);

function readsCapsule(text: string): void {
  fs.writeFileSync(join(folder, "capsule.json"), text);
  readCapsule(folder);
}

const parsers: readonly (readonly [
  what: string,
  samples: readonly string[],
  parse: (text: string) => void,
])[] = [
  [
    "configuration file",
    [configFile],
    (text) => {
      const config = new Config();
      config.setFile("file", text);
      machine(config);
    },
  ],
  ["command line of bhyve", commandLines, (text) => machine(parseBhyveOptions(text.split(" ")))],
  ["command line of tshyve run", runLines, (text) => void parseRunOptions(text.split(" "))],
  [
    "command line of bhyvectl",
    ["--vm=vm --cpu=0 --set-rip=0x10 --get-all", "--vm vm --get-stats x --destroy"],
    (text) => void getoptLong(text.split(" "), BHYVECTL_OPTIONS),
  ],
  ["script", [script], (text) => void parseScript("script", text)],
  ["failure capsule", [capsule], readsCapsule],
  [
    "request to a runner",
    requests,
    (text) => {
      let value: unknown;
      try {
        value = JSON.parse(text);
      } catch {
        return;
      }
      checkControlRequest(value);
    },
  ],
];

describe.each(parsers)("a %s", (_what, samples, parse) => {
  it.each(samples)("that is intact is understood: %s", (sample) => {
    expect(() => parse(sample)).not.toThrow();
  });

  it(`that is damaged is understood or refused, ${ROUNDS} times`, { timeout: 600_000 }, () => {
    const random = new SeededRandom(SEED);
    let refused = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const sample = new TextEncoder().encode(random.pick(samples));
      const bytes =
        random.below(5) === 0 ? noiseBehind(sample, 300, random) : mutated(sample, random);
      const text = new TextDecoder().decode(bytes);
      const began = performance.now();
      try {
        parse(text);
      } catch (error) {
        const isSentence = error instanceof VmmError && error.code !== "ERR_INTERNAL";
        if (!isSentence)
          throw new Error(`round ${round}, ${JSON.stringify(text)}`, { cause: error });
        expect(printable(error.message).length).toBeLessThan(1100);
        refused++;
      }
      expect(performance.now() - began, `ms of round ${round}`).toBeLessThan(LONGEST_ROUND_MS);
    }
    expect(refused).toBeGreaterThan(0);
  });
});
