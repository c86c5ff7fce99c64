#!/usr/bin/env node
// SPDX-License-Identifier: BSD-2-Clause
import { BHYVE, bhyve } from "./bhyve-command.ts";
import { main } from "./run-main.ts";

await main(BHYVE, bhyve);
