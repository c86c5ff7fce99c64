// SPDX-License-Identifier: BSD-2-Clause
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { equalBytes } from "../../../test/support/bytes.ts";
import { ImageServer } from "../../../test/support/image-server.ts";
import { SeededRandom } from "../../../test/support/random.ts";
import { plainXz } from "../../../test/support/xz-file.ts";
import { processIdentity } from "../process-identity.ts";
import { CATALOG, findImage, type ImageEntry } from "./catalog.ts";
import { cacheDirectory, type FetchStep, ImageCache } from "./image-cache.ts";
import type { Environment } from "./proxy.ts";

const ENTRY: ImageEntry = findImage("freebsd-14.3");
const PLACE = "14.3-RELEASE/amd64/Latest/";
const FILE = "FreeBSD-14.3-RELEASE-amd64-ufs.raw.xz";
/** Something, a megabyte of nothing, something. */
const DISK = Buffer.concat([
  new SeededRandom(1).bytes(100_000),
  Buffer.alloc(1_100_000),
  new SeededRandom(2).bytes(70_000),
]);

let server: ImageServer;
let directory: string;
let steps: FetchStep[];

beforeEach(async () => {
  server = await ImageServer.start();
  server.publish(PLACE, {
    "FreeBSD-14.3-RELEASE-amd64-zfs.raw.xz": plainXz(Buffer.from("z")),
    [FILE]: plainXz(DISK),
  });
  directory = fs.mkdtempSync(path.join(os.tmpdir(), "images-"));
  steps = [];
});

afterEach(() => {
  server.close();
  fs.rmSync(directory, { recursive: true });
});

const folder = () => path.join(directory, "images", "freebsd-14.3");

function fetchIt(options: { entry?: ImageEntry; env?: Environment; mirror?: string } = {}) {
  const { entry = ENTRY, env = {}, mirror = server.root } = options;
  const report = (step: FetchStep) => steps.push(step);
  return new ImageCache(directory).fetch(entry, { env, mirror, report, idleMs: 2000, retryMs: 1 });
}

/** Requests for the image itself. */
const gets = () => server.requests.filter(({ url }) => url.endsWith(FILE));

describe("fetching an image", () => {
  it("downloads, checks, unpacks, and does none of it twice", async () => {
    const cache = new ImageCache(directory);
    expect(cache.find(ENTRY)).toBeUndefined();
    const paths = await fetchIt();
    expect(paths).toEqual([path.join(folder(), "FreeBSD-14.3-RELEASE-amd64-ufs.raw")]);
    expect(equalBytes(fs.readFileSync(paths[0]!), DISK)).toBe(true);
    expect([...new Set(steps.map(({ what }) => what))]).toEqual([
      "downloading",
      "checking",
      "unpacking",
    ]);
    expect(steps.at(-1)).toMatchObject({ done: plainXz(DISK).length, total: plainXz(DISK).length });
    expect(fs.readdirSync(folder()).sort()).toEqual(
      [path.basename(paths[0]!), "complete.json"].sort(),
    );
    const { length } = server.requests;
    expect(await fetchIt()).toEqual(paths);
    expect(cache.find(ENTRY)).toEqual(paths);
    expect(server.requests).toHaveLength(length);
  });

  it.runIf(process.platform === "linux")("leaves holes where the image has zeroes", async () => {
    const [disk] = await fetchIt();
    const { blocks, size } = fs.statSync(disk!);
    expect(size).toBe(DISK.length);
    expect(blocks * 512).toBeLessThan(400_000);
  });

  it("goes on where a broken connection left it", async () => {
    server.troubles.push({ path: FILE, trouble: { cutAt: 50_000 } });
    server.troubles.push({ path: FILE, trouble: { cutAt: 70_000 } });
    const [disk] = await fetchIt();
    expect(equalBytes(fs.readFileSync(disk!), DISK)).toBe(true);
    const ranges = gets().map(({ range, status }) => [range, status]);
    expect(ranges[0]).toEqual([undefined, 200]);
    expect(
      ranges
        .slice(1)
        .every(([range, status]) => /^bytes=\d+-$/.test(String(range)) && status === 206),
    ).toBe(true);
    expect(ranges.length).toBeGreaterThan(1);
  });

  it("goes on where an earlier process ended, unless the file is another one now", async () => {
    for (let i = 0; i < 9; i++)
      server.troubles.push({ path: FILE, trouble: { cutAt: i === 0 ? 40_000 : 0 } });
    await expect(fetchIt()).rejects.toThrow(/kept for the next time/);
    const part = path.join(folder(), `${FILE}.part`);
    expect(fs.statSync(part).size).toBeGreaterThan(0);
    server.troubles.length = 0;
    const other = Buffer.from(DISK).fill(7, 0, 1000);
    server.publish(PLACE, { [FILE]: plainXz(other) });
    const [disk] = await fetchIt();
    expect(gets().at(-1)).toMatchObject({ range: expect.stringMatching(/^bytes=/), status: 200 });
    expect(equalBytes(fs.readFileSync(disk!), other)).toBe(true);
  });

  it("begins again where the server knows no ranges", async () => {
    server.hasVersions = false;
    server.troubles.push({ path: FILE, trouble: { cutAt: 30_000 } });
    const [disk] = await fetchIt();
    expect(equalBytes(fs.readFileSync(disk!), DISK)).toBe(true);
    expect(gets().map(({ status }) => status)).toEqual([200, 200]);
  });

  it("follows redirects", async () => {
    server.troubles.push({
      path: FILE,
      trouble: { status: 302, location: `${server.root}elsewhere/${FILE}` },
    });
    server.files.set(`/elsewhere/${FILE}`, plainXz(DISK));
    const [disk] = await fetchIt();
    expect(equalBytes(fs.readFileSync(disk!), DISK)).toBe(true);
    expect(gets().map(({ status }) => status)).toEqual([302, 200]);
  });

  it("goes through a proxy, with its user and password", async () => {
    const env = { http_proxy: server.root.replace("//", "//user:p%40ss@") };
    const mirror = "http://mirror.invalid/";
    const [disk] = await fetchIt({ env, mirror });
    expect(equalBytes(fs.readFileSync(disk!), DISK)).toBe(true);
    expect(gets()[0]!.url).toBe(`${mirror}${PLACE}${FILE}`);
  });

  it("fetches entries of several files, with checksums as GNU's tools write them", async () => {
    const entry = findImage("debian-12-installer");
    const place = "dists/bookworm/main/installer-amd64/current/images/";
    const files = { linux: Buffer.from("kernel"), "initrd.gz": Buffer.from("disk") };
    server.publish(`${place}netboot/debian-installer/amd64/`, files);
    const sums = [
      "a08bcbd2b9f2d3a2a8d4e8b6a1c3dd4fbd2ff0ad9c2ac3a6cc8e4a7ee4f7f6d3  ./netboot/gtk/debian-installer/amd64/linux",
      `${await sha256(files.linux)}  ./netboot/debian-installer/amd64/linux`,
      `${await sha256(files["initrd.gz"])}  ./netboot/debian-installer/amd64/initrd.gz`,
    ];
    server.files.set(`/${place}SHA256SUMS`, Buffer.from(sums.join("\n")));
    const paths = await fetchIt({ entry });
    expect(paths.map((each) => path.basename(each))).toEqual(["linux", "initrd.gz"]);
    expect(fs.readFileSync(paths[0]!, "utf8")).toBe("kernel");
  });

  it("looks into the archive for what the first place no longer has", async () => {
    const archived: ImageEntry = {
      ...ENTRY,
      places: [
        { root: server.root, path: "gone/" },
        { root: server.root, path: PLACE },
      ],
    };
    const cache = new ImageCache(directory);
    const [disk] = await cache.fetch(archived, { env: {}, report: () => {} });
    expect(equalBytes(fs.readFileSync(disk!), DISK)).toBe(true);
  });
});

async function sha256(bytes: Uint8Array): Promise<string> {
  return Buffer.from(await crypto.subtle.digest("SHA-256", Uint8Array.from(bytes))).toString("hex");
}

describe("what goes wrong is one sentence:", () => {
  const nothingThere = () => fs.existsSync(path.join(folder(), "complete.json")) === false;

  it("a release that does not exist", async () => {
    await expect(fetchIt({ entry: findImage("freebsd-19.7") })).rejects.toThrow(
      `${server.root}19.7-RELEASE/amd64/Latest/CHECKSUM.SHA512 does not exist (404)`,
    );
  });

  it("another file than was published, which is thrown away", async () => {
    server.files.set(`/${PLACE}${FILE}`, plainXz(Buffer.from("something else")));
    await expect(fetchIt()).rejects.toThrow(
      /FreeBSD-14.3-RELEASE-amd64-ufs.raw.xz is not what its publisher's CHECKSUM.SHA512 says \(sha512 \w{16}…, expected \w{16}…\): it was thrown away, fetch it again$/,
    );
    expect(fs.readdirSync(folder())).toEqual([]);
  });

  it("a damaged file that its publisher has published", async () => {
    const packed = plainXz(DISK);
    packed.fill(1, packed.length - 20);
    server.publish(PLACE, { [FILE]: packed });
    await expect(fetchIt()).rejects.toThrow(/ufs\.raw\.xz\.part is damaged: /);
    expect(fs.readdirSync(folder()).filter((name) => /raw$|unpacked/.test(name))).toEqual([]);
  });

  it("a checksum file that names something else", async () => {
    server.files.set(`/${PLACE}CHECKSUM.SHA512`, Buffer.from("<html>hello</html>"));
    await expect(fetchIt()).rejects.toThrow("CHECKSUM.SHA512 names no file that is wanted");
  });

  it.each([
    [500, "cannot be had: its server answers with 500"],
    [403, "cannot be had: its server answers with 403"],
    [404, "does not exist (404)"],
  ])("status %i", async (status, sentence) => {
    server.troubles.push({ path: FILE, trouble: { status } });
    await expect(fetchIt()).rejects.toThrow(sentence);
    expect(nothingThere()).toBe(true);
  });

  it("redirects without end, or to something unsafe", async () => {
    for (let i = 0; i < 20; i++) {
      server.troubles.push({ path: FILE, trouble: { status: 301, location: FILE } });
    }
    await expect(fetchIt()).rejects.toThrow("leads from one place to the next without end");
    server.troubles.length = 0;
    server.troubles.push({ path: FILE, trouble: { status: 301, location: "file:///etc/passwd" } });
    await expect(fetchIt()).rejects.toThrow(
      "leads to a place that is not as safe: file:///etc/passwd",
    );
  });

  it("a server that cannot be reached", async () => {
    const port = await freePort();
    await expect(fetchIt({ mirror: `http://127.0.0.1:${port}/` })).rejects.toThrow(
      `127.0.0.1:${port}: it refuses connections`,
    );
    await expect(fetchIt({ mirror: "gopher://x/" })).rejects.toThrow(
      "is not the address of an HTTP",
    );
  });

  it("a server that falls silent", async () => {
    const silent = net
      .createServer((socket) => socket.on("error", () => {}))
      .listen(0, "127.0.0.1");
    await new Promise((resolve) => silent.once("listening", resolve));
    const { port } = silent.address() as net.AddressInfo;
    try {
      const report = () => {};
      const options = {
        env: {},
        mirror: `http://127.0.0.1:${port}/`,
        report,
        idleMs: 50,
        retryMs: 1,
      };
      await expect(new ImageCache(directory).fetch(ENTRY, options)).rejects.toThrow(
        "it does not answer",
      );
    } finally {
      silent.close();
    }
  });

  it("a proxy that is not there, refuses, or is of another kind", async () => {
    const proxy = `127.0.0.1:${await freePort()}`;
    const mirror = "http://mirror.invalid/";
    await expect(fetchIt({ mirror, env: { http_proxy: proxy } })).rejects.toThrow(
      `the proxy ${proxy}, which the environment names, cannot be reached`,
    );
    const secure = "https://mirror.invalid/";
    await expect(fetchIt({ mirror: secure, env: { https_proxy: proxy } })).rejects.toThrow(
      `the proxy ${proxy}, which the environment names, cannot be reached`,
    );
    await expect(fetchIt({ mirror, env: { all_proxy: "socks5://h:1" } })).rejects.toThrow(
      "socks5://h:1 cannot be the proxy: only http:// proxies are supported",
    );
    server.troubles.push({ path: "CHECKSUM.SHA512", trouble: { status: 407 } });
    await expect(fetchIt({ mirror, env: { http_proxy: server.root } })).rejects.toThrow(
      "refuses with status 407: it wants a user and a password in its URL",
    );
  });

  it.runIf(fs.existsSync("/dev/full"))("a full disk, which leaves the way open", async () => {
    fs.mkdirSync(folder(), { recursive: true });
    const part = path.join(folder(), `${FILE}.part`);
    fs.symlinkSync("/dev/full", part);
    await expect(fetchIt()).rejects.toThrow(`cannot write ${part}: the host's disk is full`);
    fs.rmSync(part);
    fs.symlinkSync("/dev/full", path.join(folder(), FILE.replace(/xz$/, "unpacked")));
    await expect(fetchIt()).rejects.toThrow("the host's disk is full");
    expect(await fetchIt()).toHaveLength(1);
    // The second had the whole download of the first.
    expect(gets().at(-1)).toMatchObject({ status: 416 });
  });

  it("a cache that cannot be", async () => {
    fs.writeFileSync(path.join(directory, "images"), "a file");
    await expect(fetchIt()).rejects.toThrow(/^cannot make .*freebsd-14\.3: /);
  });

  it("somebody else who is at it; somebody who died at it is nobody", async () => {
    fs.mkdirSync(folder(), { recursive: true });
    const lock = path.join(folder(), "lock");
    fs.writeFileSync(lock, JSON.stringify(processIdentity()));
    await expect(fetchIt()).rejects.toThrow(
      `process ${process.pid} is fetching into ${folder()} already: wait for it`,
    );
    fs.writeFileSync(lock, JSON.stringify({ ...processIdentity(), started: "long ago" }));
    expect(await fetchIt()).toHaveLength(1);
    expect(fs.existsSync(lock)).toBe(false);
  });
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as net.AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}

describe("the catalogue", () => {
  it("has each name once, and knows other releases of FreeBSD by their numbers", () => {
    const names = CATALOG.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual(expect.arrayContaining(["freebsd-14.3", "debian-12-installer"]));
    expect(findImage("freebsd-14.1").places[0]!.path).toBe("14.1-RELEASE/amd64/Latest/");
    expect(() => findImage("plan9")).toThrow(`'plan9' is no image: "tshyve images" lists them`);
  });

  it("asks publishers over safe connections only", () => {
    const roots = CATALOG.flatMap(({ places }) => places.map(({ root }) => root));
    expect(roots.filter((root) => !/^https:\/\/[^?]*\/$/.test(root))).toEqual([]);
  });
});

it("the cache is where the user's environment says", () => {
  expect(cacheDirectory({ TSHYVE_CACHE: "/a", XDG_CACHE_HOME: "/b" })).toBe("/a");
  expect(cacheDirectory({ XDG_CACHE_HOME: "/b" })).toBe("/b/tshyve");
  expect(cacheDirectory({})).toBe(path.join(os.homedir(), ".cache", "tshyve"));
});
