// SPDX-License-Identifier: BSD-2-Clause
import { afterEach, describe, expect, it } from "vitest";
import { MemoryRegistry, Vmm, type VmmOptions } from "../../src/index.ts";
import { Assembler } from "../support/assembler.ts";
import { GUEST_BASE, helloGuest, kernelOf, promptGuest } from "../support/small-guest.ts";

const made: Vmm[] = [];

async function loaded(kernel: Uint8Array, options: VmmOptions = {}): Promise<Vmm> {
  const vmm = await Vmm.create({ memory: "32M", ...options });
  made.push(vmm);
  await vmm.load({ kind: "linux", kernel });
  return vmm;
}

afterEach(async () => {
  for (const vmm of made.splice(0)) await vmm.destroy();
});

describe("a VM in a program", () => {
  it("is created, loaded, run and destroyed", async () => {
    const vmm = await Vmm.create({ memory: "32M" });
    const states: string[] = [vmm.state];
    vmm.on("state", (state) => states.push(state));
    await vmm.load({ kind: "linux", kernel: helloGuest() });
    expect(await vmm.run()).toEqual({ kind: "suspended", how: "poweroff" });
    expect(vmm.console.text).toBe("hello, world\r\n");
    await vmm.destroy();
    expect(states).toEqual(["empty", "loaded", "running", "suspended", "destroyed"]);
  });

  it("says what it cannot do in its state", async () => {
    const vmm = await Vmm.create({ name: "stately", memory: "32M" });
    made.push(vmm);
    await expect(vmm.run()).rejects.toThrow("VM stately cannot be run: no kernel is loaded");
    expect(() => vmm.readRegister("rip")).toThrow("cannot be inspected: no kernel is loaded");
    await vmm.load({ kind: "linux", kernel: helloGuest() });
    const running = vmm.run();
    await expect(vmm.run()).rejects.toThrow("it is running already");
    await running;
    await expect(vmm.run()).rejects.toThrow("it has run to its end; load it again");
    await vmm.load({ kind: "linux", kernel: helloGuest("again\r\n") });
    await vmm.run();
    expect(vmm.console.text).toBe("hello, world\r\nagain\r\n");
    await vmm.destroy();
    await expect(vmm.load({ kind: "linux", kernel: helloGuest() })).rejects.toThrow("destroyed");
  });

  it("is in its registry, for as long as it is not destroyed", async () => {
    const registry = new MemoryRegistry();
    {
      await using vmm = await Vmm.create({ name: "entered", memory: "32M", registry });
      expect(registry.read("entered").stage).toBe("empty");
      await expect(Vmm.create({ name: "entered", registry })).rejects.toThrow("exists already");
      await vmm.load({ kind: "linux", kernel: helloGuest() });
      expect(registry.read("entered")).toMatchObject({ stage: "loaded", memoryBytes: 2 ** 25 });
      const running = vmm.run();
      expect(() => registry.acquire("entered")).toThrow("VM entered is busy");
      expect(() => registry.unload()).toThrow("can't unload vmm: a VM exists (entered)");
      await running;
      expect(registry.read("entered")).toMatchObject({ stage: "suspended", suspended: "poweroff" });
    }
    expect(registry.list()).toEqual([]);
  });

  it.each([
    ["q", { kind: "suspended", how: "poweroff" }],
    ["r", { kind: "suspended", how: "reset" }],
    ["h", { kind: "suspended", how: "halt" }],
    ["t", { kind: "suspended", how: "triplefault" }],
    ["e", { kind: "exited", status: 15 }],
  ] as const)("tells how the guest ended: %s", async (command, outcome) => {
    const vmm = await loaded(promptGuest(), { lpc: ["pc-testdev"] });
    vmm.console.send(command);
    expect(await vmm.run()).toEqual(outcome);
    // What is left of it can be looked at.
    expect(vmm.backtrace()[0]).toMatch(/^#0 0x20\w+ at command_/);
  });
});

describe("its console", () => {
  it("answers what is sent when it is waited for", async () => {
    const vmm = await loaded(promptGuest());
    const running = vmm.run();
    expect(await vmm.console.waitFor("> ")).toMatchObject({ text: "> ", start: 19, end: 21 });
    vmm.console.send("xy");
    expect((await vmm.console.waitFor(/\[(.)\]/)).groups).toEqual(["x"]);
    // Each wait goes on behind the last match.
    expect((await vmm.console.waitFor(/\[(.)\]/)).groups).toEqual(["y"]);
    expect((await vmm.console.waitFor(/\[(.)\]/, { after: 0 })).groups).toEqual(["x"]);
    vmm.console.send("q");
    await running;
  });

  it("finds an expression at a prompt that no newline follows", async () => {
    const vmm = await loaded(promptGuest());
    const running = vmm.run();
    const match = await vmm.console.waitFor(/^> $/m);
    vmm.console.send("q");
    await running;
    expect(match.start).toBe(19);
  });

  it("gives up after guest time, which an idle guest does not take from anybody", async () => {
    const vmm = await loaded(promptGuest());
    const running = vmm.run();
    const failure = await vmm.console.waitFor("login:", { timeout: "1h" }).catch((error) => error);
    expect(failure).toMatchObject({
      code: "ERR_TIMEOUT",
      message: expect.stringContaining(
        '"login:" was waited for. Its last lines:\nsmall guest ready\n>',
      ),
    });
    expect(vmm.guestTimeNs).toBe(3600e9);
    expect(vmm.instructions).toBeLessThan(1000);
    vmm.pause();
    expect(await running).toEqual({ kind: "paused" });
  });

  it("says so when the run ends before the text", async () => {
    const vmm = await loaded(helloGuest());
    const waiting = expect(vmm.console.waitFor("login:")).rejects.toMatchObject({
      code: "ERR_VM_STATE",
      message: expect.stringContaining("the guest powered off; "),
    });
    await vmm.run();
    await waiting;
    await expect(vmm.console.waitFor("never")).rejects.toThrow("the guest powered off");
  });

  it("stops waiting at a signal", async () => {
    const vmm = await loaded(promptGuest());
    const abort = new AbortController();
    const waiting = vmm.console.waitFor("login:", { signal: abort.signal });
    abort.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
  });

  it("can be iterated over until the run is over", async () => {
    const vmm = await loaded(helloGuest("one\r\ntwo\r\n"));
    void vmm.run();
    let text = "";
    for await (const piece of vmm.console) text += piece;
    expect(text).toBe("one\r\ntwo\r\n");
  });

  it("gives the bytes to whoever listens, and waits for who asks it to", async () => {
    const vmm = await loaded(helloGuest("é\r\n"));
    const heard: number[] = [];
    vmm.on("output", (bytes) => heard.push(...bytes));
    let isDone = false;
    await vmm.run({
      output: async () => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        isDone = true;
      },
    });
    expect(heard).toEqual([0xc3, 0xa9, 0x0d, 0x0a]);
    expect(vmm.console.text).toBe("é\r\n");
    expect(isDone).toBe(true);
  });
});

describe("a run", () => {
  it("repeats to the instruction on the virtual clock", async () => {
    const runs = [];
    for (let i = 0; i < 2; i++) {
      const vmm = await loaded(promptGuest(), { name: "twin" });
      const running = vmm.run();
      await vmm.console.waitFor(/> $/);
      vmm.console.send("a");
      await vmm.console.waitFor("[a]");
      vmm.console.send("q");
      await running;
      runs.push([vmm.instructions, vmm.guestTimeNs, vmm.stats(), vmm.inputs]);
      await vmm.destroy();
    }
    expect(runs[1]).toEqual(runs[0]);
    expect(runs[0]![3]).toHaveLength(2);
  });

  it("ends after the instructions or the guest time it was given, and goes on from there", async () => {
    const vmm = await loaded(promptGuest());
    vmm.console.send("l");
    expect(await vmm.run({ maxInstructions: 12_345 })).toEqual({ kind: "limit" });
    expect(vmm.instructions).toBe(12_345);
    expect(await vmm.step(5)).toEqual({ kind: "limit" });
    expect(vmm.instructions).toBe(12_350);
    expect(await vmm.run({ timeout: "10us" })).toEqual({ kind: "timeout" });
    expect(vmm.instructions).toBe(22_350);
  });

  it("ends at a signal, and leaves a VM that can go on", async () => {
    const vmm = await loaded(promptGuest());
    vmm.console.send("l");
    await expect(vmm.run({ signal: AbortSignal.timeout(50) })).rejects.toThrow("timeout");
    expect(vmm.state).toBe("paused");
    const before = vmm.instructions;
    await vmm.step(10);
    expect(vmm.instructions).toBe(before + 10);
  });

  it("says that the guest is idle, and wakes for input", async () => {
    const vmm = await loaded(promptGuest());
    const running = vmm.run({ signal: AbortSignal.timeout(10_000) });
    await new Promise<void>((resolve) => vmm.once("idle", resolve));
    vmm.console.send("q");
    expect(await running).toEqual({ kind: "suspended", how: "poweroff" });
  });

  it("goes on in real time on the host's clock", async () => {
    const vmm = await loaded(promptGuest(), { clock: "host" });
    const began = performance.now();
    expect(await vmm.run({ timeout: "100ms" })).toEqual({ kind: "timeout" });
    expect(performance.now() - began).toBeGreaterThan(90);
  });
});

describe("a debugger's view", () => {
  it("has breakpoints by symbol and by address, steps, registers and memory", async () => {
    const vmm = await loaded(promptGuest());
    const address = vmm.setBreakpoint("putc");
    expect(await vmm.run()).toEqual({ kind: "breakpoint", address });
    expect(vmm.readRegister("rip")).toBe(address);
    expect(vmm.readRegister("rax") & 0xffn).toBe(BigInt("s".charCodeAt(0)));
    expect(vmm.backtrace()[0]).toBe(`#0 0x${address.toString(16)} at putc+0`);
    vmm.writeRegister("rax", 0x53n);
    vmm.clearBreakpoint("putc");
    await vmm.step(2);
    expect(vmm.console.text).toBe("S");
    const rsp = vmm.readRegister("rsp");
    expect(vmm.memory.readU64(rsp)).toBeGreaterThan(BigInt(GUEST_BASE));
    expect(vmm.memory.readVirtual(rsp, 8)).toEqual(vmm.memory.read(rsp, 8));
    expect(() => vmm.memory.read(vmm.memory.sizeBytes - 4, 8)).toThrow("no RAM of 8 bytes");
    expect(() => vmm.setBreakpoint("main")).toThrow("the kernel's function main is not known");
  });

  it("changes code that has been decoded already", async () => {
    // jmp self
    const vmm = await loaded(kernelOf(new Assembler(GUEST_BASE).bytes(0xeb, 0xfe)));
    await vmm.step(1000);
    vmm.memory.write(GUEST_BASE, Uint8Array.of(0xfa, 0xf4)); // cli; hlt
    expect(await vmm.run()).toEqual({ kind: "suspended", how: "halt" });
  });
});
