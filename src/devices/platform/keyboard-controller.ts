// SPDX-License-Identifier: BSD-2-Clause
// The 8042 keyboard controller with nothing plugged in. IBM PS/2 technical reference, "Keyboard and auxiliary device
// controller"; bhyve: bhyve/atkbdc.c, which has a keyboard and a mouse behind it.
//
// What a driver's probe finds, and why it is quick:
// - the controller is healthy: self-test 0x55, command byte reads back, keyboard interface test passes;
// - a byte sent to the keyboard times out on the line: the controller answers 0xFE with the time-out bit set,
//   as a real one does without a keyboard, and at once, so that nobody waits for an acknowledge;
// - there is no second port: its interface test fails, and the loop-back answers as the keyboard's.
// The output port's reset line and the pulse commands (0xFE) reset the machine: the way systems without ACPI reboot.
// Gate A20 reads back and does nothing: the address line is always there, as in bhyve.
import type { Bus, BusHandler } from "../bus.ts";
import type { IrqPin } from "../irq.ts";
import { bytePorts } from "./byte-ports.ts";

const KBC_DATA_PORT = 0x60;
const KBC_COMMAND_PORT = 0x64;

const STATUS_OUTPUT_FULL = 0x01;
const STATUS_SYSTEM = 0x04;
const STATUS_COMMAND = 0x08;
const STATUS_NOT_INHIBITED = 0x10;
const STATUS_TIMEOUT = 0x40;

const COMMAND_BYTE_KEYBOARD_INTERRUPT = 0x01;
const COMMAND_BYTE_SYSTEM = 0x04;
const COMMAND_BYTE_KEYBOARD_DISABLED = 0x10;
const COMMAND_BYTE_AUX_DISABLED = 0x20;
const COMMAND_BYTE_TRANSLATE = 0x40;

const SELF_TEST_PASSED = 0x55;
const INTERFACE_TEST_PASSED = 0x00;
/** "Data line stuck high": the one failure that no driver takes for a harmless one. */
const INTERFACE_TEST_FAILED = 0x04;
const RESEND = 0xfe;
const INPUT_PORT_UNLOCKED = 0x80;
const OUTPUT_PORT_RESET = 0x01;
const OUTPUT_PORT_A20 = 0x02;

const READ_COMMAND_BYTE = 0x20;
const WRITE_COMMAND_BYTE = 0x60;
const DISABLE_AUX = 0xa7;
const ENABLE_AUX = 0xa8;
const TEST_AUX = 0xa9;
const SELF_TEST = 0xaa;
const TEST_KEYBOARD = 0xab;
const DISABLE_KEYBOARD = 0xad;
const ENABLE_KEYBOARD = 0xae;
const READ_INPUT_PORT = 0xc0;
const READ_OUTPUT_PORT = 0xd0;
const WRITE_OUTPUT_PORT = 0xd1;
const WRITE_KEYBOARD_OUTPUT = 0xd2;
const WRITE_AUX_OUTPUT = 0xd3;
const WRITE_AUX = 0xd4;
const READ_TEST_INPUTS = 0xe0;
const FIRST_PULSE = 0xf0;

export interface KeyboardControllerOptions {
  /** IRQ 1: high while the output buffer is full and its interrupt enabled. */
  readonly irq: IrqPin;
  /** The guest asked for a reset of the machine. */
  readonly onReset: () => void;
}

export class KeyboardController {
  /** The controller's memory; byte 0 is the command byte. */
  readonly memory = new Uint8Array(32);
  outputBuffer = 0;
  outputPort = 0;
  isOutputFull = false;
  hasTimedOut = false;
  /** The command that waits for its data byte, -1 if none does. */
  pendingCommand = -1;
  lastWasCommand = false;
  /** Ports 0x60 and 0x64. */
  readonly dataPort: BusHandler = bytePorts({
    readByte: () => this.readData(),
    writeByte: (_offset, value) => this.writeData(value),
  });
  readonly commandPort: BusHandler = bytePorts({
    readByte: () => this.status(),
    writeByte: (_offset, value) => this.writeCommand(value),
  });
  private isIrqHigh = false;
  private readonly irq: IrqPin;
  private readonly onReset: () => void;

  constructor(options: KeyboardControllerOptions) {
    this.irq = options.irq;
    this.onReset = options.onReset;
    this.reset();
  }

  attachTo(io: Bus): void {
    io.attach(KBC_DATA_PORT, 1, "kbc-data", this.dataPort);
    io.attach(KBC_COMMAND_PORT, 1, "kbc-command", this.commandPort);
  }

  /** As firmware leaves it: self-test passed, interrupts off, translation on, second port disabled. */
  reset(): void {
    this.memory.fill(0);
    this.memory[0] = COMMAND_BYTE_SYSTEM | COMMAND_BYTE_AUX_DISABLED | COMMAND_BYTE_TRANSLATE;
    this.outputPort = OUTPUT_PORT_RESET | OUTPUT_PORT_A20;
    this.outputBuffer = 0;
    this.isOutputFull = false;
    this.hasTimedOut = false;
    this.pendingCommand = -1;
    this.lastWasCommand = false;
    this.updateIrq();
  }

  /** The input buffer is always empty: every byte is dealt with as it comes. */
  private status(): number {
    return (
      STATUS_NOT_INHIBITED |
      (this.isOutputFull ? STATUS_OUTPUT_FULL : 0) |
      ((this.memory[0] & COMMAND_BYTE_SYSTEM) !== 0 ? STATUS_SYSTEM : 0) |
      (this.lastWasCommand ? STATUS_COMMAND : 0) |
      (this.hasTimedOut ? STATUS_TIMEOUT : 0)
    );
  }

  /** An empty buffer still holds its last byte. */
  private readData(): number {
    this.isOutputFull = false;
    this.hasTimedOut = false;
    this.updateIrq();
    return this.outputBuffer;
  }

  private writeData(value: number): void {
    const command = this.pendingCommand;
    this.pendingCommand = -1;
    this.lastWasCommand = false;
    if (command >= WRITE_COMMAND_BYTE && command < WRITE_COMMAND_BYTE + 32) {
      this.memory[command & 0x1f] = value;
      this.updateIrq();
      return;
    }
    switch (command) {
      case WRITE_OUTPUT_PORT:
        this.outputPort = value;
        if ((value & OUTPUT_PORT_RESET) === 0) this.onReset();
        break;
      case WRITE_KEYBOARD_OUTPUT:
      case WRITE_AUX_OUTPUT:
        this.answer(value);
        break;
      case WRITE_AUX:
        this.answerTimeout();
        break;
      default:
        // Talking to the keyboard enables its interface.
        this.memory[0] &= ~COMMAND_BYTE_KEYBOARD_DISABLED;
        this.answerTimeout();
    }
  }

  private writeCommand(value: number): void {
    this.lastWasCommand = true;
    this.pendingCommand = -1;
    if (value >= READ_COMMAND_BYTE && value < READ_COMMAND_BYTE + 32) {
      this.answer(this.memory[value & 0x1f]);
    } else if (value >= FIRST_PULSE) {
      if ((value & OUTPUT_PORT_RESET) === 0) this.onReset();
    } else if (takesData(value)) {
      this.pendingCommand = value;
    } else {
      this.execute(value);
    }
  }

  private execute(command: number): void {
    switch (command) {
      case DISABLE_AUX:
        this.memory[0] |= COMMAND_BYTE_AUX_DISABLED;
        break;
      case ENABLE_AUX:
        this.memory[0] &= ~COMMAND_BYTE_AUX_DISABLED;
        break;
      case DISABLE_KEYBOARD:
        this.memory[0] |= COMMAND_BYTE_KEYBOARD_DISABLED;
        break;
      case ENABLE_KEYBOARD:
        this.memory[0] &= ~COMMAND_BYTE_KEYBOARD_DISABLED;
        break;
      case SELF_TEST:
        this.memory[0] |= COMMAND_BYTE_SYSTEM;
        this.answer(SELF_TEST_PASSED);
        break;
      case TEST_KEYBOARD:
        this.answer(INTERFACE_TEST_PASSED);
        break;
      case TEST_AUX:
        this.answer(INTERFACE_TEST_FAILED);
        break;
      case READ_INPUT_PORT:
        this.answer(INPUT_PORT_UNLOCKED);
        break;
      case READ_TEST_INPUTS:
        this.answer(0);
        break;
      case READ_OUTPUT_PORT:
        this.answer(this.outputPort | (this.isOutputFull ? 0x10 : 0));
        break;
    }
  }

  private answer(value: number): void {
    this.outputBuffer = value;
    this.isOutputFull = true;
    this.hasTimedOut = false;
    this.updateIrq();
  }

  private answerTimeout(): void {
    this.answer(RESEND);
    this.hasTimedOut = true;
  }

  private updateIrq(): void {
    const isHigh = this.isOutputFull && (this.memory[0] & COMMAND_BYTE_KEYBOARD_INTERRUPT) !== 0;
    if (isHigh === this.isIrqHigh) return;
    this.isIrqHigh = isHigh;
    if (isHigh) this.irq.assert();
    else this.irq.deassert();
  }
}

function takesData(command: number): boolean {
  if (command >= WRITE_COMMAND_BYTE && command < WRITE_COMMAND_BYTE + 32) return true;
  return command >= WRITE_OUTPUT_PORT && command <= WRITE_AUX;
}
