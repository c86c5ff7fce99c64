// SPDX-License-Identifier: BSD-2-Clause
// A kernel that crashes takes nothing along: what is left of it can be looked at.
import { guestDisk, Vmm, VmmError } from "tshyve";

const vmm = await Vmm.create({ memory: "64M", disks: [guestDisk("teach")] });
await vmm.load({ kind: "freebsd" });
const running = vmm.run();
await vmm.console.waitFor("teach> ");
vmm.console.send("triple\r");

try {
  await vmm.console.waitFor("teach> ", { timeout: "10s" });
} catch (error) {
  if (!(error instanceof VmmError)) throw error;
  console.log(`${error.code}: ${error.message.split("\n")[0]}`);
}
console.log(await running);
console.log(vmm.backtrace().join("\n"));
console.log(`${vmm.stats()["number of vm exits due to exceptions"]} exceptions`);
await vmm.destroy();
