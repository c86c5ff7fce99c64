// SPDX-License-Identifier: BSD-2-Clause
// Boots a small kernel from a disk image, and talks to it at its prompt.
import { guestDisk, Vmm } from "tshyve";

const vmm = await Vmm.create({ memory: "64M", disks: [guestDisk("teach")] });
await vmm.load({ kind: "freebsd" });
const running = vmm.run();

for (const command of ["mem", "disk write hello", "disk"]) {
  const prompt = await vmm.console.waitFor("teach> ");
  vmm.console.send(`${command}\r`);
  // What stands before the next prompt is the answer.
  const next = await vmm.console.waitFor("teach> ", { after: prompt.end });
  console.log(vmm.console.text.slice(prompt.end, next.start));
  // The next wait shall find this prompt again.
  vmm.console.send("\r");
}

await vmm.console.waitFor("teach> ");
vmm.console.send("poweroff\r");
console.log(await running);
await vmm.destroy();
