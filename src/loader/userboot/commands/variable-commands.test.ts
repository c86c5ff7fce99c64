// SPDX-License-Identifier: BSD-2-Clause
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the loader's own syntax for variables
import { describe, expect, it } from "vitest";
import { answerTo, atPrompt, session } from "../../../../test/support/loader-session.ts";

describe("variables", () => {
  it("are set, shown and expanded", async () => {
    const { answers } = await atPrompt([
      "set a=b",
      "show a",
      "echo <${a}> $a",
      "set a='b c'",
      "echo $a",
    ]);
    expect(answers).toEqual(["", "b", "<b> b", "", "b c"]);
  });

  it("are listed in order", async () => {
    const lines = (await answerTo("show"))!.split("\n");
    expect(lines[0]).toBe("LINES=24");
    expect(lines).toContain("currdev=disk0p2:");
    expect(lines).toEqual([...lines].sort());
  });

  it("that are not there, or must stay, are refused", async () => {
    const { answers } = await atPrompt([
      "show nothing",
      "unset nothing",
      "unset currdev",
      "set loaddev=disk1:",
      "set currdev=disk7:",
      "set",
      "unset a b",
    ]);
    expect(answers).toEqual([
      "variable 'nothing' not found",
      "no such file or directory",
      "operation not permitted",
      "operation not permitted",
      "device not configured",
      "wrong number of arguments",
      "wrong number of arguments",
    ]);
  });

  it("choose a console by name, and keep the old one for a bad name", async () => {
    const { answers } = await atPrompt([
      "set console=comconsole",
      "show console",
      "set console=vidconsole",
      "show console",
    ]);
    expect(answers[1]).toBe("comconsole");
    expect(answers[2]).toBe(
      "console vidconsole is invalid!\nno valid consoles!\nAvailable consoles:\n    userboot\n    comconsole",
    );
    expect(answers[3]).toBe("comconsole");
  });

  it("may shape the prompt", async () => {
    const { console } = (await atPrompt(["set prompt='${interpret}-[$currdev]'", "echo x"]))
      .session;
    expect(console.text).toContain("OK-[$currdev] echo x\nx\n");
  });
});

it("echo -n leaves the line open", async () => {
  const { session: done } = await atPrompt(["echo -n a  b"]);
  expect(done.console.text).toContain("echo -n a  b\na bOK");
});

describe("read", () => {
  it("takes a line into a variable", async () => {
    const { result, console } = await session(
      ["\x1b", "read -p 'name? ' who\r", "Beastie\r", "echo <${who}>\r"],
      {},
    );
    expect(result.kind).toBe("quit");
    expect(console.text).toContain("name? Beastie\n");
    expect(console.text).toContain("\n<Beastie>\n");
  });

  it("gives up after its time", async () => {
    const { console } = await session(["\x1b", "read -t 3 who\r", 60_000, "show who\r"], {});
    expect(console.text).toContain("variable 'who' not found");
    expect(console.elapsedMs).toBe(60_000);
    expect(await answerTo("read -t soon who")).toBe("bad timeout 'soon'");
  });
});
