#!/usr/bin/env node
// SPDX-License-Identifier: BSD-2-Clause
import { BHYVECTL, bhyvectl } from "./bhyvectl-command.ts";
import { main } from "./run-main.ts";

await main(BHYVECTL, bhyvectl);
