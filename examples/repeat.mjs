// SPDX-License-Identifier: BSD-2-Clause
// Runs the same guest twice with the same input: time, instructions and every byte of the state agree.
import { guestDisk, Vmm } from "tshyve";

async function once() {
  const vmm = await Vmm.create({ name: "twin", memory: "64M", disks: [guestDisk("teach")] });
  await vmm.load({ kind: "freebsd" });
  const running = vmm.run();
  await vmm.console.waitFor("teach> ");
  vmm.console.send("time\r");
  await vmm.console.waitFor("teach> ");
  vmm.pause();
  await running;
  const { instructions, guestTimeNs } = vmm;
  const state = vmm.stateDigest();
  await vmm.destroy();
  return { instructions, guestTimeNs, state };
}

const [first, second] = [await once(), await once()];
console.log(first);
console.log(second.state === first.state ? "the same again" : "something else");
