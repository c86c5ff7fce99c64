// SPDX-License-Identifier: BSD-2-Clause
// The only importer of `typed-emitter`. A default import of it is one thing to Node's resolution and another to a
// bundler's, and this type is in the package's declarations: `import()` means the same to both.
import type { EventMap } from "typed-emitter";

/** An event emitter whose names and arguments are checked. Control plane only, never per instruction. */
export type TypedEmitter<Events extends EventMap> = import("typed-emitter").default<Events>;
