// SPDX-License-Identifier: BSD-2-Clause
import { expect, it } from "vitest";
import { CODE, PAGE_TABLES, TestMachine } from "../../../test/support/test-machine.ts";
import { RAM_OFFSET } from "../../mmu/machine-layout.ts";
import { CR0, CR3, CR4 } from "../state-layout.ts";
import { CR0_PE, CR0_PG, CR4_PAE } from "./control-bits.ts";

it("a state with PAE paging that was loaded from outside has its page-directory pointers", () => {
  const machine = new TestMachine();
  machine.enterProtectedMode();
  const { memory, state } = machine;
  // The table of four is aligned to 32 bytes (SDM 3A 4.4.1), and maps 2 MiB at 0 and at 1 GiB.
  memory.store(PAGE_TABLES + 0x20, 4, (PAGE_TABLES + 0x1000) | 1);
  memory.store(PAGE_TABLES + 0x28, 4, (PAGE_TABLES + 0x1000) | 1);
  memory.store(PAGE_TABLES + 0x1000, 4, 0x83);
  state[CR3] = PAGE_TABLES + 0x20;
  state[CR4] = CR4_PAE;
  state[CR0] = CR0_PG | CR0_PE;
  machine.vcpu.stateChanged();
  const { mem } = machine.vcpu.cpu;
  expect(mem.peek(CODE, 0)).toBe(RAM_OFFSET + CODE);
  expect(mem.peek(0x4000_0000 + CODE, 0)).toBe(RAM_OFFSET + CODE);
  expect(mem.peek(0x8000_0000 + CODE, 0)).toBe(-1);
});
