// SPDX-License-Identifier: BSD-2-Clause
// v86 as a process with its serial line on the standard streams: v86-host.mjs <package> <bzImage> <MiB>.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";

const [folder, image, mebibytes] = process.argv.slice(2);
const { V86 } = await import(pathToFileURL(join(folder, "build/libv86.mjs")));
const firmware = (...paths) => {
  const path = paths.find((each) => existsSync(each));
  if (path === undefined) throw new Error(`none of ${paths.join(", ")} is there`);
  return { buffer: new Uint8Array(readFileSync(path)).buffer };
};

const machine = new V86({
  wasm_path: join(folder, "build/v86.wasm"),
  bios: firmware("/usr/share/seabios/bios.bin"),
  vga_bios: firmware("/usr/share/seabios/vgabios-stdvga.bin"),
  bzimage: { buffer: new Uint8Array(readFileSync(image)).buffer },
  memory_size: mebibytes * 2 ** 20,
  vga_memory_size: 2 * 2 ** 20,
  autostart: true,
  disable_speaker: true,
});
machine.add_listener("serial0-output-byte", (byte) => process.stdout.write(Uint8Array.of(byte)));
process.stdin.on("data", (bytes) => machine.serial_send_bytes(0, bytes));
