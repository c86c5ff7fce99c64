// SPDX-License-Identifier: BSD-2-Clause
// Makes CD images for tests: ECMA-119 with or without Rock Ridge. No path tables: nothing here reads them.

import type {
  DirectoryNode,
  FileNode,
  SymlinkNode,
  TreeNode,
} from "../../images/build/file-tree.ts";
import { LeWriter } from "../../images/build/le-writer.ts";
import { alignUp } from "../../src/base/bits.ts";

const BLOCK = 2048;
const UTF8 = new TextEncoder();
const FLAG_DIRECTORY = 0x02;
const FLAG_MULTI_EXTENT = 0x80;

export interface IsoOptions {
  readonly rockRidge?: boolean;
  /** Files are cut into extents of so many bytes, a multiple of 2048. */
  readonly extentBytes?: number;
  /** Directories deeper than this are moved to the top, as Rock Ridge does from level 8 on. */
  readonly maxDepth?: number;
}

export function buildIso(root: DirectoryNode, options: IsoOptions = {}): Uint8Array {
  return new IsoBuilder(options).build(root);
}

interface Place {
  readonly block: number;
  readonly bytes: number;
}

interface PlannedDirectory {
  readonly node: DirectoryNode;
  readonly place: Place;
  readonly parent: PlannedDirectory | undefined;
  readonly children: Map<string, PlannedDirectory>;
}

class IsoBuilder {
  readonly #rockRidge: boolean;
  readonly #extentBytes: number;
  readonly #maxDepth: number;
  readonly #blocks: Uint8Array[] = Array.from({ length: 18 }, () => new Uint8Array(BLOCK));
  readonly #moved: [string, PlannedDirectory][] = [];

  constructor({ rockRidge = false, extentBytes = 2 ** 31, maxDepth = 8 }: IsoOptions) {
    this.#rockRidge = rockRidge;
    this.#extentBytes = extentBytes;
    this.#maxDepth = maxDepth;
  }

  build(root: DirectoryNode): Uint8Array {
    const plan = this.#plan(root, undefined, 1);
    const all: PlannedDirectory[] = [plan];
    for (const directory of all) all.push(...directory.children.values());
    for (const [, directory] of this.#moved) all.push(directory);
    for (const directory of new Set(all)) this.#writeDirectory(directory, directory === plan);
    this.#writeDescriptors(plan);
    const image = new Uint8Array(this.#blocks.length * BLOCK);
    this.#blocks.forEach((block, i) => {
      image.set(block, i * BLOCK);
    });
    return image;
  }

  #reserve(bytes: number): Place {
    const block = this.#blocks.length;
    for (let i = 0; i < Math.ceil(bytes / BLOCK); i++) this.#blocks.push(new Uint8Array(BLOCK));
    return { block, bytes };
  }

  #store(bytes: Uint8Array): Place {
    const place = this.#reserve(bytes.length);
    for (let at = 0; at < bytes.length; at += BLOCK) {
      this.#blocks[place.block + at / BLOCK]!.set(bytes.subarray(at, at + BLOCK));
    }
    return place;
  }

  #plan(
    node: DirectoryNode,
    parent: PlannedDirectory | undefined,
    depth: number,
  ): PlannedDirectory {
    // A record takes 254 bytes at most, so that eight fit in a block.
    const records = node.entries.size * this.#extentsPerFile(node) + 2 + 16;
    const place = this.#reserve(Math.ceil(records / 8) * BLOCK);
    const directory: PlannedDirectory = { node, place, parent, children: new Map() };
    for (const [name, child] of node.entries) {
      if (child.kind !== "directory") continue;
      const planned = this.#plan(child, directory, depth + 1);
      directory.children.set(name, planned);
      if (this.#rockRidge && depth + 1 > this.#maxDepth) this.#moved.push([name, planned]);
    }
    return directory;
  }

  #extentsPerFile(node: DirectoryNode): number {
    const sizes = [...node.entries.values()].map((n) => (n.kind === "file" ? n.content.size : 0));
    return Math.max(1, ...sizes.map((size) => Math.ceil(size / this.#extentBytes)));
  }

  #writeDirectory(directory: PlannedDirectory, isRoot: boolean): void {
    const movedHere = this.#moved.find(([, moved]) => moved === directory);
    const parent = directory.parent ?? directory;
    const self = isRoot ? [field("SP", [0xbe, 0xef, 0]), field("ER", extensionRecord())] : [];
    const up = movedHere ? [field("PL", both32(parent.place.block))] : [];
    const physicalParent = movedHere ? this.#rootOf(directory) : parent;
    const records = [
      this.#record([0], FLAG_DIRECTORY, directory.place, [...self, px(0o040755)]),
      this.#record([1], FLAG_DIRECTORY, physicalParent.place, [...up, px(0o040755)]),
    ];
    let number = 0;
    for (const [name, child] of directory.node.entries) {
      records.push(...this.#childRecords(directory, name, child, number++));
    }
    if (isRoot) {
      for (const [name, moved] of this.#moved) {
        const fields = [px(0o040755), ...nm(name), field("RE", [])];
        const raw = latin(`MOVED${number++}`);
        records.push(this.#record(raw, FLAG_DIRECTORY, moved.place, fields));
      }
    }
    this.#pack(directory.place, records);
  }

  #rootOf(directory: PlannedDirectory): PlannedDirectory {
    return directory.parent === undefined ? directory : this.#rootOf(directory.parent);
  }

  #childRecords(
    directory: PlannedDirectory,
    name: string,
    child: TreeNode,
    number: number,
  ): Uint8Array[] {
    switch (child.kind) {
      case "directory":
        return [this.#directoryRecord(directory.children.get(name)!, name, number)];
      case "symlink":
        return [this.#linkRecord(child, name, number)];
      case "file":
        return this.#fileRecords(child, name, number);
    }
  }

  #directoryRecord(planned: PlannedDirectory, name: string, number: number): Uint8Array {
    const isMoved = this.#moved.some(([, moved]) => moved === planned);
    const raw = latin(this.#rockRidge ? `DIR${number}` : name.toUpperCase());
    if (!isMoved) {
      return this.#record(raw, FLAG_DIRECTORY, planned.place, [px(0o040755), ...nm(name)]);
    }
    const fields = [px(0o040755), ...nm(name), field("CL", both32(planned.place.block))];
    return this.#record(raw, 0, { block: 0, bytes: 0 }, fields);
  }

  #linkRecord(link: SymlinkNode, name: string, number: number): Uint8Array {
    const fields = [px(0o120755), ...nm(name), ...sl(link.target)];
    return this.#record(latin(`LINK${number}.;1`), 0, { block: 0, bytes: 0 }, fields);
  }

  #fileRecords(file: FileNode, name: string, number: number): Uint8Array[] {
    const bytes = new Uint8Array(file.content.size);
    for (const chunk of file.content.chunks) bytes.set(chunk.bytes, chunk.offset);
    const dot = name.includes(".") ? "" : ".";
    const raw = latin(this.#rockRidge ? `FILE${number}.;1` : `${name.toUpperCase()}${dot};1`);
    const fields = [px(0o100000 | file.mode), ...nm(name)];
    const extents = Math.max(1, Math.ceil(bytes.length / this.#extentBytes));
    return Array.from({ length: extents }, (_, i) => {
      const part = bytes.subarray(i * this.#extentBytes, (i + 1) * this.#extentBytes);
      const flags = i === extents - 1 ? 0 : FLAG_MULTI_EXTENT;
      return this.#record(raw, flags, this.#store(part), fields);
    });
  }

  /** A directory record; Rock Ridge fields for which it has no room continue in a block of their own. */
  #record(raw: number[], flags: number, place: Place, fields: readonly number[][]): Uint8Array {
    const fixed = 33 + raw.length + ((raw.length + 1) % 2);
    let systemUse = this.#rockRidge ? fields.flat() : [];
    if (fixed + systemUse.length > 250) {
      // SP has to stand in the record itself.
      const first = fields[0]![0] === "S".charCodeAt(0) && fields[0]![1] === "P".charCodeAt(0);
      const kept = first ? fields[0]! : [];
      const rest = fields.slice(first ? 1 : 0).flat();
      const { block } = this.#store(Uint8Array.from(rest));
      systemUse = [
        ...kept,
        ...field("CE", [...both32(block), ...both32(0), ...both32(rest.length)]),
      ];
    }
    const length = alignUp(fixed + systemUse.length, 2);
    const record = new LeWriter(new Uint8Array(length));
    record.u8(0, length);
    record.put(2, Uint8Array.from(both32(place.block)));
    record.put(10, Uint8Array.from(both32(place.bytes)));
    record.u8(25, flags);
    record.put(28, Uint8Array.of(1, 0, 0, 1));
    record.u8(32, raw.length);
    record.put(33, Uint8Array.from(raw));
    record.put(fixed, Uint8Array.from(systemUse));
    return record.bytes;
  }

  /** Records do not cross blocks. */
  #pack(place: Place, records: readonly Uint8Array[]): void {
    let at = 0;
    for (const record of records) {
      if ((at % BLOCK) + record.length > BLOCK) at = alignUp(at, BLOCK);
      this.#blocks[place.block + Math.floor(at / BLOCK)]!.set(record, at % BLOCK);
      at += record.length;
    }
    if (at > place.bytes) throw new Error("the directory was planned too small");
  }

  #writeDescriptors(root: PlannedDirectory): void {
    const primary = new LeWriter(this.#blocks[16]!);
    primary.u8(0, 1);
    primary.ascii(1, "CD001");
    primary.u8(6, 1);
    primary.put(80, Uint8Array.from(both32(this.#blocks.length)));
    primary.put(128, Uint8Array.of(0x00, 0x08, 0x08, 0x00));
    primary.put(156, this.#plainRootRecord(root));
    const terminator = new LeWriter(this.#blocks[17]!);
    terminator.u8(0, 255);
    terminator.ascii(1, "CD001");
    terminator.u8(6, 1);
  }

  #plainRootRecord(root: PlannedDirectory): Uint8Array {
    const record = new LeWriter(new Uint8Array(34));
    record.u8(0, 34);
    record.put(2, Uint8Array.from(both32(root.place.block)));
    record.put(10, Uint8Array.from(both32(root.place.bytes)));
    record.u8(25, FLAG_DIRECTORY);
    record.u8(32, 1);
    return record.bytes;
  }
}

function latin(text: string): number[] {
  return [...text].map((character) => character.charCodeAt(0));
}

/** A field with its signature, length and version. */
function field(signature: string, content: readonly number[]): number[] {
  return [...latin(signature), content.length + 4, 1, ...content];
}

function both32(value: number): number[] {
  const little = [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
  return [...little, ...little.toReversed()];
}

function px(mode: number): number[] {
  return field("PX", [both32(mode), both32(1), both32(0), both32(0)].flat());
}

/** A name of more than 120 bytes is split, to have the case at hand. */
function nm(name: string): number[][] {
  const bytes = [...UTF8.encode(name)];
  const fields: number[][] = [];
  for (let at = 0; at < bytes.length; at += 120) {
    const isLast = at + 120 >= bytes.length;
    fields.push(field("NM", [isLast ? 0 : 1, ...bytes.slice(at, at + 120)]));
  }
  return fields;
}

/** A link's target, at most two components a field; a component of more than 30 bytes is split. */
function sl(target: string): number[][] {
  const components: number[][] = target.startsWith("/") ? [[8, 0]] : [];
  for (const name of target.split("/").filter((part) => part !== "")) {
    if (name === ".") components.push([2, 0]);
    else if (name === "..") components.push([4, 0]);
    else {
      const bytes = [...UTF8.encode(name)];
      for (let at = 0; at < bytes.length; at += 30) {
        const part = bytes.slice(at, at + 30);
        components.push([at + 30 < bytes.length ? 1 : 0, part.length, ...part]);
      }
    }
  }
  const fields: number[][] = [];
  for (let at = 0; at < components.length; at += 2) {
    const isLast = at + 2 >= components.length;
    fields.push(field("SL", [isLast ? 0 : 1, ...components.slice(at, at + 2).flat()]));
  }
  return fields;
}

function extensionRecord(): number[] {
  const id = latin("IEEE_P1282");
  return [id.length, 0, 0, 1, ...id];
}
