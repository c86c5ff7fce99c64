// SPDX-License-Identifier: BSD-2-Clause
// Where a running VM listens for bhyvectl: a socket in its entry, one JSON line a request, one a reply.
import fs from "node:fs";
import net from "node:net";
import { VmmError } from "../base/errors.ts";
import { type ControlReply, checkControlRequest } from "../vmm/control-protocol.ts";
import { socketAddress } from "./socket-address.ts";
import type { VmThread } from "./vm-thread.ts";

const LONGEST_LINE = 64 * 1024;

export interface ControlServer {
  close(): void;
}

/** Serves until it is closed. Where no socket can be made, the VM goes without one. */
export async function serveControl(path: string, thread: VmThread): Promise<ControlServer> {
  fs.rmSync(path, { force: true });
  const server = net.createServer((socket) => serve(socket, thread));
  const address = socketAddress(path);
  await new Promise<void>((resolve) => {
    server.once("error", () => resolve());
    server.listen(address.path, () => resolve());
  });
  server.unref();
  return {
    close: () => {
      server.close();
      address.close();
      fs.rmSync(path, { force: true });
    },
  };
}

function serve(socket: net.Socket, thread: VmThread): void {
  let text = "";
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk) => {
    text += chunk.toString("utf8");
    if (text.length > LONGEST_LINE) socket.destroy();
    const end = text.indexOf("\n");
    if (end < 0) return;
    void answer(text.slice(0, end), thread).then((reply) =>
      socket.end(`${JSON.stringify(reply)}\n`),
    );
    text = text.slice(end + 1);
  });
}

async function answer(line: string, thread: VmThread): Promise<ControlReply> {
  try {
    return await thread.request(checkControlRequest(JSON.parse(line)));
  } catch (error) {
    if (error instanceof VmmError) {
      return { kind: "error", code: error.code, message: error.message };
    }
    return { kind: "error", code: "ERR_BAD_OPTION", message: `not a request: ${line}` };
  }
}
