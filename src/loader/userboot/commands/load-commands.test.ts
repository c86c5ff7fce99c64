// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { kernelImage, moduleImage } from "../../../../test/support/elf-image.ts";
import { atPrompt } from "../../../../test/support/loader-session.ts";

describe("load", () => {
  const other = {
    "/other/kernel": kernelImage(),
    "/lonely.ko": moduleImage({
      depends: [{ name: "nowhere", minimum: 1, preferred: 1, maximum: 1 }],
    }),
    "/boot/kernel/needs_new.ko": moduleImage({
      depends: [{ name: "virtio", minimum: 7, preferred: 7, maximum: 9 }],
    }),
    "/raw": "raw bytes",
  };

  it("brings a kernel by name or path, and modules with what they need", async () => {
    const { answers } = await atPrompt(["load kernel", "load virtio_blk", "load virtio", "lsmod"]);
    expect(answers[0]).toBe("");
    expect(answers[1]).toContain("/boot/kernel/virtio_blk.ko size 0x2c8 at 0x203000");
    expect(answers[1]).toContain("loading required module 'virtio'");
    expect(answers[2]).toBe("");
    expect(answers[3]).toBe(
      [
        // Data ends at 0x202440; then 8 + 0x30 bytes of symbols, 8 + 7 of strings, on 8.
        " 0x200000: /boot/kernel/kernel (elf kernel, 0x2488)",
        "  modules: kernel.1302001",
        " 0x203000: /boot/kernel/virtio_blk.ko (elf obj module, 0x2c8)",
        "  modules: virtio_blk.1",
        " 0x204000: /boot/kernel/virtio.ko (elf obj module, 0x1f8)",
        "  modules: virtio.1",
      ].join("\n"),
    );
  });

  it("is undone by unload", async () => {
    const { answers } = await atPrompt(["unload", "lsmod", "show kernelname", "load virtio"]);
    expect(answers.slice(1)).toEqual([
      "",
      "variable 'kernelname' not found",
      "can't load file '/boot/kernel/virtio.ko': can't load module before kernel",
    ]);
  });

  it("keeps arguments for the kernel and shows metadata", async () => {
    const lines = ["unload", "load /other/kernel -s foo=bar", "lsmod -v"];
    const { answers } = await atPrompt(lines, { files: other });
    expect(answers[2]).toContain("    args: -s foo=bar");
    expect(answers[2]).toContain("      0x0002, 0x40");
    expect(answers[2]).toContain("      0x0009, 0x180");
  });

  it("takes any file under a type", async () => {
    const { answers } = await atPrompt(
      ["load -t md_image /raw", "load -t md_image /raw", "lsmod"],
      {
        files: other,
      },
    );
    expect(answers[0]).toBe("/raw size=0x9");
    expect(answers[1]).toBe("warning: file '/raw' already loaded");
    expect(answers[2]).toContain(" 0x203000: /raw (md_image, 0x9)");
  });

  it("says why it did not", async () => {
    const { answers } = await atPrompt(
      [
        "load",
        "load nothing",
        "load /lonely.ko",
        "lsmod",
        "load needs_new",
        "load /other/kernel",
        "load -t",
        "load -t x",
        "load -t x /none",
        "load /raw",
        "unload",
        "load -t x /raw",
      ],
      { files: other },
    );
    expect(answers[0]).toBe("no filename specified");
    expect(answers[1]).toBe("can't find 'nothing'");
    expect(answers[2]).toContain("loading required module 'nowhere'\ncan't find 'nowhere'");
    expect(answers[3]).not.toContain("lonely");
    expect(answers[4]).toContain("module 'virtio' exists but with wrong version");
    expect(answers[5]).toBe("can't load file '/other/kernel': kernel already loaded");
    expect(answers[6]).toBe("load: option requires an argument -- t");
    expect(answers[7]).toBe("invalid load type");
    expect(answers[8]).toBe("can't find '/none'");
    expect(answers[9]).toBe("can't load file '/raw': /raw is not an ELF file");
    expect(answers[11]).toBe("can't load file before kernel");
  });
});
