// SPDX-License-Identifier: BSD-2-Clause
// Stops a kernel at a function, looks at registers, stack and memory, and goes on step by step.
import { guestDisk, Vmm } from "tshyve";

const vmm = await Vmm.create({ memory: "64M", disks: [guestDisk("teach")] });
await vmm.load({ kind: "freebsd" });

vmm.setBreakpoint("pci_init");
console.log(await vmm.run());
console.log(vmm.backtrace().join("\n"));

const rsp = vmm.readRegister("rsp");
const bytes = vmm.memory.readVirtual(rsp, 8);
console.log(`rsp 0x${rsp.toString(16)}, and there: ${Buffer.from(bytes).toString("hex")}`);

for (let i = 0; i < 3; i++) {
  await vmm.step();
  console.log(`${vmm.instructions} instructions, rip 0x${vmm.readRegister("rip").toString(16)}`);
}
await vmm.destroy();
