// SPDX-License-Identifier: BSD-2-Clause
// docs/opinions.md from what the peers said.
import type { PeerName } from "./peers.ts";
import type { AskedCase } from "./suites.ts";

export const PAGE = "docs/opinions.md";

export type Opinion =
  | { readonly kind: "agrees"; readonly differences: readonly string[] }
  | { readonly kind: "differs"; readonly objection: string; readonly known: string | undefined }
  | { readonly kind: "not asked"; readonly reason: string }
  /** It crashed or hung. */
  | { readonly kind: "silent" };

export interface PeerOpinions {
  readonly peer: PeerName;
  readonly version: string;
  readonly opinions: ReadonlyMap<AskedCase, Opinion>;
}

const HEAD = `# Second opinions

<!-- Written by \`npm run opinions -- --write\`. -->

The system programs of \`test/system\` state what the manual says. They were written with the manual beside them and
with our engines to run them; here are two emulators that had no part in it. Each runs the same programs from the same
state, and each case's own expectation judges what it leaves behind: exceptions with their frames, registers, memory.
Where one differs, the manual was read again, and the table says who is right. No case was changed for an emulator's
sake, and none of them is needed to test tshyve.

A ROM takes the place of the BIOS (\`test/system/opinions/monitor.ts\`). All its software lives in system management
mode: RSM loads a program's initial state from the save area, whatever mode it is for, and where the program halts an
SMI saves the state that it has come to.

Cases of \`test/system/apic.test.ts\` are not among them: they are about the devices of tshyve's machine.
`;

export function opinionsPage(peers: readonly PeerOpinions[]): string {
  return [HEAD, suiteTable(peers), ...peers.map(differenceList), unaskedList(peers)].join("\n");
}

interface Count {
  agrees: number;
  identical: number;
  differs: number;
  silent: number;
  notAsked: number;
}

function countOf(opinions: Iterable<Opinion>): Count {
  const count: Count = { agrees: 0, identical: 0, differs: 0, silent: 0, notAsked: 0 };
  for (const opinion of opinions) {
    if (opinion.kind === "not asked") count.notAsked++;
    else count[opinion.kind]++;
    if (opinion.kind === "agrees" && opinion.differences.length === 0) count.identical++;
  }
  return count;
}

function cells(opinions: readonly Opinion[]): string[] {
  const { agrees, identical, differs, silent, notAsked } = countOf(opinions);
  return [`${agrees} (${identical})`, `${differs + silent || ""}`, `${notAsked || ""}`];
}

function row(texts: readonly string[]): string {
  return `| ${texts.join(" | ")} |`;
}

function suiteTable(peers: readonly PeerOpinions[]): string {
  const suites = [...new Set([...(peers[0]?.opinions.keys() ?? [])].map(({ suite }) => suite))];
  const heads = peers.flatMap(({ version }) => [
    `${version} agrees (to the bit)`,
    "differs",
    "not asked",
  ]);
  const lines = [row(["cases", ...heads]), row(["---", ...heads.map(() => "---:")])];
  const opinionsIn = ({ opinions }: PeerOpinions, suite?: string) =>
    [...opinions]
      .filter(([each]) => suite === undefined || each.suite === suite)
      .map(([, it]) => it);
  for (const suite of suites) {
    lines.push(row([suite, ...peers.flatMap((peer) => cells(opinionsIn(peer, suite)))]));
  }
  lines.push(row(["all", ...peers.flatMap((peer) => cells(opinionsIn(peer)))]));
  return `${lines.join("\n")}\n
"To the bit" means that registers, segments' hidden parts and all memory are also as our interpreter leaves them, of
which a case looks at a few.
`;
}

function differenceList({ version, opinions }: PeerOpinions): string {
  const byReason = new Map<string, string[]>();
  for (const [{ name }, opinion] of opinions) {
    if (opinion.kind !== "differs" && opinion.kind !== "silent") continue;
    const reason =
      opinion.kind === "silent"
        ? "No answer: it crashed or hung."
        : (opinion.known ?? "Not looked into.");
    byReason.set(reason, [...(byReason.get(reason) ?? []), name]);
  }
  const lines = [...byReason].map(([reason, names]) => {
    const example = names.length === 1 ? names[0]! : `${names.length} cases, such as ${names[0]}`;
    return row([example.replaceAll("|", "\\|"), reason]);
  });
  return [
    `## Where ${version} differs\n`,
    row(["case", "who is right"]),
    row(["---", "---"]),
    ...lines,
    "",
  ].join("\n");
}

function unaskedList(peers: readonly PeerOpinions[]): string {
  const lines = peers.flatMap(({ version, opinions }) => {
    const byReason = new Map<string, number>();
    for (const opinion of opinions.values()) {
      if (opinion.kind !== "not asked") continue;
      byReason.set(opinion.reason, (byReason.get(opinion.reason) ?? 0) + 1);
    }
    return [...byReason].map(([reason, times]) => `- ${version}, ${times} cases: ${reason}.`);
  });
  return ["## What they were not asked\n", ...lines, ""].join("\n");
}
