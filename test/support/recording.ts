// SPDX-License-Identifier: BSD-2-Clause
// What a real processor did with single instructions, as test/guest/fixtures keeps it: a line an instruction, with a
// hash of the state after it for each operand set.

/** A line of a recording: the instruction, its bytes in hexadecimal, a hash for each operand set. */
export interface RecordedInstruction {
  readonly text: string;
  readonly code: readonly number[];
  /** In hexadecimal; "-" where what happens is not defined. */
  readonly hashes: readonly string[];
}

export function parseRecording(text: string): RecordedInstruction[] {
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const [title, code, hashes] = line.split(" | ") as [string, string, string];
      return {
        text: title,
        code: code.match(/../g)!.map((byte) => Number.parseInt(byte, 16)),
        hashes: hashes.split(" "),
      };
    });
}

/** Executes an instruction with an operand set, by its number, and hashes the state after it. */
export interface RecordingRunner {
  hash(code: readonly number[], operandSet: number): number;
}

/** Which operand sets of a recorded instruction give something else here. */
export function differences(
  runner: RecordingRunner,
  { code, hashes }: RecordedInstruction,
): number[] {
  const differing: number[] = [];
  hashes.forEach((hash, number) => {
    if (hash !== "-" && runner.hash(code, number) !== Number.parseInt(hash, 16)) {
      differing.push(number);
    }
  });
  return differing;
}
