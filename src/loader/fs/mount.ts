// SPDX-License-Identifier: BSD-2-Clause
import { VmmError } from "../../base/errors.ts";
import type { ByteSource } from "../byte-source.ts";
import type { FileSystem } from "./file-system.ts";
import { identifyForeign } from "./foreign.ts";
import { mountIso9660 } from "./iso9660.ts";
import { mountUfs } from "./ufs.ts";

/**
 * The filesystem of a disk or partition, tried in the loader's order; undefined if there is nothing that is
 * known. Throws ERR_UNSUPPORTED, naming it, for one that cannot be read, and ERR_BAD_IMAGE for a damaged one.
 */
export function mountFileSystem(source: ByteSource): FileSystem | undefined {
  const fileSystem = mountUfs(source) ?? mountIso9660(source);
  if (fileSystem !== undefined) return fileSystem;
  const foreign = identifyForeign(source);
  if (foreign === undefined) return undefined;
  const sentence = `the filesystem is ${foreign}, which is not supported yet: UFS and ISO 9660 can be read`;
  throw new VmmError("ERR_UNSUPPORTED", sentence);
}
