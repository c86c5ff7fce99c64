// SPDX-License-Identifier: BSD-2-Clause
// What heat.ts has counted, put together for a reader: the hottest blocks, units, pages or functions.
import { hex } from "../base/bits.ts";
import type { Cpu } from "../cpu/cpu.ts";
import { type BlockState, blockState } from "../cpu/jit/unit.ts";
import type { Heat, HotPlace } from "./heat.ts";

export const HEAT_GROUPS = ["block", "unit", "page", "function"] as const;
export type HeatGroup = (typeof HEAT_GROUPS)[number];

export interface HeatRow {
  /** Of its hottest place. */
  readonly address: string;
  readonly isUser: boolean;
  readonly name: string | undefined;
  /** Blocks, or instructions without one, that are put together here. */
  readonly places: number;
  readonly samples: number;
  /** Those that were taken in code with a unit. */
  readonly translated: number;
  /** Of its hottest place as it is now: its block was forgotten since, or it never had one that was kept. */
  readonly state: BlockState | "forgotten" | "blockless";
}

export interface HeatReport {
  readonly samples: number;
  /** Retired while samples were taken, and how many of them in units: exact. */
  readonly instructions: number;
  readonly inUnits: number;
  /** How often a block is interpreted before it is translated; undefined if there is no translator. */
  readonly threshold: number | undefined;
  /** The hottest first. */
  readonly rows: readonly HeatRow[];
}

/** A name and how far behind it a place is. */
export type NameAt = (
  address: bigint,
) => { readonly name: string; readonly offset: bigint } | undefined;

export interface HeatQuestion {
  readonly by: HeatGroup;
  /** Rows at most. */
  readonly count: number;
}

/** `cpu` is the one that was sampled, between two slices. */
export function heatReport(
  cpu: Cpu,
  heat: Heat,
  { by, count }: HeatQuestion,
  nameAt: NameAt,
): Omit<HeatReport, "threshold"> {
  const groups = new Map<string, HotPlace[]>();
  for (const place of heat.places) {
    const key = keyOf(cpu, place, by, nameAt);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [place]);
    else group.push(place);
  }
  const rows = [...groups.values()]
    .map((places) => ({ places, samples: sumOf(places, "samples") }))
    .sort((a, b) => b.samples - a.samples)
    .slice(0, count)
    .map(({ places }) => rowOf(cpu, places, by, nameAt));
  const { samples, instructions, inUnits } = heat;
  return { samples, instructions, inUnits, rows };
}

function stateOf({ cache, code }: Cpu, { offset, codeKey }: HotPlace): BlockState | undefined {
  const block = offset < 0 ? 0 : cache.find(offset, codeKey);
  return block === 0 ? undefined : blockState(code, block);
}

function pageOf(address: bigint): bigint {
  return address & ~0xfffn;
}

/** Places of one group have the same. What belongs to none is a group of its own. */
function keyOf(cpu: Cpu, place: HotPlace, by: HeatGroup, nameAt: NameAt): string {
  const alone = `at ${place.offset} ${place.address}`;
  switch (by) {
    case "block":
      return alone;
    case "unit": {
      const unit = stateOf(cpu, place)?.unit;
      return unit === undefined ? alone : `unit ${unit}`;
    }
    case "page":
      return place.offset < 0 ? `at ${pageOf(place.address)}` : `page ${place.offset >>> 12}`;
    case "function": {
      const name = place.isUser ? undefined : nameAt(place.address)?.name;
      return name === undefined ? alone : `function ${name}`;
    }
  }
}

function sumOf(places: readonly HotPlace[], of: "samples" | "translated"): number {
  return places.reduce((sum, place) => sum + place[of], 0);
}

function rowOf(cpu: Cpu, places: readonly HotPlace[], by: HeatGroup, nameAt: NameAt): HeatRow {
  const hottest = places.reduce((a, b) => (b.samples > a.samples ? b : a));
  // The names are the kernel's.
  const hit = hottest.isUser ? undefined : nameAt(hottest.address);
  const offset = hit === undefined || hit.offset === 0n ? "" : `+${hex(hit.offset)}`;
  return {
    address: hex(by === "page" ? pageOf(hottest.address) : hottest.address),
    isUser: hottest.isUser,
    name: hit && (by === "function" ? hit.name : `${hit.name}${offset}`),
    places: places.length,
    samples: sumOf(places, "samples"),
    translated: sumOf(places, "translated"),
    state: stateOf(cpu, hottest) ?? (hottest.instructions === 0 ? "blockless" : "forgotten"),
  };
}
