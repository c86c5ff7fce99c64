#!/usr/bin/env node
// SPDX-License-Identifier: BSD-2-Clause
import { prepareVmWorker } from "../host/vm-worker-start.ts";

// Anything but a plea for help will run a VM; its thread loads beside what this one is about to load.
if (process.argv.length > 3) prepareVmWorker();
const [{ BHYVE, bhyve }, { main }] = await Promise.all([
  import("./bhyve-command.ts"),
  import("./run-main.ts"),
]);
await main(BHYVE, bhyve);
