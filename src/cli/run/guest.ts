// SPDX-License-Identifier: BSD-2-Clause
// From a request to a VM with its guest in memory.
import fs from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { VmmError } from "../../base/errors.ts";
import { hostError } from "../../host/host-error.ts";
import { type LoadRequest, Vmm } from "../../host/vmm.ts";
import type { RunRequest } from "./request.ts";

/** Guests that come with tshyve: disk images, relative to dist/. */
const EMBEDDED: Readonly<Record<string, string>> = { teach: "../images/teach/teach.img.gz" };

export interface PreparedGuest {
  readonly vmm: Vmm;
  readonly load: LoadRequest;
  /** Files of the host that the guest comes from. */
  readonly files: readonly string[];
}

/** An empty VM, and what to load. `name` is what its firmware's UUID is made from. */
export async function prepareGuest(request: RunRequest, name: string): Promise<PreparedGuest> {
  const { guest, devices, lpc, memory } = request;
  const disk = diskOf(request);
  const vmm = await Vmm.create({
    name,
    devices,
    lpc,
    variables: request.variables,
    snapshot: !request.writesDisks,
    ...(request.variables["clock"] === "host" ? { clock: "host" as const } : {}),
    ...(memory === undefined ? {} : { memory }),
    ...(disk === undefined || isAttached(request, disk) ? {} : { disks: [disk] }),
  });
  const images = devices.flatMap(imageOf);
  if (guest.kind !== "linux") {
    const files = typeof disk === "string" ? [disk, ...images] : images;
    return { vmm, load: { kind: "freebsd", disks: [disk!] }, files: [...new Set(files)] };
  }
  const { kernel, initrd, systemMap } = guest;
  const load: LoadRequest = {
    kind: "linux",
    kernel,
    commandLine: commandLine(request),
    ...(initrd === undefined ? {} : { initrd }),
    ...(systemMap === undefined ? {} : { systemMap }),
  };
  return { vmm, load, files: [kernel, ...(initrd === undefined ? [] : [initrd]), ...images] };
}

/** Linux hands everything behind `--` to init. */
function commandLine({ guest, command }: RunRequest): string {
  const append = (guest.kind === "linux" ? guest.append : undefined) ?? "console=ttyS0";
  return command.length === 0 ? append : `${append} -- ${command.join(" ")}`;
}

/** The disk that FreeBSD's loader starts from. */
function diskOf({ guest }: RunRequest): string | Uint8Array | undefined {
  if (guest.kind === "freebsd") return guest.image;
  return guest.kind === "embedded" ? embeddedDisk(guest.name) : undefined;
}

function embeddedDisk(name: string): Uint8Array {
  const file = Object.hasOwn(EMBEDDED, name) ? EMBEDDED[name]! : undefined;
  if (file === undefined) {
    const known = Object.keys(EMBEDDED).join(", ");
    throw new VmmError("ERR_BAD_OPTION", `there is no guest '${name}': expected ${known}`);
  }
  const url = new URL(file, import.meta.url);
  try {
    return new Uint8Array(gunzipSync(fs.readFileSync(url)));
  } catch (cause) {
    throw hostError(`unpack ${fileURLToPath(url)}`, cause);
  }
}

/** True if -s attaches the image already. */
function isAttached({ devices }: RunRequest, disk: string | Uint8Array): boolean {
  return devices.flatMap(imageOf).some((image) => image === disk);
}

/** The image in a -s option. */
function imageOf(device: string): string[] {
  const match = /^[^,]+,virtio-blk,([^,]+)/.exec(device);
  return match === null ? [] : [match[1]!];
}
