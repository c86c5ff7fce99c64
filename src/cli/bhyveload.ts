#!/usr/bin/env node
// SPDX-License-Identifier: BSD-2-Clause
import { BHYVELOAD, bhyveload } from "./bhyveload-command.ts";
import { main } from "./run-main.ts";

await main(BHYVELOAD, bhyveload);
