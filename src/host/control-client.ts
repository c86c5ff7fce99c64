// SPDX-License-Identifier: BSD-2-Clause
import net from "node:net";
import { VmmError } from "../base/errors.ts";
import type { ControlReply, ControlRequest } from "../vmm/control-protocol.ts";
import { socketAddress } from "./socket-address.ts";

const TIMEOUT_MS = 10_000;

/** Asks the runner behind a socket. Throws ERR_VM_BUSY if nobody answers, or what it answers with. */
export async function askRunner(path: string, request: ControlRequest): Promise<ControlReply> {
  const address = socketAddress(path);
  try {
    return await exchange(address.path, request);
  } finally {
    address.close();
  }
}

function exchange(path: string, request: ControlRequest): Promise<ControlReply> {
  return new Promise((resolve, reject) => {
    const fail = (reason: string) =>
      reject(new VmmError("ERR_VM_BUSY", `the VM's runner does not answer: ${reason}`));
    let text = "";
    const socket = net.connect(path, () => socket.write(`${JSON.stringify(request)}\n`));
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error("it is too busy")));
    socket.on("error", (error) => fail(error.message));
    socket.on("data", (chunk) => {
      text += chunk.toString("utf8");
    });
    socket.on("end", () => {
      try {
        const reply = JSON.parse(text) as ControlReply;
        if (reply.kind === "error") reject(new VmmError(reply.code, reply.message));
        else resolve(reply);
      } catch {
        fail("it ended");
      }
    });
  });
}
