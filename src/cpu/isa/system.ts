// SPDX-License-Identifier: BSD-2-Clause
// Segments, descriptor tables, control registers, MSRs, fast system calls, caches.
import { type IsaRow, row } from "./row.ts";

const SYNC = { ends: "sync" } as const;
const FAR = { ends: "branch-sync" } as const;
const NO_LEGACY = { mode: "64" } as const;

const SEGMENT_ROWS: IsaRow[] = [
  row("mov", "Ev,Sw", "8C", "movFromSegment"),
  row("mov", "Sw,Ew", "8E", "movToSegment", SYNC),
  row("les", "Gz,Mp", "C4", "loadFarPointer", { ...SYNC, aux: 0, mode: "legacy" }),
  row("lds", "Gz,Mp", "C5", "loadFarPointer", { ...SYNC, aux: 3, mode: "legacy" }),
  row("lss", "Gv,Mp", "0F B2", "loadFarPointer", { ...SYNC, aux: 2 }),
  row("lfs", "Gv,Mp", "0F B4", "loadFarPointer", { ...SYNC, aux: 4 }),
  row("lgs", "Gv,Mp", "0F B5", "loadFarPointer", { ...SYNC, aux: 5 }),
  row("arpl", "Ew,Gw", "63", "arpl", { flags: "--m---", mode: "legacy" }),
  row("lar", "Gv,Ew", "0F 02", "lar", { flags: "--m---" }),
  row("lsl", "Gv,Ew", "0F 03", "lsl", { flags: "--m---" }),
  row("verr", "Ew", "0F 00 /4", "verr", { flags: "--m---" }),
  row("verw", "Ew", "0F 00 /5", "verw", { flags: "--m---" }),
  row("sldt", "Ev", "0F 00 /0", "sldt"),
  row("str", "Ev", "0F 00 /1", "str"),
  row("lldt", "Ew", "0F 00 /2", "lldt", SYNC),
  row("ltr", "Ew", "0F 00 /3", "ltr", SYNC),
  row("sgdt", "Ms", "0F 01 /0", "sgdt"),
  row("sidt", "Ms", "0F 01 /1", "sidt"),
  row("lgdt", "Ms", "0F 01 /2", "lgdt", SYNC),
  row("lidt", "Ms", "0F 01 /3", "lidt", SYNC),
];

const CONTROL_ROWS: IsaRow[] = [
  row("smsw", "Ev", "0F 01 /4", "smsw"),
  row("lmsw", "Ew", "0F 01 /6", "lmsw", SYNC),
  row("clts", "", "0F 06", "clts", SYNC),
  row("invlpg", "M", "0F 01 /7", "invlpg", SYNC),
  row("invpcid", "Gy,Mdq", "66 0F 38 82", "invpcid", {
    ...SYNC,
    size: "f64",
    feature: "INVPCID",
  }),
  row("invd", "", "0F 08", "invd", SYNC),
  row("wbinvd", "", "0F 09", "wbinvd", SYNC),
  row("mov", "Ry,Cy", "0F 20", "movFromControl", { ...SYNC, size: "f64" }),
  row("mov", "Cy,Ry", "0F 22", "movToControl", { ...SYNC, size: "f64" }),
  row("mov", "Ry,Dy", "0F 21", "movFromDebug", { ...SYNC, size: "f64" }),
  row("mov", "Dy,Ry", "0F 23", "movToDebug", { ...SYNC, size: "f64" }),
  row("rdmsr", "", "0F 32", "rdmsr", SYNC),
  row("wrmsr", "", "0F 30", "wrmsr", SYNC),
  row("rdtsc", "", "0F 31", "rdtsc"),
  row("rdtscp", "", "0F 01 F9", "rdtscp", { feature: "RDTSCP" }),
  row("rdpid", "Ry", "F3 0F C7 /7", "rdpid", { size: "f64", feature: "RDPID" }),
  row("rdpmc", "", "0F 33", "rdpmc", SYNC),
  row("cpuid", "", "0F A2", "cpuid", SYNC),
  row("xgetbv", "", "NP 0F 01 D0", "xgetbv", { feature: "XSAVE" }),
  row("xsetbv", "", "NP 0F 01 D1", "xsetbv", { ...SYNC, feature: "XSAVE" }),
  row("clac", "", "NP 0F 01 CA", "clac", { ...SYNC, feature: "SMAP" }),
  row("stac", "", "NP 0F 01 CB", "stac", { ...SYNC, feature: "SMAP" }),
  row("cli", "", "FA", "cli"),
  row("sti", "", "FB", "sti", SYNC),
  row("hlt", "", "F4", "hlt", SYNC),
];

const CALL_ROWS: IsaRow[] = [
  row("syscall", "", "0F 05", "syscall", FAR),
  row("sysret", "", "0F 07", "sysret", { ...FAR, flags: "mmmmmm" }),
  row("sysenter", "", "0F 34", "sysenter", FAR),
  row("sysexit", "", "0F 35", "sysexit", FAR),
  row("swapgs", "", "0F 01 F8", "swapgs", NO_LEGACY),
  row("rdfsbase", "Ry", "F3 0F AE /0", "rdfsbase", { ...NO_LEGACY, feature: "FSGSBASE" }),
  row("rdgsbase", "Ry", "F3 0F AE /1", "rdgsbase", { ...NO_LEGACY, feature: "FSGSBASE" }),
  row("wrfsbase", "Ry", "F3 0F AE /2", "wrfsbase", { ...NO_LEGACY, feature: "FSGSBASE" }),
  row("wrgsbase", "Ry", "F3 0F AE /3", "wrgsbase", { ...NO_LEGACY, feature: "FSGSBASE" }),
];

const CACHE_ROWS: IsaRow[] = [
  // 66 is the operand size; F2 and F3 are undefined or other instructions.
  row("rdrand", "Rv", "NP 0F C7 /6", "rdrand", { flags: "00000m", feature: "RDRAND" }),
  row("rdrand", "Rv", "66 0F C7 /6", "rdrand", { flags: "00000m", feature: "RDRAND" }),
  row("rdseed", "Rv", "NP 0F C7 /7", "rdseed", { flags: "00000m", feature: "RDSEED" }),
  row("rdseed", "Rv", "66 0F C7 /7", "rdseed", { flags: "00000m", feature: "RDSEED" }),
  row("clflush", "Mb", "NP 0F AE /7", "clflush"),
  row("clflushopt", "Mb", "66 0F AE /7", "clflush", { feature: "CLFLUSHOPT" }),
  row("clwb", "Mb", "66 0F AE /6", "clflush", { feature: "CLWB" }),
  row("lfence", "", "NP 0F AE /5 reg", "fence", { feature: "SSE2" }),
  row("mfence", "", "NP 0F AE /6 reg", "fence", { feature: "SSE2" }),
  row("sfence", "", "NP 0F AE /7 reg", "fence", { feature: "SSE" }),
  row("prefetchnta", "Mb", "0F 18 /0", "prefetch"),
  row("prefetcht0", "Mb", "0F 18 /1", "prefetch"),
  row("prefetcht1", "Mb", "0F 18 /2", "prefetch"),
  row("prefetcht2", "Mb", "0F 18 /3", "prefetch"),
  row("nop", "Ev", "0F 18", "nop"),
  row("prefetch", "Mb", "0F 0D", "prefetch"),
  row("prefetchw", "Mb", "0F 0D /1", "prefetch"),
  row("nop", "Ev", "0F 0D", "nop"),
];

export const SYSTEM_ROWS: readonly IsaRow[] = [
  ...SEGMENT_ROWS,
  ...CONTROL_ROWS,
  ...CALL_ROWS,
  ...CACHE_ROWS,
];
