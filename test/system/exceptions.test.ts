// SPDX-License-Identifier: BSD-2-Clause
// How exceptions and interrupts are delivered in 64-bit mode: SDM 3A chapter 6, with 5.12 for privilege.
import { toUser } from "../support/system/layout.ts";
import { systemSuite } from "../support/system/system-suite.ts";

systemSuite("64-bit exceptions", [
  {
    title: "push SS:RSP, RFLAGS, CS:RIP and an error code on an aligned stack",
    manual: "SDM 3A 6.14.2",
    code: `mov rsp, STACK+5; mov eax, 0x9999; bad: mov ds, ax; hlt`,
    events: ["#GP(9998) at bad"],
    registers: { rsp: 0x20000 - 48 },
  },
  {
    title: "change to the stack of the TSS from CPL 3",
    manual: "SDM 3A 6.14.2",
    code: `${toUser("user")}
      at USER; user: mov rsp, USER_STACK-8; bad: hlt`,
    events: ["#GP(0) at bad"],
    registers: { rsp: 0x24000 - 48 },
  },
]);
