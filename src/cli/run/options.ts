// SPDX-License-Identifier: BSD-2-Clause
import fs from "node:fs";
import { VmmError } from "../../base/errors.ts";
import { hostError } from "../../host/host-error.ts";
import { durationNs } from "../../vmm/duration.ts";
import { UsageError } from "../getopt.ts";
import { parseWords } from "../parse-words.ts";
import { parsePattern } from "./pattern.ts";
import type { GuestChoice, RunRequest, RunTraces } from "./request.ts";
import { parseScript } from "./script.ts";

const OPTIONS = {
  freebsd: { type: "string" },
  linux: { type: "string" },
  initrd: { type: "string" },
  append: { type: "string" },
  "system-map": { type: "string" },
  guest: { type: "string" },
  replay: { type: "string" },
  memory: { type: "string", short: "m" },
  slot: { type: "string", short: "s", multiple: true },
  lpc: { type: "string", short: "l", multiple: true },
  option: { type: "string", short: "o", multiple: true },
  expect: { type: "string", multiple: true },
  fail: { type: "string", multiple: true },
  timeout: { type: "string" },
  "wall-timeout": { type: "string" },
  "max-instructions": { type: "string" },
  script: { type: "string" },
  log: { type: "string" },
  junit: { type: "string" },
  capsule: { type: "string" },
  "no-capsule": { type: "boolean" },
  "allow-panic": { type: "boolean" },
  "write-disks": { type: "boolean" },
} as const;

const DEFAULT_CAPSULE = "tshyve-failure";

/** A run, or the repetition of one from the capsule in `replay`. */
export interface RunCommandLine {
  readonly request: RunRequest | undefined;
  readonly replay: string | undefined;
  readonly maxInstructions: number | undefined;
  readonly traces: RunTraces;
}

type Values = ReturnType<typeof valuesOf>;

/** Throws UsageError for a wrong command line, a VmmError for values that make no sense. */
export function parseRunOptions(argv: readonly string[]): RunCommandLine {
  const end = argv.indexOf("--");
  const values = valuesOf(end < 0 ? argv : argv.slice(0, end));
  const command = end < 0 ? [] : argv.slice(end + 1);
  checkCompany(values, command);
  const { replay, log, junit } = values;
  const maxInstructions = count(values["max-instructions"]);
  const traces = {
    ...(log === undefined ? {} : { log }),
    ...(junit === undefined ? {} : { junit }),
    ...(values["no-capsule"] === true ? {} : { capsule: values.capsule ?? DEFAULT_CAPSULE }),
  };
  const request = replay === undefined ? requestOf(values, command, maxInstructions) : undefined;
  return { request, replay, maxInstructions, traces };
}

function valuesOf(argv: readonly string[]) {
  return parseWords({ args: [...argv], options: OPTIONS }).values;
}

/** A capsule has everything that its run was asked for. */
const WITH_REPLAY: ReadonlySet<string> = new Set([
  ...["replay", "max-instructions", "log", "junit", "no-capsule"],
]);

function checkCompany(values: Values, command: readonly string[]): void {
  if (values.replay !== undefined) {
    const other = Object.keys(values).find((name) => !WITH_REPLAY.has(name));
    const word = other === undefined ? "a command" : `--${other}`;
    if (other !== undefined || command.length > 0) {
      throw new UsageError(`--replay repeats a run as it was: leave ${word} away`);
    }
  }
  if (values["no-capsule"] === true && values.capsule !== undefined) {
    throw new UsageError("--capsule and --no-capsule cannot be together");
  }
}

function requestOf(
  values: Values,
  command: readonly string[],
  maxInstructions: number | undefined,
): RunRequest {
  const { memory, timeout, "wall-timeout": wallTimeout, expect = [], fail = [] } = values;
  for (const pattern of [...expect, ...fail]) parsePattern(pattern);
  for (const duration of [timeout, wallTimeout]) if (duration !== undefined) durationNs(duration);
  return {
    guest: guestOf(values),
    ...(memory === undefined ? {} : { memory }),
    devices: values.slot ?? [],
    lpc: values.lpc ?? [],
    variables: Object.fromEntries((values.option ?? []).map(assignment)),
    expect,
    fail,
    ...(timeout === undefined ? {} : { timeout }),
    ...(wallTimeout === undefined ? {} : { wallTimeout }),
    ...(maxInstructions === undefined ? {} : { maxInstructions }),
    ...(values.script === undefined ? {} : { script: readScript(values.script) }),
    command,
    isPanicFatal: values["allow-panic"] !== true,
    writesDisks: values["write-disks"] === true,
  };
}

function guestOf(values: Values): GuestChoice {
  const { freebsd, linux, guest, initrd, append, "system-map": systemMap } = values;
  const given = [freebsd, linux, guest].filter((each) => each !== undefined);
  if (given.length !== 1) throw new UsageError("expected one of --freebsd, --linux and --guest");
  if (linux === undefined && (initrd ?? append ?? systemMap) !== undefined) {
    throw new UsageError("--initrd, --append and --system-map go with --linux");
  }
  if (freebsd !== undefined) return { kind: "freebsd", image: freebsd };
  if (guest !== undefined) return { kind: "embedded", name: guest };
  return {
    kind: "linux",
    kernel: linux!,
    ...(initrd === undefined ? {} : { initrd }),
    ...(append === undefined ? {} : { append }),
    ...(systemMap === undefined ? {} : { systemMap }),
  };
}

function assignment(text: string): [string, string] {
  const equals = text.indexOf("=");
  if (equals > 0) return [text.slice(0, equals), text.slice(equals + 1)];
  throw new VmmError(
    "ERR_BAD_OPTION",
    `invalid configuration option '${text}': expected name=value`,
  );
}

function count(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text.replaceAll("_", "").replaceAll(",", ""));
  if (text !== "" && Number.isSafeInteger(number) && number > 0) return number;
  throw new VmmError("ERR_BAD_OPTION", `'${text}' is not a number of instructions`);
}

/** Parsed here for its mistakes, and again when it runs. */
function readScript(path: string): { name: string; text: string } {
  let text: string;
  try {
    text = fs.readFileSync(path, "utf8");
  } catch (cause) {
    throw hostError(`read the script ${path}`, cause);
  }
  parseScript(path, text);
  return { name: path, text };
}
