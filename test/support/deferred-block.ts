// SPDX-License-Identifier: BSD-2-Clause
import type {
  BlockBackend,
  BlockRequest,
  BlockStatus,
} from "../../src/devices/backend/block-backend.ts";
import { MemoryBlockBackend } from "../../src/devices/backend/memory-block.ts";

/** A request that the backend was given, and the test has not let go on. */
export interface HeldRequest {
  readonly request: BlockRequest;
  /** Carries it out, or fails it. */
  readonly release: (failure?: BlockStatus) => void;
}

/** A disk in memory that finishes its requests when, and in the order that, the test says. */
export class DeferredBlockBackend implements BlockBackend {
  readonly held: HeldRequest[] = [];
  readonly memory: MemoryBlockBackend;
  readonly sectorBytes = 512;
  readonly physicalSectorBytes = 512;
  readonly isReadOnly = false;
  readonly canDiscard = true;
  readonly identity = "deferred";
  isClosed = false;

  constructor(bytes: Uint8Array) {
    this.memory = new MemoryBlockBackend(bytes);
  }

  get sizeBytes(): number {
    return this.memory.sizeBytes;
  }

  submit(request: BlockRequest, done: (status: BlockStatus) => void): void {
    const entry: HeldRequest = {
      request,
      release: (failure) => {
        this.held.splice(this.held.indexOf(entry), 1);
        if (failure === undefined) this.memory.submit(request, done);
        else done(failure);
      },
    };
    this.held.push(entry);
  }

  close(): void {
    this.isClosed = true;
  }

  /** What is held, in order of arrival: `write 512`. */
  get waiting(): string[] {
    return this.held.map(({ request }) =>
      request.kind === "flush" ? "flush" : `${request.kind} ${request.offset}`,
    );
  }
}
