#!/usr/bin/env node
// SPDX-License-Identifier: BSD-2-Clause
import { main } from "./run-main.ts";
import { TSHYVE, tshyve } from "./tshyve-command.ts";

await main(TSHYVE, tshyve);
