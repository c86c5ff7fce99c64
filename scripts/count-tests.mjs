// SPDX-License-Identifier: BSD-2-Clause
// The last line of .ci/run from vitest's JSON report: `N passed, N failed`, behind the titles of what failed
// and the number of what was skipped. A file that could not be loaded counts as one failure.
import fs from "node:fs";

const [report] = process.argv.slice(2);
const results = JSON.parse(fs.readFileSync(report, "utf8")).testResults;
const tests = results.flatMap(({ assertionResults }) => assertionResults);
const broken = results.filter(
  ({ status, assertionResults }) =>
    status === "failed" && !assertionResults.some((test) => test.status === "failed"),
);
const failed = tests.filter(({ status }) => status === "failed");
const passed = tests.filter(({ status }) => status === "passed").length;
for (const { name, message } of broken) console.log(`failed: ${name}: ${message}`);
for (const { fullName } of failed) console.log(`failed: ${fullName}`);
console.log(`${tests.length - passed - failed.length} skipped; each says why in its title`);
console.log(`${passed} passed, ${failed.length + broken.length} failed`);
process.exitCode = failed.length + broken.length > 0 ? 1 : 0;
