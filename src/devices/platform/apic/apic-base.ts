// SPDX-License-Identifier: BSD-2-Clause
// IA32_APIC_BASE (MSR 0x1B) and the modes it switches between. Intel SDM 3A 11.4.4, 11.12.1, 11.12.5.
// bhyve refuses every change; here the SDM's legal changes of mode work. The registers stay at
// 0xFEE00000: moving them gives #GP, as in bhyve.

export const APIC_DISABLED = 0;
export const APIC_XAPIC = 1;
export const APIC_X2APIC = 2;
export type ApicMode = typeof APIC_DISABLED | typeof APIC_XAPIC | typeof APIC_X2APIC;

export const APIC_BASE_MSR = 0x1b;
const BASE_ADDRESS = 0xfee00000;
const BASE_BSP = 0x100;
const BASE_EXTD = 0x400;
const BASE_ENABLE = 0x800;
const BASE_RESERVED = 0x2ff;

/** The low half of IA32_APIC_BASE, int32; the high half is 0. */
export function apicBaseValue(mode: ApicMode, isBsp: boolean): number {
  const modeBits = [0, BASE_ENABLE, BASE_ENABLE | BASE_EXTD][mode] ?? 0;
  return BASE_ADDRESS | modeBits | (isBsp ? BASE_BSP : 0);
}

/** The mode a write leads to, `undefined` where the SDM (or the fixed address) says #GP. The BSP flag does not change. */
export function apicModeAfterWrite(
  mode: ApicMode,
  lo: number,
  hi: number,
  hasX2apic: boolean,
): ApicMode | undefined {
  if (hi !== 0 || (lo & BASE_RESERVED) !== 0) return undefined;
  if ((lo & 0xfffff000) !== (BASE_ADDRESS | 0)) return undefined;
  const isEnabled = (lo & BASE_ENABLE) !== 0;
  const isExtended = (lo & BASE_EXTD) !== 0;
  if (isExtended && !(isEnabled && hasX2apic)) return undefined;
  if (isExtended) return mode === APIC_DISABLED ? undefined : APIC_X2APIC;
  if (isEnabled) return mode === APIC_X2APIC ? undefined : APIC_XAPIC;
  return APIC_DISABLED;
}
