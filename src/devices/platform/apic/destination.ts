// SPDX-License-Identifier: BSD-2-Clause
// Which local APICs a logical destination names. Intel SDM 3A 11.6.2.2, 11.12.10. Broadcasts are settled before.

/** Whether a destination of xAPIC mode names the APIC with that logical ID (LDR bits 31:24) and format (DFR). */
export function matchesXapic(destination: number, logicalId: number, format: number): boolean {
  if (destination > 0xff) return false;
  switch (format >>> 28) {
    case 0xf:
      return (destination & logicalId) !== 0;
    case 0x0: {
      const cluster = destination >>> 4;
      const isInCluster = cluster === logicalId >>> 4 || cluster === 0xf;
      return isInCluster && (destination & logicalId & 0xf) !== 0;
    }
    default:
      return false;
  }
}

/** Whether a destination of x2APIC mode (cluster, then one bit for each of 16 APICs) names that logical ID. */
export function matchesX2apic(destination: number, logicalId: number): boolean {
  return destination >>> 16 === logicalId >>> 16 && (destination & logicalId & 0xffff) !== 0;
}

/** The logical ID an APIC has in x2APIC mode, unsigned. */
export function x2apicLogicalId(apicId: number): number {
  return (((apicId >>> 4) << 16) | (1 << (apicId & 0xf))) >>> 0;
}
