// SPDX-License-Identifier: BSD-2-Clause
// Command lines that are wrong: each gets one sentence and bhyve's status, and changes nothing. bhyve.8, bhyveload.8,
// bhyvectl.8 and their sources for statuses and words; docs/errors.md for what to do.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CommandRoom } from "../support/commands.ts";
import { commandOf, contentsOf, expectComplaint, type Mistake } from "../support/complaints.ts";
import { POWERED_OFF_GUEST } from "../support/small-guests.ts";

let room: CommandRoom;
beforeAll(async () => {
  room = new CommandRoom();
  room.file("text", "text\n");
  room.file(
    "noise",
    Uint8Array.from({ length: 3000 }, (_, i) => (i * 167) % 251 || 7),
  );
  room.file("bad.conf", "acpi_tables=yes\nno equals sign\n");
  room.file("verb.script", "expect ready\nfrob\n");
  room.file("pattern.script", "expect /(/\n");
  await room.load("vm", POWERED_OFF_GUEST);
  await room.run("bhyvectl", ["--vm=empty", "--create"]);
}, 60_000);
afterAll(() => room.close());

const usage = (line: string, says: string | RegExp, status = 1): Mistake => ({
  line,
  status,
  says,
  hasUsage: true,
});
const of = (status: number) => (line: string, says: string | RegExp) => ({ line, status, says });
/** bhyve's and tshyve run's for an error before the run. */
const refused = of(4);
/** sysexits(3)'s EX_USAGE. */
const wrongValue = of(64);
const failed = of(1);
/** libvmmapi's -1, from bhyvectl. */
const denied = of(255);

const MISTAKES: Readonly<Record<string, readonly Mistake[]>> = {
  tshyve: [
    usage("tshyve", "expected a command"),
    usage("tshyve frob", "'frob' is not a command"),
    usage("tshyve kldload", "kldload takes the name of one module: vmm"),
    usage("tshyve kldload vmm vmm", "kldload takes the name of one module: vmm"),
    failed("tshyve kldload nmdm", "can't load nmdm: there is no such module, only vmm"),
    failed("tshyve kldunload nmdm", "can't unload nmdm: there is no such module, only vmm"),
    failed("tshyve kldunload vmm", "can't unload vmm: 2 VMs exist (empty, vm); destroy with"),
    usage("tshyve ls vm", "ls takes no arguments, not 'vm'"),
    usage("tshyve kldstat -v", "kldstat takes no arguments, not '-v'"),
  ],
  bhyveload: [
    usage("bhyveload", "expected the name of one VM"),
    usage("bhyveload a b", "expected the name of one VM"),
    usage("bhyveload -q vm", "illegal option -- q"),
    usage("bhyveload -m", "option requires an argument -- m"),
    wrongValue("bhyveload -m 0 vm", "invalid memsize '0': a machine has 32 MiB to 3584 MiB"),
    wrongValue("bhyveload -m 31m vm", "invalid memsize '31m': a machine has 32 MiB"),
    wrongValue("bhyveload -m 4g vm", "invalid memsize '4g': a machine has 32 MiB"),
    wrongValue("bhyveload -m -5 vm", "invalid memsize '-5'"),
    wrongValue("bhyveload -m 1.5g vm", "invalid memsize '1.5g': expected MiB, or a number with"),
    wrongValue("bhyveload -m 99999999999999999999t vm", "a machine has 32 MiB to 3584 MiB"),
    wrongValue("bhyveload -d /no/disk vm", "cannot open /no/disk: there is no such file"),
    wrongValue("bhyveload -d . vm", "cannot open .: it is not a regular file"),
    wrongValue("bhyveload -d /dev/zero vm", "cannot open /dev/zero: it is not a regular file"),
    wrongValue("bhyveload -h /no/dir vm", "cannot use the directory /no/dir: there is no such"),
    wrongValue("bhyveload -h /dev/null vm", "the directory /dev/null: it is not a directory"),
    wrongValue("bhyveload -h '' vm", "cannot use the directory '': there is no such file"),
    wrongValue("bhyveload -c /dev/nmdm0A vm", "console /dev/nmdm0A: only stdio is supported"),
    wrongValue("bhyveload -l /boot/u.so vm", "the loader is built in: -l has nothing to load"),
    wrongValue("bhyveload -e novalue vm", "invalid variable 'novalue': expected name=value"),
    wrongValue("bhyveload -e =value vm", "invalid variable '=value': expected name=value"),
    failed("bhyveload ../vm", "'../vm' cannot be the name of a VM: it contains a slash"),
    failed("bhyveload ''", "'' cannot be the name of a VM: it is empty"),
    failed("bhyveload .vm", "'.vm' cannot be the name of a VM: it starts with a dot"),
    failed("bhyveload a\nb", "it contains a control character"),
    failed(`bhyveload ${"n".repeat(230)}`, "cannot be the name of a VM: it is longer than 229"),
  ],
  linuxload: [
    usage("tshyve linuxload", "expected the name of one VM"),
    usage("tshyve linuxload vm", "expected a kernel, -k"),
    usage("tshyve linuxload -k vm.elf a b", "expected the name of one VM"),
    failed("tshyve linuxload -k vm.elf -m 5 vm", "invalid memsize '5'"),
    failed("tshyve linuxload -k vm.elf a/b", "'a/b' cannot be the name of a VM"),
  ],
  bhyve: [
    usage("bhyve", "expected the name of a VM"),
    usage("bhyve vm other", "expected the name of one VM, got also other"),
    usage("bhyve -q vm", "illegal option -- q"),
    usage("bhyve -s", "option requires an argument -- s"),
    refused("bhyve nosuch", "VM nosuch does not exist: run bhyveload first"),
    refused("bhyve empty", "virtual machine empty cannot be booted: no kernel is loaded; run bhyv"),
    refused("bhyve ../vm", "'../vm' cannot be the name of a VM"),
    refused("bhyve -c x vm", "invalid cpu topology 'x'"),
    refused("bhyve -c 0 vm", "Invalid value '0' for variable 'cpus'"),
    refused("bhyve -c 2 vm", "2 vCPUs requested but only 1 available"),
    refused("bhyve -c cpus=1,cores=2 vm", "does not match 1 vCPUs"),
    refused("bhyve -m 5 vm", "invalid memsize '5': a machine has 32 MiB"),
    refused("bhyve -m lots vm", "invalid memsize 'lots'"),
    refused("bhyve -m 64 vm", "Unable to setup memory (22): VM vm was loaded with 32 MiB, not 64"),
    refused("bhyve -s 1 vm", 'Invalid PCI slot info field "1": expected slot,device[,options]'),
    refused("bhyve -s 32,lpc vm", 'Invalid PCI slot info field "32"'),
    refused("bhyve -s 3:8,lpc vm", 'Invalid PCI slot info field "3:8"'),
    refused("bhyve -s 1:2:3:4,lpc vm", 'Invalid PCI slot info field "1:2:3:4"'),
    refused("bhyve -s 3,lpc -s 3,lpc vm", "pci slot 0:3:0 already occupied!"),
    refused("bhyve -s 30,lpc -s 31,lpc vm", "Only one LPC bridge is allowed."),
    refused("bhyve -l com9,stdio vm", "invalid lpc device configuration 'com9,stdio' (-l help"),
    refused("bhyve -s 31,lpc -l pc-testdev,x vm", 'pc-testdev has no option "x"'),
    refused("bhyve -M x vm", "invalid memsize 'x': expected MiB"),
    refused("bhyve -U zzz vm", '"zzz" is not a UUID such as'),
    refused("bhyve -p 0:x vm", "invalid vcpu pinning '0:x': expected vcpu:hostcpu"),
    refused("bhyve -n 0,256M,0 vm", "NUMA domains (-n) need a boot ROM"),
    refused("bhyve -b vm", "the bvm console (-b) is not supported: use -l com1,stdio"),
    refused("bhyve -k /no/such.conf vm", "cannot read /no/such.conf: there is no such file"),
    refused("bhyve -k /dev vm", "cannot read /dev: it is a directory"),
    refused("bhyve -k @bad.conf vm", /bad.conf line 2: invalid config option 'no equals sign'/),
    refused("bhyve -k @noise vm", /noise line \d+: invalid config option/),
    refused("bhyve -o novalue vm", "invalid configuration option 'novalue': expected name=value"),
    refused("bhyve -o engine=fast vm", "Invalid value 'fast' for variable 'engine': expected in"),
    refused("bhyve -o acpi_tables=maybe vm", "Invalid value 'maybe' for boolean variable"),
    refused("bhyve -o seed=1e300 vm", "Invalid value '1e300' for variable 'seed': expected a wh"),
    refused("bhyve -o pci.0.99.0.device=lpc vm", 'Invalid PCI slot info field "0:99:0"'),
    refused("bhyve -o uuid=%(uuid) vm", "configuration variables refer to each other"),
  ],
  bhyvectl: [
    usage("bhyvectl", "--vm=<vmname> is required"),
    usage("bhyvectl --vm", "option `--vm' requires an argument"),
    usage("bhyvectl --vm=vm --frob", "unrecognized option `--frob'"),
    usage("bhyvectl --vm=vm --get-r", "option `--get-r' is ambiguous"),
    usage("bhyvectl --vm=vm --get-rip=3", "option `--get-rip' doesn't allow an argument"),
    usage("bhyvectl --vm=vm -x", "illegal option -- x"),
    failed("bhyvectl --vm=nosuch --get-rip", "vm_open: nosuch could not be opened: No such file"),
    failed("bhyvectl --vm=nosuch --destroy", "vm_open: nosuch could not be opened: No such file"),
    failed("bhyvectl --vm=a/b --create", "'a/b' cannot be the name of a VM"),
    denied("bhyvectl --vm=vm --create", "VM vm exists already"),
    denied("bhyvectl --vm=vm --set-rip=x", "--set-rip takes a number, not 'x'"),
    denied("bhyvectl --vm=vm --set-rip=0x1ffffffffffffffff", "--set-rip takes 64 bits, not"),
    denied("bhyvectl --vm=vm --set-cr0=0xffffffffffffffff", "cr0 cannot be 0xffffffffffffffff"),
    denied("bhyvectl --vm=vm --cpu=3 --get-rip", "VM vm has no vCPU 3: only 0"),
    denied("bhyvectl --vm=vm --setcap=1", "--setcap needs --capname"),
    denied("bhyvectl --vm=vm --setcap=1 --capname=x", "'x' is no capability: expected hlt_exit"),
    denied("bhyvectl --vm=vm --getcap --capname=x", "'x' is no capability: expected hlt_exit"),
    denied("bhyvectl --vm=vm --assert-lapic-lvt=9", "the local APIC has no LVT 9"),
    denied("bhyvectl --vm=vm --set-mem=64", "VM vm has 32 MiB of memory already"),
    denied("bhyvectl --vm=empty --set-mem=5", "guest memory of 6291456 bytes is outside 32 MiB"),
    denied("bhyvectl --vm=empty --force-reset", "VM empty has no memory yet: give it some with"),
    denied("bhyvectl --vm=vm --get-vmcs-link", "--get-vmcs-link: this machine runs without"),
    denied("bhyvectl --vm=vm --set-rtc-nvram=1 --rtc-nvram-offset=500", "rtc nvram[500] cannot"),
  ],
  "tshyve run, backtrace and jit": [
    usage("tshyve run", "expected one of --freebsd, --linux and --guest", 64),
    usage("tshyve run --linux vm.elf --guest teach", "expected one of --freebsd, --linux", 64),
    usage("tshyve run --frob", "Unknown option '--frob'", 64),
    usage("tshyve run --linux", "Option '--linux <value>' argument missing", 64),
    usage("tshyve run --linux vm.elf operand", /Unexpected argument 'operand'$/, 64),
    usage("tshyve run --guest teach --initrd x", "--initrd, --append and --system-map go", 64),
    usage("tshyve run --linux vm.elf --timeout -5s", "a dash, use '--timeout=-XYZ'", 64),
    usage("tshyve run --replay x --guest teach", "as it was: leave --guest away", 64),
    usage("tshyve run --replay x --timeout 5s", "as it was: leave --timeout away", 64),
    usage("tshyve run --replay x -- reboot", "as it was: leave a command away", 64),
    usage("tshyve run --linux vm.elf --capsule x --no-capsule", "cannot be together", 64),
    refused("tshyve run --guest plan9", "there is no guest 'plan9': expected teach"),
    refused("tshyve run --linux vm.elf --expect /(/", "/(/ is no expression"),
    refused("tshyve run --linux vm.elf --expect ''", "an empty text is always there"),
    refused("tshyve run --linux vm.elf --timeout soon", "'soon' is not a duration: expected a"),
    refused("tshyve run --linux vm.elf --max-instructions 0", "'0' is not a number of instr"),
    refused("tshyve run --linux vm.elf --script /no/such", "cannot read the script /no/such"),
    refused("tshyve run --linux vm.elf --script @verb.script", "line 2: 'frob' is not known"),
    refused("tshyve run --linux vm.elf --script @pattern.script", "line 1: /(/ is no expression"),
    refused("tshyve run --linux vm.elf -s frob", 'Invalid PCI slot info field "frob"'),
    refused("tshyve run --linux vm.elf -l frob", "invalid lpc device configuration 'frob'"),
    refused("tshyve run --linux vm.elf -o x", "invalid configuration option 'x': expected name"),
    refused("tshyve run --linux vm.elf -m 5", "invalid memsize '5'"),
    refused("tshyve run --replay /no", "cannot read the failure capsule /no/capsule.json"),
    usage("tshyve backtrace", "expected the name of one VM"),
    failed("tshyve backtrace nosuch", "VM nosuch does not exist"),
    failed("tshyve backtrace -s @text vm", /text names no text symbol: it is no System.map/),
    usage("tshyve jit", "expected the name of one VM: --vm=name"),
    usage("tshyve jit --vm=vm --address=start", "'start' is not an address: expected 0x and up to"),
    usage("tshyve jit --vm=vm --hot=few", "'few' is no number of places: expected up to 10000"),
    usage("tshyve jit --vm=vm --hot --seconds=0", "'0' is no number of seconds: expected up to"),
    usage("tshyve jit --vm=vm --hot --by=moon", "'moon' is nothing to list: expected block, unit,"),
    usage("tshyve jit --vm=vm --hot --address=0x1000", "--address does not go with --hot"),
    usage("tshyve jit --vm=vm --by=page", "--by goes with --hot"),
    failed("tshyve jit --vm=vm --hot", "VM vm does not run: where a guest spends its time shows"),
    failed("tshyve jit --vm=nosuch", "VM nosuch does not exist"),
    failed(
      "tshyve jit --vm=vm --address=0x7fffffffffffffff",
      "no memory is mapped at 0x7fffffffffffffff",
    ),
  ],
};

describe.each(Object.keys(MISTAKES))("%s, given what is wrong,", (command) => {
  it.each(MISTAKES[command]!.map((mistake) => [mistake.line.slice(0, 70), mistake] as const))(
    "says so: %s",
    async (_line, mistake) => {
      const before = contentsOf(room, ["vmm"]);
      const [name, args] = commandOf(mistake);
      // A file of the room's.
      const words = args.map((word) => (word.startsWith("@") ? room.path(word.slice(1)) : word));
      const says = typeof mistake.says === "string" ? literally(mistake.says) : mistake.says;
      expectComplaint({ ...mistake, says }, await room.run(name, words));
      expect(contentsOf(room, ["vmm"])).toEqual(before);
    },
  );
});

it("there are mistakes enough", () => {
  expect(Object.values(MISTAKES).flat().length).toBeGreaterThan(100);
});

function literally(text: string): RegExp {
  return new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
}
