// SPDX-License-Identifier: BSD-2-Clause
// The command lines of tshyve's own commands: node:util's parseArgs, whose complaints become one sentence each.
import { type ParseArgsConfig, parseArgs } from "node:util";
import { UsageError } from "./getopt.ts";

/** Throws UsageError. */
export function parseWords<T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    throw new UsageError(oneSentence((error as Error).message));
  }
}

/** What is wrong; and of the advice behind it only how to write an argument that starts with a dash. */
function oneSentence(message: string): string {
  const [sentence = message] = message.split(/\.\s/, 1);
  const advice = /starting with a dash use (.+)\.$/.exec(message);
  return advice === null ? sentence : `${sentence}: if it starts with a dash, use ${advice[1]}`;
}
