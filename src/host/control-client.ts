// SPDX-License-Identifier: BSD-2-Clause
import net from "node:net";
import { VmmError } from "../base/errors.ts";
import type { VmReply, VmRequest } from "./vm-protocol.ts";

const TIMEOUT_MS = 10_000;

/** Asks the runner behind a socket. Throws ERR_VM_STATE if nobody answers, or what it answers with. */
export function askRunner(path: string, kind: VmRequest["kind"]): Promise<VmReply> {
  return new Promise((resolve, reject) => {
    const fail = (reason: string) =>
      reject(new VmmError("ERR_VM_STATE", `the VM's runner does not answer: ${reason}`));
    let text = "";
    const socket = net.connect(path, () => socket.write(`${JSON.stringify({ kind })}\n`));
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error("it is too busy")));
    socket.on("error", (error) => fail(error.message));
    socket.on("data", (chunk) => {
      text += chunk.toString("utf8");
    });
    socket.on("end", () => {
      try {
        const reply = JSON.parse(text) as VmReply | { error: string };
        if ("error" in reply) fail(reply.error);
        else resolve(reply);
      } catch {
        fail("it ended");
      }
    });
  });
}
