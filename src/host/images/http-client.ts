// SPDX-License-Identifier: BSD-2-Clause
// One GET, over redirects and through proxies, with what goes wrong as one sentence.
import http from "node:http";
import https from "node:https";
import tls from "node:tls";
import { VmmError } from "../../base/errors.ts";
import {
  type Environment,
  openTunnel,
  proxyFailure,
  proxyFor,
  proxyHeaders,
  proxyRefusal,
} from "./proxy.ts";

export interface HttpOptions {
  readonly env: Environment;
  /** A server that says nothing for so long is given up. */
  readonly idleMs: number;
}

const MOST_REDIRECTS = 8;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

const REASONS: Readonly<Record<string, string>> = {
  ENOTFOUND: "its name is not known: is there a network?",
  EAI_AGAIN: "its name cannot be looked up: is there a network?",
  ECONNREFUSED: "it refuses connections",
  ECONNRESET: "it broke the connection",
  ENETUNREACH: "there is no way to it: is there a network?",
  EHOSTUNREACH: "there is no way to it: is there a network?",
  ETIMEDOUT: "it does not answer",
  CERT_HAS_EXPIRED: "its certificate has expired",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is signed by nobody else",
  SELF_SIGNED_CERT_IN_CHAIN:
    "its certificate is signed by somebody unknown (NODE_EXTRA_CA_CERTS names a file of such)",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    "its certificate is signed by somebody unknown (NODE_EXTRA_CA_CERTS names a file of such)",
};

/**
 * The answer to a GET: of status 2xx or 416, to be read by the caller. Rejects with ERR_NOT_FOUND for 404 and 410, with
 * ERR_IO for all else.
 */
export async function httpGet(
  address: string,
  headers: Readonly<Record<string, string>>,
  options: HttpOptions,
): Promise<http.IncomingMessage> {
  let url = parseUrl(address);
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
    const response = await getOnce(url, headers, options);
    const status = response.statusCode ?? 0;
    if ((status >= 200 && status < 300) || status === 416) return response;
    response.resume();
    const { location } = response.headers;
    if (!REDIRECTS.has(status) || location === undefined) throw refusal(url, status);
    url = redirected(url, location);
  }
  throw new VmmError("ERR_IO", `${address} leads from one place to the next without end`);
}

function parseUrl(address: string): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url?.protocol === "https:" || url?.protocol === "http:") return url;
  throw new VmmError("ERR_BAD_OPTION", `'${address}' is not the address of an HTTP server`);
}

function redirected(from: URL, location: string): URL {
  const to = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  const isSafe =
    to?.protocol === "https:" || (to?.protocol === "http:" && from.protocol === "http:");
  if (to !== undefined && isSafe) return to;
  throw new VmmError("ERR_IO", `${from.href} leads to a place that is not as safe: ${location}`);
}

function refusal(url: URL, status: number): VmmError {
  if (status === 404 || status === 410) {
    return new VmmError("ERR_NOT_FOUND", `${url.href} does not exist (${status})`);
  }
  return new VmmError("ERR_IO", `${url.href} cannot be had: its server answers with ${status}`);
}

async function getOnce(
  url: URL,
  headers: Readonly<Record<string, string>>,
  { env, idleMs }: HttpOptions,
): Promise<http.IncomingMessage> {
  const proxy = proxyFor(url, env);
  const own = { "user-agent": "tshyve", "accept-encoding": "identity", ...headers };
  if (proxy === undefined) {
    const get = url.protocol === "https:" ? https.get : http.get;
    return answer(get(url, { headers: own }), url, idleMs);
  }
  if (url.protocol === "https:") {
    const target = `${url.hostname}:${url.port || 443}`;
    const socket = await openTunnel(proxy, target, idleMs);
    const createConnection = () => tls.connect({ socket, servername: url.hostname });
    return answer(https.get(url, { headers: own, agent: false, createConnection }), url, idleMs);
  }
  const { hostname, port } = proxy;
  const through = { ...own, ...proxyHeaders(proxy), host: url.host };
  const request = http.get({ hostname, port, path: url.href, headers: through });
  const response = await answer(request, url, idleMs).catch((error: VmmError) => {
    throw proxyFailure(proxy, (error.cause as Error | undefined) ?? error);
  });
  if (response.statusCode === 407) throw proxyRefusal(proxy, 407);
  return response;
}

function answer(
  request: http.ClientRequest,
  url: URL,
  idleMs: number,
): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.setTimeout(idleMs, () => {
      request.destroy(Object.assign(new Error("timeout"), { code: "ETIMEDOUT" }));
    });
    request.on("response", resolve);
    request.on("error", (cause: NodeJS.ErrnoException) => reject(connectionError(url, cause)));
  });
}

/** What Node says of a connection, as one sentence. */
export function connectionError(url: URL, cause: NodeJS.ErrnoException): VmmError {
  const why = REASONS[cause.code ?? ""] ?? (cause.message || cause.code || "it cannot be reached");
  return new VmmError("ERR_IO", `cannot get ${url.href}: ${url.host}: ${why}`, { cause });
}
