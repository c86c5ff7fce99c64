// SPDX-License-Identifier: BSD-2-Clause
// From a request to a VM with its guest in memory.
import { parseImagePath } from "../../devices/virtio/block/options.ts";
import { guestDisk } from "../../host/embedded-guest.ts";
import type { LoadRequest } from "../../host/vm-types.ts";
import { Vmm } from "../../host/vmm.ts";
import type { RunRequest } from "./request.ts";

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
    const files = typeof disk === "string" ? [parseImagePath(disk).path, ...images] : images;
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

/** The disk that FreeBSD's loader starts from; if -s attaches it, as that says, so that both see the same. */
function diskOf({ guest, devices }: RunRequest): string | Uint8Array | undefined {
  if (guest.kind === "freebsd") {
    const { image } = guest;
    return devices.map(attachedDisk).find((disk) => disk?.path === image)?.text ?? image;
  }
  return guest.kind === "embedded" ? guestDisk(guest.name) : undefined;
}

/** True if -s attaches the image already. */
function isAttached({ devices }: RunRequest, disk: string | Uint8Array): boolean {
  return devices.some((device) => attachedDisk(device)?.text === disk);
}

/** The image in a -s option. */
function imageOf(device: string): string[] {
  const disk = attachedDisk(device);
  return disk === undefined ? [] : [disk.path];
}

/** The image in a -s option, and all that a loader has to know of it, as one text. */
function attachedDisk(device: string): { path: string; text: string } | undefined {
  const [, path, options = ""] = /^[^,]+,virtio-blk,([^,]+)(,.*)?$/.exec(device) ?? [];
  if (path === undefined) return undefined;
  const words = options.split(",").filter((word) => /^(format|backing|overlay)=/.test(word));
  return { path, text: [path, ...words].join(",") };
}
