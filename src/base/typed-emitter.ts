// SPDX-License-Identifier: BSD-2-Clause
// The only importer of `typed-emitter`, whose CommonJS default export needs the two-step below.
import type TypedEmitterModule from "typed-emitter";
import type { EventMap } from "typed-emitter";

/** An event emitter whose names and arguments are checked. Control plane only, never per instruction. */
export type TypedEmitter<Events extends EventMap> = TypedEmitterModule.default<Events>;
