// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { answerTo, atPrompt } from "../../../../test/support/loader-session.ts";
import { parseHelp } from "./help-commands.ts";

describe("help", () => {
  const helpFile = `#################
# Tls DList files

\tls [-l] [path]
# Tset DSet a variable

\tset <name>=<value>
# Tset Sautoboot_delay DSeconds to wait

\tset autoboot_delay=<seconds>
`;
  it("comes from the image if it carries any", async () => {
    const files = { "/boot/loader.help.userboot": helpFile };
    const { answers } = await atPrompt(
      ["help ls", "help set", "help set autoboot_delay", "help index", "help boot", "help nothing"],
      { files },
    );
    expect(answers[0]).toContain("\tls [-l] [path]");
    expect(answers[1]).toContain("    set autoboot_delay             Seconds to wait");
    expect(answers[2]).toContain("\tset autoboot_delay=<seconds>");
    expect(answers[3]!.split("\n")).toHaveLength(3);
    expect(answers[4]).toContain("\tboot [kernel]");
    expect(answers[5]).toBe("no help available for 'nothing'");
  });

  it("is the commands' own usage otherwise", async () => {
    expect(await answerTo("help load")).toBe("\tload [-k] name [argument …]\n\tload -t type file");
    expect(await answerTo("help index")).toContain(
      "    lsmod                          list loaded modules",
    );
  });

  it("parses whatever the file holds", () => {
    expect(parseHelp("text\n# no topic\n#\n# Ta\nx")).toEqual([
      { topic: "a", subtopic: undefined, description: undefined, lines: ["x"] },
    ]);
  });

  it("? lists the commands with a line for each", async () => {
    const lines = (await answerTo("?"))!.split("\n");
    expect(lines[0]).toBe("Available commands:");
    expect(lines).toContain("  lsdev            list all devices");
    const forth = (await answerTo("?", { isForth: true }))!;
    expect(forth).not.toContain("beastie-start");
  });
});
