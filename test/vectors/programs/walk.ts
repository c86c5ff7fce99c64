// SPDX-License-Identifier: BSD-2-Clause
// A program's execution, one instruction at a time on the interpreter, watched for what would make its outcome
// depend on the processor: reads of undefined flags, operands on which processors differ. Generators use it
// to see where a program would lead, and shrinking to see that what is left is still fair.
import { FLAG_TF, FLAGS_ARITHMETIC } from "../../../src/cpu/flags.ts";
import { CONDITION_CODES } from "../../../src/cpu/fpu/status.ts";
import type { Operation } from "../../../src/cpu/isa/operations.ts";
import { isGather } from "../choices.ts";
import { type Choice, encode } from "../encoder.ts";
import { effectiveAddress } from "../native/addresses.ts";
import { type Layout, PAGE } from "../native/layouts.ts";
import type { NativeAnswer } from "../native/native-host.ts";
import { type Scenario, shiftUse } from "../native/scenario.ts";
import { encodingObstacle, outcomeObstacle } from "../native/skip-list.ts";
import { FCW_AT, FIELD_BY_NAME, FSW_AT, MXCSR_AT, type Snapshot } from "../snapshot.ts";
import { flagsWith, undefinedConditions, undefinedFlags } from "../undefined-flags.ts";
import type { MemoryPiece, Vector, VectorException } from "../vector.ts";
import { isRepeatedString, type Outcome, type VectorMachine } from "../vector-machine.ts";
import type { Assembly, Instruction } from "./program.ts";

const RCX = 1;
const FLAG_AC = 1 << 18;
const EXCEPTION_MASKS = 0x3f;
const MXCSR_MM = 1 << 17;
/** #DB. */
const DEBUG = 1;

/** Instructions that put condition codes where they can be seen. */
const READS_CONDITIONS: ReadonlySet<Operation> = new Set<Operation>([
  ...(["fnstsw", "fnstenv", "fnsave", "fxsave", "xsave"] as const),
]);

/** Instructions outside the x87's own set that load its status. */
const LOADS_STATUS: ReadonlySet<Operation> = new Set<Operation>(["fxrstor", "xrstor"]);

/** Everything that a walk knows at one point. */
export interface WalkState {
  readonly registers: Snapshot;
  readonly pages: readonly MemoryPiece[];
  readonly openFlags: number;
  readonly openConditions: number;
}

export class Walk {
  readonly #machine: VectorMachine;
  readonly #layout: Layout;
  /** The program is to run on the host's processor as well. */
  readonly #isPortable: boolean;
  #registers: Snapshot;
  /** Bits that may have any value at this point. */
  #openFlags = 0;
  #openConditions = 0;
  /** The exception that ended it. */
  exception: VectorException | undefined;
  executed = 0;

  constructor(
    machine: VectorMachine,
    layout: Layout,
    isPortable: boolean,
    start: { readonly registers: Snapshot; readonly memory: readonly MemoryPiece[] },
  ) {
    this.#machine = machine;
    this.#layout = layout;
    this.#isPortable = isPortable;
    this.#registers = start.registers.copy();
    machine.load({ ...start, code: new Uint8Array() });
  }

  /** As they are now. */
  get registers(): Snapshot {
    return this.#registers;
  }

  get undefinedBits(): Vector["undefinedBits"] {
    return [
      { field: FIELD_BY_NAME.get("rflags")!, mask: BigInt(this.#openFlags) },
      { field: FIELD_BY_NAME.get("fsw")!, mask: BigInt(this.#openConditions) },
    ];
  }

  save(): WalkState {
    const { code, data, stack } = this.#layout;
    return {
      registers: this.#registers,
      pages: [code, data, data + PAGE, stack].map((page) => this.#machine.page(page)),
      openFlags: this.#openFlags,
      openConditions: this.#openConditions,
    };
  }

  /** Goes back to a saved state, or to another RIP in it. */
  restore(state: WalkState, change: (registers: Snapshot) => void = () => {}): void {
    this.#registers = state.registers.copy();
    change(this.#registers);
    this.#openFlags = state.openFlags;
    this.#openConditions = state.openConditions;
    this.exception = undefined;
    this.#machine.load({
      registers: this.#registers,
      memory: state.pages,
      code: new Uint8Array(),
    });
  }

  /** Executes from where it is until RIP is `until` or an exception comes: why it must not, if it must not. */
  run(assembly: Assembly, start: bigint, until: bigint, limit: number): string | undefined {
    this.#machine.store({ address: start, bytes: assembly.code });
    for (let steps = 0; this.#registers.rip !== until; steps++) {
      if (steps === limit) return "it takes too long";
      const instruction = assembly.instructions.get(this.#registers.rip);
      if (instruction === undefined) return "it leaves its code";
      const obstacle = this.#step(instruction);
      if (obstacle !== undefined) return obstacle;
      if (this.exception !== undefined) return undefined;
    }
    return undefined;
  }

  #step({ choice }: Instruction): string | undefined {
    const before = this.#registers;
    const code = encode(choice);
    const scenario = this.#scenario(choice, code);
    const obstacle = this.#readsUndefined(choice) ?? this.#encodingObstacle(scenario);
    if (obstacle !== undefined) return obstacle;
    const outcome = this.#machine.step(code);
    this.executed++;
    this.#registers = outcome.registers;
    // A single-step trap would come in the next step.
    const isTrapped = (before.flags & FLAG_TF) !== 0;
    this.exception =
      outcome.exception ??
      (isTrapped ? { vector: DEBUG, code: undefined, cr2: undefined } : undefined);
    if (this.#isPortable) {
      const reason = outcomeObstacle(scenario, answerOf(outcome)) ?? stateObstacle(this.#registers);
      if (reason !== undefined) return reason;
    }
    if (outcome.exception === undefined) this.#settle(choice, before, code);
    return undefined;
  }

  #scenario(choice: Choice, code: Uint8Array): Scenario {
    const registers = this.#registers;
    const next = registers.rip + BigInt(code.length);
    // A gather has many.
    const hasAddress = choice.memory !== undefined && !isGather(choice.parsed);
    const effective = hasAddress ? effectiveAddress(choice, registers, next) : undefined;
    return {
      choice,
      code,
      layout: this.#layout,
      registers,
      memory: [],
      isOneStep: false,
      hasVectors: true,
      shift: shiftUse(choice, registers),
      operand: effective === undefined ? undefined : effective + segmentBase(choice, registers),
      effective,
    };
  }

  #readsUndefined({ parsed: { row } }: Choice): string | undefined {
    if ((flagsWith(row, "tx") & this.#openFlags) !== 0) return "it reads an undefined flag";
    if (this.#openConditions === 0 || !READS_CONDITIONS.has(row.op)) return undefined;
    return "it reads an undefined condition code";
  }

  #encodingObstacle(scenario: Scenario): string | undefined {
    return this.#isPortable ? encodingObstacle(scenario) : undefined;
  }

  /** What is undefined behind an instruction. */
  #settle(choice: Choice, before: Snapshot, code: Uint8Array): void {
    const { row } = choice.parsed;
    if (isRepeatedString(code) && repeatCount(choice, before) === 0n) return;
    const use = shiftUse(choice, before);
    const open = undefinedFlags(row, use);
    const isUnchanged = use !== undefined && open === 0 && (use.count & 0x1f) === 0;
    const touched = isUnchanged ? 0 : FLAGS_ARITHMETIC & ~flagsWith(row, "-t");
    this.#openFlags = (this.#openFlags & ~touched) | open;
    if (LOADS_STATUS.has(row.op)) this.#openConditions = 0;
    else if (row.feature === "X87" || row.op.startsWith("fist")) {
      const openConditions = undefinedConditions(row);
      // FCOMI and its kin leave all but C1 as it is.
      const defined = /^fu?comip?$/.test(row.mnemonic) ? 0 : CONDITION_CODES & ~openConditions;
      this.#openConditions = (this.#openConditions & ~defined) | openConditions;
    }
  }
}

function repeatCount({ prefixes }: Choice, registers: Snapshot): bigint {
  return BigInt.asUintN(prefixes.includes(0x67) ? 32 : 64, registers.gpr(RCX));
}

function segmentBase({ prefixes }: Choice, registers: Snapshot): bigint {
  const last = prefixes.filter((byte) => byte === 0x64 || byte === 0x65).at(-1);
  if (last === undefined) return 0n;
  return registers.read(FIELD_BY_NAME.get(last === 0x64 ? "fs_base" : "gs_base")!);
}

/** Our own outcome as if the host had given it. */
function answerOf({ registers, exception }: Outcome): NativeAnswer {
  return {
    registers,
    hasLeft: false,
    changes: [],
    trap:
      exception === undefined
        ? undefined
        : { vector: exception.vector, code: exception.code ?? 0, cr2: exception.cr2 ?? 0n },
  };
}

/** States from which processors go on in different ways. */
function stateObstacle({ view, flags }: Snapshot): string | undefined {
  if ((view.getUint16(FCW_AT, true) & EXCEPTION_MASKS) !== EXCEPTION_MASKS) {
    return "an x87 exception is not masked";
  }
  if ((view.getUint16(FSW_AT, true) & 0x80) !== 0) return "an x87 exception is pending";
  if ((view.getUint32(MXCSR_AT, true) & MXCSR_MM) !== 0) return "MXCSR has AMD's bit 17";
  return (flags & FLAG_AC) !== 0 ? "alignment checks differ" : undefined;
}
