// SPDX-License-Identifier: BSD-2-Clause
// Proxies as everybody's environment names them: http_proxy, https_proxy, all_proxy, no_proxy, also in capitals
// (but for HTTP_PROXY, which a CGI server's clients can set).
import http from "node:http";
import type { Socket } from "node:net";
import { VmmError } from "../../base/errors.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** The proxy for a URL; undefined if there is none for it. Throws ERR_UNSUPPORTED for one that is not of HTTP. */
export function proxyFor(url: URL, env: Environment): URL | undefined {
  if (isExempt(url, env["no_proxy"] ?? env["NO_PROXY"] ?? "")) return undefined;
  const own =
    url.protocol === "https:" ? (env["https_proxy"] ?? env["HTTPS_PROXY"]) : env["http_proxy"];
  const text = own ?? env["all_proxy"] ?? env["ALL_PROXY"];
  if (text === undefined || text === "") return undefined;
  const proxy = URL.canParse(text) && text.includes("://") ? new URL(text) : undefined;
  const bare = proxy ?? (URL.canParse(`http://${text}`) ? new URL(`http://${text}`) : undefined);
  if (bare?.protocol === "http:") return bare;
  const shown =
    bare === undefined ? "what the environment names" : `${bare.protocol}//${bare.host}`;
  const sentence = `${shown} cannot be the proxy: only http:// proxies are supported`;
  throw new VmmError("ERR_UNSUPPORTED", sentence);
}

function isExempt({ hostname }: URL, list: string): boolean {
  return list.split(/[\s,]+/).some((item) => {
    const suffix = item
      .replace(/^\*?\./, "")
      .replace(/:\d+$/, "")
      .toLowerCase();
    if (suffix === "") return false;
    return suffix === "*" || hostname === suffix || hostname.endsWith(`.${suffix}`);
  });
}

/** The header that logs in to a proxy whose URL has a user. */
export function proxyHeaders(proxy: URL): Record<string, string> {
  if (proxy.username === "") return {};
  const user = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return { "proxy-authorization": `Basic ${Buffer.from(user).toString("base64")}` };
}

/** A connection through the proxy (RFC 9110 9.3.6). Rejects with ERR_IO if the proxy refuses. */
export function openTunnel(proxy: URL, target: string, timeoutMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const headers = { host: target, ...proxyHeaders(proxy) };
    const { hostname, port } = proxy;
    const request = http.request({ method: "CONNECT", hostname, port, path: target, headers });
    request.setTimeout(timeoutMs, () => request.destroy(new Error("it was silent")));
    request.on("connect", (response, socket) => {
      if (response.statusCode === 200) resolve(socket as Socket);
      else {
        socket.destroy();
        reject(proxyRefusal(proxy, response.statusCode ?? 0));
      }
    });
    request.on("error", (cause) => reject(proxyFailure(proxy, cause)));
    request.end();
  });
}

/** A status of 407 or worse, from the proxy and not from the server. */
export function proxyRefusal(proxy: URL, status: number): VmmError {
  const help = status === 407 ? "it wants a user and a password in its URL" : "ask who runs it";
  return new VmmError("ERR_IO", `the proxy ${proxy.host} refuses with status ${status}: ${help}`);
}

export function proxyFailure(proxy: URL, cause: Error): VmmError {
  const sentence = `the proxy ${proxy.host}, which the environment names, cannot be reached: ${cause.message}`;
  return new VmmError("ERR_IO", sentence, { cause });
}
