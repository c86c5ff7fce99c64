// SPDX-License-Identifier: BSD-2-Clause
// Where a running VM listens for bhyvectl: a socket in its entry, one JSON line a request, one a reply.
import fs from "node:fs";
import net from "node:net";
import type { VmReply, VmRequest } from "./vm-protocol.ts";
import type { VmThread } from "./vm-thread.ts";

const KINDS: ReadonlySet<VmRequest["kind"]> = new Set([
  "force-reset",
  "force-poweroff",
  "power-button",
  "nmi",
  "stop",
  "stats",
  "registers",
] as const);
const LONGEST_LINE = 4096;

export interface ControlServer {
  close(): void;
}

/** Serves until it is closed. A path too long for a socket leaves the VM without one, not without a life. */
export async function serveControl(path: string, thread: VmThread): Promise<ControlServer> {
  fs.rmSync(path, { force: true });
  const server = net.createServer((socket) => serve(socket, thread));
  await new Promise<void>((resolve) => {
    server.once("error", () => resolve());
    server.listen(path, () => resolve());
  });
  server.unref();
  return {
    close: () => {
      server.close();
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

async function answer(line: string, thread: VmThread): Promise<VmReply | { error: string }> {
  try {
    const { kind } = JSON.parse(line) as { kind: VmRequest["kind"] };
    if (!KINDS.has(kind)) return { error: `unknown request ${String(kind)}` };
    const reply = await thread.request(kind);
    return reply;
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
