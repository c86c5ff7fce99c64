// SPDX-License-Identifier: BSD-2-Clause
// A run as JUnit's XML, which every CI reads: a test case for each expectation, and one for the run.

import { isSuccess } from "./verdict.ts";
import type { RunReport } from "./watch.ts";

export interface JunitRun {
  readonly report: RunReport;
  readonly guestNs: number;
  readonly console: string;
}

export function junitXml({ report, guestNs, console }: JunitRun): string {
  const { verdict, expectations } = report;
  const didFail = !isSuccess(verdict);
  const cases = expectations.map(({ source, guestNs: seenNs }) => {
    const name = `expect ${source}`;
    if (seenNs !== undefined) return testCase(name, seenNs, "");
    return testCase(name, guestNs, `<failure message="${escapeXml("it was not seen")}"/>`);
  });
  const failure = didFail
    ? `<failure type="${verdict.kind}" message="${escapeXml(verdict.message)}"/>`
    : "";
  cases.push(testCase("run", guestNs, failure));
  const failures = expectations.filter(({ guestNs: seen }) => seen === undefined).length;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuite name="tshyve run" tests="${cases.length}" failures="${failures + (didFail ? 1 : 0)}" time="${seconds(guestNs)}">`,
    ...cases.map((each) => `  ${each}`),
    `  <system-out>${escapeXml(console)}</system-out>`,
    "</testsuite>",
    "",
  ].join("\n");
}

function testCase(name: string, ns: number, content: string): string {
  return `<testcase classname="tshyve" name="${escapeXml(name)}" time="${seconds(ns)}">${content}</testcase>`;
}

function seconds(ns: number): string {
  return (ns / 1e9).toFixed(6);
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};

/** XML 1.0 has no way to write most control characters: they show as their pictures. */
function escapeXml(text: string): string {
  return (
    text
      .replace(/[&<>"]/g, (character) => ENTITIES[character]!)
      .replaceAll("\r", "")
      // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what must not be there
      .replace(/[\x00-\x08\x0b\x0c\x0e-\x1f]/g, (character) =>
        String.fromCharCode(0x2400 + character.charCodeAt(0)),
      )
      .replace(
        /[\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g,
        "\ufffd",
      )
  );
}
