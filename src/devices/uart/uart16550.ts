// SPDX-License-Identifier: BSD-2-Clause
// The 16550 UART: eight byte-wide registers, FIFOs, loop-back. National Semiconductor PC16550D data
// sheet, chapter 8; bhyve: usr.sbin/bhyve/uart_emul.c. Register and bit names are the data sheet's.
//
// The line is infinitely fast, and loses nothing. A byte that the far end cannot take stays in the
// transmitter, and THRE and TEMT fall until it has gone. The receiver takes a burst of at most a FIFO's
// worth from the far end, and the next one when the guest has seen it empty; so OE arises in loop-back
// alone. Resetting a FIFO throws away loop-back's bytes, but gives unread ones back to the line and lets
// those on their way out go. A guest that writes into a full transmitter loses that byte.
//
// Left out: break, parity and framing errors, the divisor's effect, receive trigger levels (every
// arrival counts as a time-out, as in bhyve), changes of the modem lines outside loop-back.
import { ByteFifo } from "../../base/byte-fifo.ts";
import type { CharBackend } from "../backend/char-backend.ts";
import type { BusHandler } from "../bus.ts";

export const UART_REGISTERS = 8;

const REG_DATA = 0;
const REG_IER = 1;
const REG_IIR = 2;
const REG_FCR = 2;
const REG_LCR = 3;
const REG_MCR = 4;
const REG_LSR = 5;
const REG_MSR = 6;
const REG_SCR = 7;

const IER_ERXRDY = 0x01;
const IER_ETXRDY = 0x02;
const IER_ERLS = 0x04;
const IER_EMSC = 0x08;
const IER_MASK = 0x0f;

const IIR_MLSC = 0x00;
const IIR_NOPEND = 0x01;
const IIR_TXRDY = 0x02;
const IIR_RXRDY = 0x04;
const IIR_RLS = 0x06;
const IIR_RXTOUT = 0x0c;
const IIR_FIFO_MASK = 0xc0;

const FCR_ENABLE = 0x01;
const FCR_RCV_RST = 0x02;
const FCR_DMA = 0x08;
const FCR_RX_MASK = 0xc0;

const LCR_DLAB = 0x80;

const MCR_DTR = 0x01;
const MCR_RTS = 0x02;
const MCR_OUT1 = 0x04;
const MCR_OUT2 = 0x08;
const MCR_LOOPBACK = 0x10;
const MCR_MASK = 0x1f;

const LSR_RXRDY = 0x01;
const LSR_OE = 0x02;
const LSR_THRE = 0x20;
const LSR_TEMT = 0x40;

const MSR_DELTA_MASK = 0x0f;
const MSR_TERI = 0x04;
const MSR_CTS = 0x10;
const MSR_DSR = 0x20;
const MSR_RI = 0x40;
const MSR_DCD = 0x80;

const FIFO_BYTES = 16;
/** 9600 baud from 1.8432 MHz. */
const RESET_DIVISOR = 12;

export interface Uart16550Options {
  /** What is at the other end of the line; nothing if absent: writes vanish, nothing arrives. */
  readonly host?: CharBackend | undefined;
  /** The INTR output, told after every access and every event, whether or not it changed. */
  readonly interrupt: (isPending: boolean) => void;
}

export class Uart16550 {
  ier = 0;
  fcr = 0;
  lcr = 0;
  mcr = 0;
  msr = 0;
  scr = 0;
  divisor = RESET_DIVISOR;
  hasOverrun = false;
  /** THR became empty, or its interrupt was enabled while it was, and no IIR read has told yet. */
  isThrePending = false;
  /** Received and not read: first what came over the line, then what loop-back brought. */
  readonly #received = new ByteFifo(FIFO_BYTES);
  #receivedFromLine = 0;
  /** Taken from the far end, then displaced by a FIFO reset: received again before anything new. */
  #givenBack: number[] = [];
  /** Written by the guest and not taken by the far end. */
  readonly #unsent = new ByteFifo(FIFO_BYTES);
  readonly #host: CharBackend | undefined;
  readonly #interrupt: (isPending: boolean) => void;

  constructor({ host, interrupt }: Uart16550Options) {
    this.#host = host;
    this.#interrupt = interrupt;
    this.msr = modemStatus(this.mcr);
    host?.listen(() => this.#hostReady());
  }

  /** The registers of power-on. Bytes on the line, either way, are not lost. */
  reset(): void {
    this.#resetReceiver();
    this.ier = this.fcr = this.lcr = this.mcr = this.scr = 0;
    this.divisor = RESET_DIVISOR;
    this.msr = modemStatus(0);
    this.hasOverrun = this.isThrePending = false;
    this.#interrupt(false);
  }

  /** `register` is 0–7. */
  read(register: number): number {
    const value = this.#read(register);
    this.#interrupt(this.#reason() !== IIR_NOPEND);
    return value;
  }

  write(register: number, value: number): void {
    this.#write(register, value);
    this.#interrupt(this.#reason() !== IIR_NOPEND);
  }

  #read(register: number): number {
    switch (register) {
      case REG_DATA:
        return this.#isDivisorAccess ? this.divisor & 0xff : this.#takeReceived();
      case REG_IER:
        return this.#isDivisorAccess ? this.divisor >> 8 : this.ier;
      case REG_IIR:
        return this.#readIir();
      case REG_LCR:
        return this.lcr;
      case REG_MCR:
        return this.mcr;
      case REG_LSR:
        return this.#readLsr();
      case REG_MSR:
        return this.#readMsr();
      default:
        return this.scr;
    }
  }

  #write(register: number, value: number): void {
    if (register === REG_DATA) {
      if (this.#isDivisorAccess) this.divisor = (this.divisor & 0xff00) | value;
      else this.#transmit(value);
    } else if (register === REG_IER) {
      if (this.#isDivisorAccess) this.divisor = (value << 8) | (this.divisor & 0xff);
      else this.#writeIer(value);
    } else if (register === REG_FCR) this.#writeFcr(value);
    else if (register === REG_LCR) this.lcr = value;
    else if (register === REG_MCR) this.#writeMcr(value);
    else if (register === REG_SCR) this.scr = value;
  }

  get #isDivisorAccess(): boolean {
    return (this.lcr & LCR_DLAB) !== 0;
  }

  get #isLoopback(): boolean {
    return (this.mcr & MCR_LOOPBACK) !== 0;
  }

  get #depth(): number {
    return (this.fcr & FCR_ENABLE) !== 0 ? FIFO_BYTES : 1;
  }

  get #isThrEmpty(): boolean {
    return this.#unsent.isEmpty || this.#isLoopback;
  }

  #transmit(byte: number): void {
    this.isThrePending = false;
    if (this.#isLoopback) {
      if (this.#received.length < this.#depth) this.#received.push(byte);
      else this.hasOverrun = true;
    } else if (!this.#unsent.isEmpty || !this.#send(byte)) {
      if (this.#unsent.length < this.#depth) this.#unsent.push(byte);
    }
    if (this.#isThrEmpty) this.isThrePending = true;
  }

  #send(byte: number): boolean {
    return this.#host === undefined || this.#host.write(byte);
  }

  #hostReady(): void {
    const wasEmpty = this.#unsent.isEmpty;
    while (!this.#unsent.isEmpty && this.#send(this.#unsent.peek())) this.#unsent.shift();
    if (!wasEmpty && this.#unsent.isEmpty) this.isThrePending = true;
    this.#receiveBurst();
    this.#interrupt(this.#reason() !== IIR_NOPEND);
  }

  /** Fills an empty receiver from the line. */
  #receiveBurst(): void {
    if (!this.#received.isEmpty || this.#isLoopback) return;
    while (this.#received.length < this.#depth) {
      const byte = this.#givenBack.shift() ?? this.#host?.read() ?? -1;
      if (byte < 0) break;
      this.#received.push(byte);
    }
    this.#receivedFromLine = this.#received.length;
  }

  #takeReceived(): number {
    if (this.#received.isEmpty) {
      this.#receiveBurst();
      return 0;
    }
    if (this.#receivedFromLine > 0) this.#receivedFromLine--;
    return this.#received.shift();
  }

  #resetReceiver(): void {
    const fromLine: number[] = [];
    for (; this.#receivedFromLine > 0; this.#receivedFromLine--) {
      fromLine.push(this.#received.shift());
    }
    this.#givenBack.unshift(...fromLine);
    this.#received.clear();
  }

  #writeIer(value: number): void {
    const hasRisen = (this.ier & IER_ETXRDY) === 0 && (value & IER_ETXRDY) !== 0;
    if (hasRisen && this.#isThrEmpty) this.isThrePending = true;
    this.ier = value & IER_MASK;
    this.#receiveBurst();
  }

  #writeFcr(value: number): void {
    if (((this.fcr ^ value) & FCR_ENABLE) !== 0) this.#resetReceiver();
    if ((value & FCR_ENABLE) === 0) {
      this.fcr = 0;
      return;
    }
    if ((value & FCR_RCV_RST) !== 0) this.#resetReceiver();
    this.fcr = value & (FCR_ENABLE | FCR_DMA | FCR_RX_MASK);
  }

  #writeMcr(value: number): void {
    this.mcr = value & MCR_MASK;
    const lines = modemStatus(this.mcr);
    const changed = lines ^ this.msr;
    let deltas = ((changed & (MSR_CTS | MSR_DSR | MSR_DCD)) >> 4) | (this.msr & MSR_DELTA_MASK);
    if ((changed & this.msr & MSR_RI) !== 0) deltas |= MSR_TERI;
    this.msr = lines | deltas;
    this.#receiveBurst();
  }

  #readIir(): number {
    const reason = this.#reason();
    if (reason === IIR_TXRDY) this.isThrePending = false;
    this.#receiveBurst();
    return (this.fcr & FCR_ENABLE) !== 0 ? reason | IIR_FIFO_MASK : reason;
  }

  #readLsr(): number {
    const value =
      (this.#received.isEmpty ? 0 : LSR_RXRDY) |
      (this.hasOverrun ? LSR_OE : 0) |
      (this.#isThrEmpty ? LSR_THRE | LSR_TEMT : 0);
    this.hasOverrun = false;
    this.#receiveBurst();
    return value;
  }

  #readMsr(): number {
    const value = this.msr;
    this.msr &= ~MSR_DELTA_MASK;
    return value;
  }

  /** The interrupt identification of the pending source with the highest priority. */
  #reason(): number {
    if (this.hasOverrun && (this.ier & IER_ERLS) !== 0) return IIR_RLS;
    if (!this.#received.isEmpty && (this.ier & IER_ERXRDY) !== 0) {
      // Only FIFO mode has time-outs: IIR bit 3 is always 0 without (table II).
      return (this.fcr & FCR_ENABLE) !== 0 ? IIR_RXTOUT : IIR_RXRDY;
    }
    if (this.isThrePending && (this.ier & IER_ETXRDY) !== 0) return IIR_TXRDY;
    if ((this.msr & MSR_DELTA_MASK) !== 0 && (this.ier & IER_EMSC) !== 0) return IIR_MLSC;
    return IIR_NOPEND;
  }
}

/** The chip on a bus: wider accesses are cut into bytes, low byte first. */
export function uartRegisters(uart: Uart16550): BusHandler {
  return {
    read(offset, size) {
      let value = 0;
      for (let i = 0; i < size; i++) value += uart.read(offset + i) * 2 ** (8 * i);
      return value;
    },
    write(offset, size, value) {
      for (let i = 0; i < size; i++) uart.write(offset + i, (value >>> (8 * i)) & 0xff);
    },
  };
}

/** The modem lines: wired to the outputs in loop-back, else a far end that is always there. */
function modemStatus(mcr: number): number {
  if ((mcr & MCR_LOOPBACK) === 0) return MSR_DCD | MSR_DSR;
  return (
    ((mcr & MCR_RTS) !== 0 ? MSR_CTS : 0) |
    ((mcr & MCR_DTR) !== 0 ? MSR_DSR : 0) |
    ((mcr & MCR_OUT1) !== 0 ? MSR_RI : 0) |
    ((mcr & MCR_OUT2) !== 0 ? MSR_DCD : 0)
  );
}
