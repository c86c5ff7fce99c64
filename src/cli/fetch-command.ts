// SPDX-License-Identifier: BSD-2-Clause
// tshyve images, tshyve fetch: disks and kernels that others publish, checked and kept.
import { CATALOG, findImage } from "../host/images/catalog.ts";
import { cacheDirectory, ImageCache } from "../host/images/image-cache.ts";
import { FetchProgress } from "./fetch-progress.ts";
import { UsageError } from "./getopt.ts";
import { parseWords } from "./parse-words.ts";
import type { CommandFrame } from "./run-main.ts";

export const IMAGES: CommandFrame = {
  name: "tshyve images",
  usage: `usage: tshyve images

Lists images that "tshyve fetch" knows, and where those are that have been fetched. Any other release of FreeBSD
goes by its number, too: freebsd-14.1.
`,
  usageStatus: 1,
  errorStatus: 1,
};

export const FETCH: CommandFrame = {
  name: "tshyve fetch",
  usage: `usage: tshyve fetch [--mirror url] image

Downloads an image of "tshyve images", checks it against the checksums that its publisher gives, unpacks it, and
prints where it is. What was fetched before is only printed; what broke off goes on where it was.

  --mirror url   a server with the same paths below this URL as the publisher has; also for the checksums

Images are kept in TSHYVE_CACHE, or in tshyve below XDG_CACHE_HOME or ~/.cache; remove them as you like. Proxies are
those of https_proxy, http_proxy, all_proxy and no_proxy. A fetched disk is a base for any number of VMs, each with
an overlay of its own:

  disk=$(tshyve fetch freebsd-14.3)
  bhyveload -m 1g -d $disk,overlay=vm0.qcow2 vm0
  bhyve -A -m 1g -s 0,hostbridge -s 3,virtio-blk,$disk,overlay=vm0.qcow2 -s 31,lpc -l com1,stdio vm0
`,
  usageStatus: 1,
  errorStatus: 1,
};

export function images(argv: readonly string[]): number {
  if (argv.length > 0) throw new UsageError("there is nothing to say but: tshyve images");
  const cache = new ImageCache();
  for (const entry of CATALOG) {
    process.stdout.write(`${entry.name.padEnd(22)}${entry.description}\n`);
    for (const file of cache.find(entry) ?? []) process.stdout.write(`${" ".repeat(22)}${file}\n`);
  }
  process.stdout.write(`\nFetched images are in ${cacheDirectory()}.\n`);
  return 0;
}

export async function fetchImage(argv: readonly string[]): Promise<number> {
  const { name, mirror } = parse(argv);
  const progress = new FetchProgress({
    isTerminal: process.stderr.isTTY === true,
    write: (text) => void process.stderr.write(text),
    now: () => performance.now(),
  });
  try {
    const paths = await new ImageCache().fetch(findImage(name), {
      env: process.env,
      mirror,
      report: (step) => progress.report(step),
    });
    progress.end();
    for (const path of paths) process.stdout.write(`${path}\n`);
    return 0;
  } finally {
    progress.end();
  }
}

function parse(argv: readonly string[]): { name: string; mirror: string | undefined } {
  const { values, positionals } = parseWords({
    args: [...argv],
    options: { mirror: { type: "string" } },
    allowPositionals: true,
  });
  const [name, ...rest] = positionals;
  if (name === undefined || rest.length > 0) throw new UsageError("expected the name of one image");
  return { name, mirror: values.mirror };
}
