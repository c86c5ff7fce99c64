// SPDX-License-Identifier: BSD-2-Clause
// The whole way from damaged files to a kernel in memory: FreeBSD's loader with its kernels, modules, hints and
// configuration, plain and compressed; Linux's two formats. What comes out is a kernel or a sentence, nothing is
// written outside of guest RAM, and the work is bounded. FUZZ_ROUNDS and FUZZ_SEED look further and elsewhere.
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { VmmError } from "../../src/base/errors.ts";
import { gunzip } from "../../src/host/gunzip.ts";
import { memorySource } from "../../src/loader/disk/memory-source.ts";
import { GzipFileSystem } from "../../src/loader/fs/gzip-file-system.ts";
import { loadLinux } from "../../src/loader/linux/load-linux.ts";
import { SymbolTable } from "../../src/loader/symbols.ts";
import type { LoaderDevice } from "../../src/loader/userboot/devices.ts";
import { runUserboot } from "../../src/loader/userboot/userboot.ts";
import { GuestMemory, MIB } from "../../src/mmu/guest-memory.ts";
import { VCPU_STATE_BYTES, VCPU_STATE_OFFSET } from "../../src/mmu/machine-layout.ts";
import { diskWith, type Files, forthFiles, luaFiles } from "../support/boot-image.ts";
import { bzImageFile } from "../support/bzimage-file.ts";
import { moduleImage } from "../support/elf-image.ts";
import { mutated, noiseBehind } from "../support/mutation.ts";
import { SeededRandom } from "../support/random.ts";
import { ScriptedConsole } from "../support/scripted-console.ts";
import { helloGuest } from "../support/small-guest.ts";

const { FUZZ_ROUNDS = "100", FUZZ_SEED = "8" } = process.env;
const ROUNDS = Number(FUZZ_ROUNDS);
const SEED = Number(FUZZ_SEED);
const TIMEOUT = 600_000;
const LONGEST_ROUND_MS = 10_000;
/** What a loader may say before its user has had enough. */
const MOST_OUTPUT = 4 << 20;

/** One memory for all rounds: each load starts over whatever the last one left. */
const memory = new GuestMemory(64 * MIB);

function vcpuState(): Uint8Array {
  return memory.bytes.slice(VCPU_STATE_OFFSET, VCPU_STATE_OFFSET + VCPU_STATE_BYTES);
}

const encoder = new TextEncoder();
const asBytes = (content: string | Uint8Array) =>
  typeof content === "string" ? encoder.encode(content) : content;

/** A disk with these files, through the layer that unpacks. */
function disk(files: Files): LoaderDevice[] {
  return diskWith(files).map((device) => ({
    ...device,
    mount: () => {
      const fileSystem = device.mount();
      return fileSystem && new GzipFileSystem(fileSystem, gunzip);
    },
  }));
}

/** Ends as kernels and sentences do; everything else gets out. */
async function boot(files: Files): Promise<string> {
  const console = new ScriptedConsole(["boot\r"], false);
  const result = await runUserboot({ memory, console, devices: disk(files) });
  expect(console.output.length).toBeLessThan(MOST_OUTPUT);
  return result.kind;
}

function packed(files: Files): Files {
  const { "/boot/kernel/kernel": kernel = "", ...rest } = files;
  return { ...rest, "/boot/kernel/kernel.gz": new Uint8Array(gzipSync(asBytes(kernel))) };
}

const loaderConf = 'autoboot_delay="-1"\nvirtio_blk_load="YES"\nextra_load="YES"\nhw.x="1"\n';
const common: Files = {
  "/boot/loader.conf": loaderConf,
  "/boot/kernel/extra.ko": moduleImage({ versions: [{ name: "extra", version: 1 }] }),
};
const images: readonly Files[] = [
  luaFiles(common),
  forthFiles({ ...common, "/boot/loader.rc": "echo loading\nstart\n" }),
  packed(luaFiles(common)),
];

const targets: readonly (readonly [what: string, pattern: RegExp])[] = [
  ["kernel", /kernel\/kernel$/],
  ["compressed kernel", /kernel\.gz$/],
  ["modules", /\.ko$/],
  ["linker.hints", /linker\.hints$/],
  ["loader.conf", /loader\.conf/],
  ["device.hints", /device\.hints$/],
  ["fstab", /fstab$/],
  ["loader.rc", /loader\.rc$/],
];

describe("FreeBSD's loader", { timeout: TIMEOUT }, () => {
  it.each(images.map((files, i) => [i, files] as const))(
    "boots image %i intact",
    async (_i, files) => {
      expect(await boot(files)).toBe("booted");
    },
  );

  it.each(targets)(
    `with a damaged %s boots or says why, ${ROUNDS} times`,
    async (_what, pattern) => {
      const random = new SeededRandom(SEED);
      const state = vcpuState();
      const affected = images.filter((files) =>
        Object.keys(files).some((path) => pattern.test(path)),
      );
      expect(affected.length).toBeGreaterThan(0);
      for (let round = 0; round < ROUNDS; round++) {
        const files = { ...random.pick(affected) };
        for (const [path, content] of Object.entries(files)) {
          if (!pattern.test(path)) continue;
          const bytes = asBytes(content);
          files[path] =
            random.below(5) === 0 ? noiseBehind(bytes, 4000, random) : mutated(bytes, random);
        }
        const began = performance.now();
        expect(await boot(files), `round ${round}`).toMatch(/^(booted|rebooted|quit)$/);
        expect(performance.now() - began, `ms of round ${round}`).toBeLessThan(LONGEST_ROUND_MS);
      }
      expect(Buffer.compare(vcpuState(), state)).toBe(0);
    },
  );
});

describe("Linux's loader", { timeout: TIMEOUT }, () => {
  const kernels = [bzImageFile(), helloGuest()];
  const initrd = new SeededRandom(1).bytes(5000);

  it(`with a damaged kernel loads or says why, ${4 * ROUNDS} times`, () => {
    const random = new SeededRandom(SEED);
    const state = vcpuState();
    let loads = 0;
    for (let round = 0; round < 4 * ROUNDS; round++) {
      const kernel = random.pick(kernels);
      const isNoise = random.below(5) === 0;
      const file = isNoise ? noiseBehind(kernel, 4000, random) : mutated(kernel, random);
      const request = {
        kernel: memorySource(file, "kernel"),
        kernelName: "kernel",
        commandLine: "console=ttyS0",
        ...(random.below(2) === 0 ? { initrd: memorySource(initrd, "initrd") } : {}),
      };
      try {
        const { start, end } = loadLinux(memory, request);
        expect(start >= MIB && end <= memory.lowmem, `round ${round}`).toBe(true);
        loads++;
      } catch (error) {
        if (!(error instanceof VmmError) || error.code === "ERR_INTERNAL") throw error;
      }
    }
    expect(loads).toBeGreaterThan(0);
    expect(Buffer.compare(vcpuState(), state)).toBe(0);
  });
});

it(`a damaged System.map names something, or nothing, ${ROUNDS} times`, () => {
  const random = new SeededRandom(SEED);
  const map = encoder.encode("ffffffff80200000 T start\nffffffff80200100 t next\n".repeat(40));
  for (let round = 0; round < ROUNDS; round++) {
    try {
      SymbolTable.fromSystemMap(memorySource(mutated(map, random), "map")).lookup(
        0xffffffff80200104n,
      );
    } catch (error) {
      expect(error, `round ${round}`).toMatchObject({ name: "VmmError", code: "ERR_BAD_IMAGE" });
    }
  }
});
