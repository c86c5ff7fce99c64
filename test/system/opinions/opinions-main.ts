// SPDX-License-Identifier: BSD-2-Clause
// npm run opinions -- …: other emulators on the system programs of test/system, see USAGE. Exit status: 1 if one
// differs where nobody has said why, 2 if none could be asked.
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { Answer } from "./answers.ts";
import { knownDifference, reasonNotToAsk } from "./differences.ts";
import { judge } from "./judge.ts";
import { type Opinion, opinionsPage, PAGE, type PeerOpinions } from "./page.ts";
import { askPeer, PEERS, type PeerName, peerVersion } from "./peers.ts";
import { type AskedCase, allCases } from "./suites.ts";

const USAGE = `usage: npm run opinions -- [--peer=qemu|bochs] [--only=TEXT] [--show=all|new] [--write]
  Has QEMU TCG and Bochs run the system programs of test/system, and compares what they leave behind with what the
  programs expect and with what our interpreter leaves.
  --peer=NAME    one of them; otherwise all that are installed
  --only=TEXT    cases whose suite and title have this in them
  --show=all     print differences that are explained, too, and those that no case looks at
  --write        write ${PAGE}
`;

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function opinionOf(peer: PeerName, asked: AskedCase, answer: Answer | undefined): Opinion {
  if (answer === undefined) return { kind: "silent" };
  const { objection, differences } = judge(asked.each, answer);
  if (objection === undefined) return { kind: "agrees", differences };
  return { kind: "differs", objection, known: knownDifference(peer, asked.name) };
}

async function opinionsOf(peer: PeerName, version: string, only: string): Promise<PeerOpinions> {
  const chosen = allCases().filter(({ name }) => name.includes(only));
  const asked = chosen.filter((each) => reasonNotToAsk(peer, each) === undefined);
  const answers = await askPeer(
    peer,
    asked.map(({ each }) => each),
  );
  const opinions = new Map<AskedCase, Opinion>();
  for (const each of chosen) {
    const reason = reasonNotToAsk(peer, each);
    if (reason !== undefined) opinions.set(each, { kind: "not asked", reason });
    else opinions.set(each, opinionOf(peer, each, answers.get(asked.indexOf(each))));
  }
  return { peer, version, opinions };
}

function show({ version, opinions }: PeerOpinions, isAll: boolean): number {
  let unexplained = 0;
  const count = { agrees: 0, differs: 0, silent: 0, "not asked": 0 };
  let identical = 0;
  for (const [{ name, each }, opinion] of opinions) {
    count[opinion.kind]++;
    if (opinion.kind === "agrees" && opinion.differences.length === 0) identical++;
    if (opinion.kind === "agrees" && isAll && opinion.differences.length > 0) {
      print(`agrees, but: ${name}\n  ${opinion.differences.slice(0, 8).join("\n  ")}`);
    }
    if (opinion.kind === "silent") print(`no answer: ${name}`);
    if (opinion.kind !== "differs" || (opinion.known !== undefined && !isAll)) continue;
    print(`differs: ${name} [${each.manual}]\n  ${opinion.objection.replaceAll("\n", "\n  ")}`);
    if (opinion.known === undefined) unexplained++;
  }
  print(
    `${version}: ${count.agrees} agree (${identical} to the bit), ${count.differs} differ ` +
      `(${unexplained} unexplained), ${count.silent} without an answer, ${count["not asked"]} not asked`,
  );
  return unexplained;
}

export async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      peer: { type: "string" },
      only: { type: "string", default: "" },
      show: { type: "string", default: "new" },
      write: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const all: PeerOpinions[] = [];
  let unexplained = 0;
  for (const peer of PEERS) {
    if (values.peer !== undefined && values.peer !== peer) continue;
    const version = peerVersion(peer);
    if (version === undefined) print(`${peer} is not installed`);
    else {
      const opinions = await opinionsOf(peer, version, values.only);
      all.push(opinions);
      unexplained += show(opinions, values.show === "all");
    }
  }
  if (values.write) writeFileSync(PAGE, opinionsPage(all));
  if (all.length === 0) return 2;
  return unexplained === 0 ? 0 : 1;
}
