// SPDX-License-Identifier: BSD-2-Clause
// Bit tests, scans, counts and CRC32.
import { type IsaRow, row } from "./row.ts";

const TEST = { flags: "uu-uum" };
const CHANGE = { flags: "uu-uum", canLock: true };
const COUNT = { flags: "uumuum" };

export const BIT_ROWS: readonly IsaRow[] = [
  row("bt", "Ev,Gv", "0F A3", "bt", TEST),
  row("bts", "Ev,Gv", "0F AB", "bts", CHANGE),
  row("btr", "Ev,Gv", "0F B3", "btr", CHANGE),
  row("btc", "Ev,Gv", "0F BB", "btc", CHANGE),
  row("bt", "Ev,Ib", "0F BA /4", "bt", TEST),
  row("bts", "Ev,Ib", "0F BA /5", "bts", CHANGE),
  row("btr", "Ev,Ib", "0F BA /6", "btr", CHANGE),
  row("btc", "Ev,Ib", "0F BA /7", "btc", CHANGE),

  row("bsf", "Gv,Ev", "0F BC", "bsf", { flags: "uumuuu" }),
  row("bsr", "Gv,Ev", "0F BD", "bsr", { flags: "uumuuu" }),
  row("tzcnt", "Gv,Ev", "F3 0F BC", "tzcnt", { ...COUNT, feature: "BMI1" }),
  row("lzcnt", "Gv,Ev", "F3 0F BD", "lzcnt", { ...COUNT, feature: "LZCNT" }),
  row("popcnt", "Gv,Ev", "F3 0F B8", "popcnt", { flags: "00m000", feature: "POPCNT" }),
  row("crc32", "Gy,Eb", "F2 0F 38 F0", "crc32", { feature: "SSE4_2", aux: 1 }),
  row("crc32", "Gy,Ev", "F2 0F 38 F1", "crc32", { feature: "SSE4_2" }),
];
