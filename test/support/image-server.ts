// SPDX-License-Identifier: BSD-2-Clause
// A publisher's server for tests: files by path, ranges as RFC 9110 14.2 has them, and whatever trouble a test wants.
import { createHash } from "node:crypto";
import http from "node:http";
import type { AddressInfo } from "node:net";

export interface ServedRequest {
  readonly url: string;
  readonly range: string | undefined;
  readonly status: number;
}

/** What the server does with one answer: breaks it off or stops behind so many bytes, or answers with a status. */
export type Trouble =
  | { readonly cutAt: number }
  | { readonly stallAt: number }
  | { readonly status: number; readonly location?: string };

export class ImageServer {
  readonly files = new Map<string, Uint8Array>();
  readonly requests: ServedRequest[] = [];
  /** Done once each, in this order, to requests for paths that end so. */
  readonly troubles: { readonly path: string; readonly trouble: Trouble }[] = [];
  /** False: the server sends no word for a file's version, and knows no ranges. */
  hasVersions = true;
  readonly #server: http.Server;

  private constructor() {
    this.#server = http.createServer((request, response) => this.#serve(request, response));
  }

  static async start(): Promise<ImageServer> {
    const server = new ImageServer();
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get root(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** Files in a directory, with a checksum file in BSD's form. */
  publish(directory: string, files: Readonly<Record<string, Uint8Array>>): void {
    const lines = Object.entries(files).map(([name, bytes]) => {
      this.files.set(`/${directory}${name}`, bytes);
      return `SHA512 (${name}) = ${createHash("sha512").update(bytes).digest("hex")}\n`;
    });
    this.files.set(`/${directory}CHECKSUM.SHA512`, Buffer.from(lines.join("")));
  }

  #serve(request: http.IncomingMessage, response: http.ServerResponse): void {
    // A proxy is asked for whole URLs.
    const url = request.url ?? "";
    const path = new URL(url, this.root).pathname;
    const bytes = this.files.get(path);
    const index = this.troubles.findIndex((each) => path.endsWith(each.path));
    const trouble = index < 0 ? undefined : this.troubles.splice(index, 1)[0]!.trouble;
    const { range } = request.headers;
    const answer = (status: number, headers: http.OutgoingHttpHeaders = {}) => {
      this.requests.push({ url, range, status });
      response.writeHead(status, headers);
    };
    if (trouble !== undefined && "status" in trouble) {
      answer(trouble.status, trouble.location === undefined ? {} : { location: trouble.location });
      response.end();
    } else if (bytes === undefined) {
      answer(404);
      response.end("no such file");
    } else this.#send(request, response, { bytes, answer, trouble });
  }

  #send(
    request: http.IncomingMessage,
    response: http.ServerResponse,
    file: {
      bytes: Uint8Array;
      answer: (status: number, headers: http.OutgoingHttpHeaders) => void;
      trouble: Exclude<Trouble, { status: number }> | undefined;
    },
  ): void {
    const { bytes, answer, trouble } = file;
    const etag = `"${createHash("md5").update(bytes).digest("hex")}"`;
    const versions = this.hasVersions ? { etag } : {};
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    const isRange = this.hasVersions && start > 0 && request.headers["if-range"] === etag;
    if (isRange && start >= bytes.length) {
      answer(416, { "content-range": `bytes */${bytes.length}` });
      response.end();
      return;
    }
    const body = isRange ? bytes.subarray(start) : bytes;
    const place = isRange
      ? { "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` }
      : {};
    answer(isRange ? 206 : 200, { ...versions, ...place, "content-length": body.length });
    if (trouble === undefined) response.end(body);
    else if ("stallAt" in trouble) response.write(body.subarray(0, trouble.stallAt));
    else response.write(body.subarray(0, trouble.cutAt), () => response.destroy());
  }
}
