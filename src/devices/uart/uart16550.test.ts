// SPDX-License-Identifier: BSD-2-Clause
import { beforeEach, describe, expect, it } from "vitest";
import { MemoryCharBackend } from "../../../test/support/memory-char.ts";
import { Uart16550 } from "./uart16550.ts";

const RBR = 0;
const THR = 0;
const IER = 1;
const IIR = 2;
const FCR = 2;
const LCR = 3;
const MCR = 4;
const LSR = 5;
const MSR = 6;
const SCR = 7;

/** LSR bits, PC16550D table II. */
const DR = 0x01;
const OE = 0x02;
const IDLE = 0x60;

let host: MemoryCharBackend;
let uart: Uart16550;
let isPending: boolean;

function connect(roomBytes?: number): void {
  host = new MemoryCharBackend(roomBytes);
  uart = new Uart16550({ host, interrupt: (pending) => (isPending = pending) });
}

beforeEach(() => connect());

/** Reads until LSR says that nothing is left, as a driver's interrupt handler does. */
function receive(): string {
  let text = "";
  while ((uart.read(LSR) & DR) !== 0) text += String.fromCharCode(uart.read(RBR));
  return text;
}

function send(text: string): void {
  for (const char of text) uart.write(THR, char.charCodeAt(0));
}

describe("registers of the 16550", () => {
  it("have their values of reset (table I), and 9600 baud", () => {
    uart.write(LCR, 0x80);
    expect([uart.read(0), uart.read(1)]).toEqual([12, 0]);
    uart.write(LCR, 0);
    expect([IER, IIR, LCR, MCR, LSR, SCR].map((r) => uart.read(r))).toEqual([0, 1, 0, 0, 0x60, 0]);
    expect(uart.read(MSR)).toBe(0xa0);
  });

  it("store the scratch byte, and only the bits that IER and MCR have", () => {
    for (const register of [IER, LCR, MCR, SCR]) uart.write(register, 0x6f);
    expect([IER, LCR, MCR, SCR].map((r) => uart.read(r))).toEqual([0x0f, 0x6f, 0x0f, 0x6f]);
  });

  it("keep divisor and data apart by DLAB", () => {
    uart.write(LCR, 0x80);
    uart.write(0, 0x34);
    uart.write(1, 0x12);
    expect([uart.read(0), uart.read(1)]).toEqual([0x34, 0x12]);
    uart.write(LCR, 0x03);
    expect(uart.read(IER)).toBe(0);
    expect(host.takeText()).toBe("");
  });

  it("show enabled FIFOs in IIR, and none after FCR bit 0 is cleared", () => {
    uart.write(FCR, 0x01);
    expect(uart.read(IIR)).toBe(0xc1);
    uart.write(FCR, 0xc0);
    expect(uart.read(IIR)).toBe(0x01);
  });

  it("ignore writes to LSR and MSR", () => {
    uart.write(LSR, 0xff);
    uart.write(MSR, 0xff);
    expect([uart.read(LSR), uart.read(MSR)]).toEqual([0x60, 0xa0]);
  });
});

describe("the transmitter", () => {
  it("passes bytes on at once and stays empty", () => {
    send("hello");
    expect(uart.read(LSR)).toBe(IDLE);
    expect(host.takeText()).toBe("hello");
  });

  it("works with nothing connected", () => {
    uart = new Uart16550({ interrupt: () => {} });
    send("hello");
    expect(uart.read(LSR)).toBe(IDLE);
  });

  it("keeps what the far end cannot take, with THRE and TEMT low until it has gone", () => {
    connect(2);
    uart.write(FCR, 1);
    send("abcdef");
    expect(uart.read(LSR)).toBe(0);
    expect(host.takeText()).toBe("ab");
    host.makeRoom(3);
    expect(uart.read(LSR)).toBe(0);
    host.makeRoom(1);
    expect(uart.read(LSR)).toBe(IDLE);
    expect(host.takeText()).toBe("cdef");
  });

  it("holds sixteen bytes with FIFOs and one without; a guest that writes more loses it", () => {
    connect(0);
    send("ab");
    host.makeRoom(100);
    expect(host.takeText()).toBe("a");
    connect(0);
    uart.write(FCR, 1);
    send("0123456789abcdefgh");
    host.makeRoom(100);
    expect(host.takeText()).toBe("0123456789abcdef");
  });

  it("lets bytes on their way out go when its FIFO or the chip is reset", () => {
    connect(0);
    uart.write(FCR, 1);
    send("bye");
    uart.write(FCR, 5);
    uart.write(FCR, 0);
    uart.reset();
    expect(uart.read(LSR)).toBe(0);
    host.makeRoom(3);
    expect(host.takeText()).toBe("bye");
  });

  it("interrupts when its interrupt is enabled and after each byte, until IIR is read", () => {
    uart.write(IER, 0x02);
    expect(isPending).toBe(true);
    expect(uart.read(IIR)).toBe(0x02);
    expect(uart.read(IIR)).toBe(0x01);
    expect(isPending).toBe(false);
    send("x");
    expect(isPending).toBe(true);
    uart.write(IER, 0);
    expect(isPending).toBe(false);
  });

  it("interrupts when the far end has taken the last byte, not before", () => {
    connect(0);
    uart.write(FCR, 1);
    send("xy");
    uart.write(IER, 0x02);
    expect(isPending).toBe(false);
    host.makeRoom(1);
    expect(isPending).toBe(false);
    host.makeRoom(1);
    expect(uart.read(IIR)).toBe(0xc2);
  });
});

describe("the receiver", () => {
  it("gives the guest what the far end sends, in order", () => {
    host.type("ls\n");
    expect(receive() + receive() + receive()).toBe("ls\n");
    expect(uart.read(LSR)).toBe(IDLE);
  });

  it("takes one byte at a time without FIFOs, sixteen with, and leaves the rest with the far end", () => {
    host.type("x".repeat(40));
    expect(host.unreadBytes).toBe(39);
    uart.write(FCR, 1);
    expect(receive()).toBe("");
    expect(receive()).toHaveLength(16);
    expect(host.unreadBytes).toBe(8);
  });

  it("ends a burst with an empty LSR, so that a driver's handler comes to its end", () => {
    uart.write(FCR, 1);
    host.type("x".repeat(100));
    const bursts = Array.from({ length: 8 }, () => receive().length);
    expect(bursts).toEqual([16, 16, 16, 16, 16, 16, 4, 0]);
  });

  it("interrupts while it holds a byte: a time-out with FIFOs, data without", () => {
    uart.write(IER, 0x01);
    host.type("ab");
    expect(isPending).toBe(true);
    expect(uart.read(IIR)).toBe(0x04);
    expect(uart.read(RBR)).toBe(0x61);
    expect(isPending).toBe(false);
    expect(uart.read(LSR)).toBe(IDLE);
    expect(isPending).toBe(true);
    uart.write(FCR, 1);
    uart.read(LSR);
    expect(uart.read(IIR)).toBe(0xcc);
    expect(uart.read(RBR)).toBe(0x62);
    expect(uart.read(IIR)).toBe(0xc1);
  });

  it("loses nothing when FIFOs are switched or reset, but shows itself empty once", () => {
    host.type("secret");
    uart.write(FCR, 0x01);
    expect(uart.read(LSR) & DR).toBe(0);
    expect(uart.read(LSR) & DR).toBe(DR);
    uart.write(FCR, 0x07);
    expect(uart.read(LSR) & DR).toBe(0);
    expect(uart.read(RBR)).toBe("s".charCodeAt(0));
    uart.write(FCR, 0x00);
    uart.reset();
    expect(receive()).toBe("");
    expect([receive(), receive(), receive(), receive(), receive(), receive()].join("")).toBe(
      "ecret",
    );
  });

  it("has what it gave back ready when its interrupt is enabled", () => {
    host.type("q");
    uart.write(FCR, 0x03);
    uart.write(IER, 0x01);
    expect(isPending).toBe(true);
    expect(uart.read(RBR)).toBe("q".charCodeAt(0));
  });

  it("reads zero when there is nothing", () => {
    expect(uart.read(RBR)).toBe(0);
  });
});

describe("loop-back", () => {
  it("brings transmitted bytes back, and none of them to the far end", () => {
    uart.write(FCR, 1);
    uart.write(MCR, 0x10);
    send("loop");
    expect(receive()).toBe("loop");
    expect(host.takeText()).toBe("");
  });

  it("overruns at the seventeenth byte: how FreeBSD finds the FIFO's size", () => {
    host.type("typed before the probe");
    uart.write(MCR, 0x10);
    uart.write(FCR, 0x01);
    uart.write(FCR, 0x07);
    let count = 0;
    let lsr = 0;
    while ((lsr & OE) === 0 && count < 260) {
      uart.write(THR, 0);
      lsr = uart.read(LSR);
      count++;
    }
    expect(count - 1).toBe(16);
    expect(lsr & IDLE).toBe(IDLE);
    uart.write(FCR, 0x07);
    uart.write(MCR, 0);
    expect(receive()).toBe("typed before the");
  });

  it("reports an overrun first, until LSR is read", () => {
    uart.write(MCR, 0x10);
    uart.write(IER, 0x05);
    send("ab");
    expect(uart.read(IIR)).toBe(0x06);
    expect(uart.read(LSR)).toBe(IDLE | DR | OE);
    expect(uart.read(IIR)).toBe(0x04);
    expect(uart.read(LSR)).toBe(IDLE | DR);
  });

  it("wires the modem outputs to the inputs: Linux expects CTS and DCD of RTS and OUT2", () => {
    uart.write(MCR, 0x1a);
    expect(uart.read(MSR) & 0xf0).toBe(0x90);
    uart.write(MCR, 0x15);
    expect(uart.read(MSR) & 0xf0).toBe(0x60);
  });

  it("marks what changed since MSR was last read, and interrupts for it", () => {
    uart.write(IER, 0x08);
    uart.write(MCR, 0x1f);
    expect(uart.read(IIR)).toBe(0x00);
    expect(uart.read(MSR)).toBe(0xf1);
    expect(uart.read(IIR)).toBe(0x01);
    uart.write(MCR, 0x10);
    expect(uart.read(MSR)).toBe(0x0f);
  });
});
