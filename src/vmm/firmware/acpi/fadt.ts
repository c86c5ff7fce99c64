// SPDX-License-Identifier: BSD-2-Clause
// Fixed ACPI Description Table, revision 5.1, and FACS: ACPI 5.1 §5.2.9 and §5.2.10. The registers are
// those of bhyve's pm.c: a PM1 block, a 32-bit PM timer, one GPE block, the reset register. No PM1b, no
// PM2, no GPE1, no sleep registers of hardware-reduced ACPI: their addresses are all zero.
import { ByteWriter } from "../../../base/byte-writer.ts";
import {
  GPE0_BYTES,
  GPE0_PORT,
  PM_TIMER_BYTES,
  PM_TIMER_PORT,
  PM1A_CONTROL_BYTES,
  PM1A_CONTROL_PORT,
  PM1A_EVENT_BYTES,
  PM1A_EVENT_PORT,
  RESET_PORT,
  RESET_VALUE,
  RTC_CENTURY,
  SCI_IRQ,
  SMI_ACPI_DISABLE,
  SMI_ACPI_ENABLE,
  SMI_COMMAND_PORT,
} from "../platform-addresses.ts";
import {
  ACCESS_BYTE,
  ACCESS_DWORD,
  ACCESS_WORD,
  appendAddress,
  type GenericAddress,
  NO_REGISTER,
  SPACE_SYSTEM_IO,
  table,
} from "./header.ts";

export const FADT_BYTES = 268;

const FADT_MAJOR = 5;
const FADT_MINOR = 1;

// §5.2.9.3 IA-PC Boot Architecture Flags.
const VGA_NOT_PRESENT = 1 << 2;
const PCIE_ASPM_CONTROLS = 1 << 4;

// §5.2.9 Fixed Feature Flags.
const WBINVD = 1 << 0;
const PROC_C1 = 1 << 2;
const SLP_BUTTON = 1 << 5;
const TMR_VAL_EXT = 1 << 8;
const RESET_REG_SUP = 1 << 10;
const HEADLESS = 1 << 12;
const FORCE_APIC_PHYSICAL_DESTINATION_MODE = 1 << 19;

function ports(port: number, bytes: number, access: number): GenericAddress {
  return { space: SPACE_SYSTEM_IO, bits: 8 * bytes, access, address: port };
}

/** The FADT of a machine whose FACS and DSDT lie there. */
export function fadt(facsGpa: number, dsdtGpa: number): Uint8Array {
  const body = new ByteWriter();
  appendAcpi1Fields(body, facsGpa, dsdtGpa);
  body
    .u16(VGA_NOT_PRESENT | PCIE_ASPM_CONTROLS)
    .u8(0)
    .u32(
      WBINVD |
        PROC_C1 |
        SLP_BUTTON |
        TMR_VAL_EXT |
        RESET_REG_SUP |
        HEADLESS |
        FORCE_APIC_PHYSICAL_DESTINATION_MODE,
    );
  appendAddress(body, ports(RESET_PORT, 1, ACCESS_BYTE));
  const armBootFlags = 0;
  body.u8(RESET_VALUE).u16(armBootFlags).u8(FADT_MINOR).u64(facsGpa).u64(dsdtGpa);
  for (const block of extendedBlocks()) appendAddress(body, block);
  return table({ signature: "FACP", oemTableId: "BVFACP  ", revision: FADT_MAJOR }, body.toBytes());
}

/** The fields up to IAPC_BOOT_ARCH: 32-bit pointers and port blocks with their lengths. */
function appendAcpi1Fields(body: ByteWriter, facsGpa: number, dsdtGpa: number): void {
  const unspecifiedProfile = 0;
  body.u32(facsGpa).u32(dsdtGpa).u8(0).u8(unspecifiedProfile);
  body.u16(SCI_IRQ).u32(SMI_COMMAND_PORT).u8(SMI_ACPI_ENABLE).u8(SMI_ACPI_DISABLE);
  const s4BiosRequest = 0;
  const pstateControl = 0;
  body.u8(s4BiosRequest).u8(pstateControl);
  const [pm1bEvent, pm1bControl, pm2Control, gpe1] = [0, 0, 0, 0];
  body.u32(PM1A_EVENT_PORT).u32(pm1bEvent).u32(PM1A_CONTROL_PORT).u32(pm1bControl);
  body.u32(pm2Control).u32(PM_TIMER_PORT).u32(GPE0_PORT).u32(gpe1);
  const [pm2Bytes, gpe1Bytes, gpe1Base, cstControl] = [0, 0, 0, 0];
  body.u8(PM1A_EVENT_BYTES).u8(PM1A_CONTROL_BYTES).u8(pm2Bytes).u8(PM_TIMER_BYTES);
  body.u8(GPE0_BYTES).u8(gpe1Bytes).u8(gpe1Base).u8(cstControl);
  const [c2LatencyUs, c3LatencyUs, flushSize, flushStride] = [0, 0, 0, 0];
  body.u16(c2LatencyUs).u16(c3LatencyUs).u16(flushSize).u16(flushStride);
  const [dutyOffset, dutyWidth, dayAlarm, monthAlarm] = [0, 0, 0, 0];
  body.u8(dutyOffset).u8(dutyWidth).u8(dayAlarm).u8(monthAlarm).u8(RTC_CENTURY);
}

/** X_PM1a_EVT_BLK … X_GPE1_BLK, then SLEEP_CONTROL_REG and SLEEP_STATUS_REG. */
function extendedBlocks(): readonly GenericAddress[] {
  return [
    ports(PM1A_EVENT_PORT, PM1A_EVENT_BYTES, ACCESS_WORD),
    NO_REGISTER,
    ports(PM1A_CONTROL_PORT, PM1A_CONTROL_BYTES, ACCESS_WORD),
    NO_REGISTER,
    NO_REGISTER,
    ports(PM_TIMER_PORT, PM_TIMER_BYTES, ACCESS_DWORD),
    ports(GPE0_PORT, GPE0_BYTES, ACCESS_BYTE),
    NO_REGISTER,
    NO_REGISTER,
    NO_REGISTER,
  ];
}

export const FACS_BYTES = 64;
/** §5.2.10: the FACS starts on a 64-byte boundary. */
export const FACS_ALIGNMENT = 64;

/** §5.2.10 Firmware ACPI Control Structure, version 2, nothing in it but its name. */
export function facs(): Uint8Array {
  const versionOffset = 32;
  const writer = new ByteWriter().text("FACS").u32(FACS_BYTES);
  writer.zeros(versionOffset - writer.length).u8(2);
  return writer.zeros(FACS_BYTES - writer.length).toBytes();
}
