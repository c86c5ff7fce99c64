// SPDX-License-Identifier: BSD-2-Clause
// The software TLB in the machine's shared memory, so that the interpreter and translated code probe the
// same entries. It is direct-mapped by linear page number. There is one set of tables for each address
// space that is kept (PCIDs, SDM 3A 4.10.1), and in a set one table for each privilege an access can have.
//
//   entry, 32 bytes:  +0  i64  read tag    linear page address, or a value no page address equals
//                     +8  i64  write tag   set only if a store needs no further work: writable, dirty,
//                                          its frame already touched and without decoded code
//                     +16 i64  fetch tag
//                     +24 i32  addend      offset in the machine's memory = low half of the address + addend
//                     +28 i32  flags       TLB_GLOBAL, TLB_LARGE, TLB_LISTED
//
// A tag is compared with the page of the access's last byte, so an access that crosses a page misses, as
// does one to a non-canonical address: both are the slow path's business.

/** Entries a table; a power of two. */
export const TLB_ENTRIES = 1024;
/** An entry's size in int32 words, and the places in it. */
export const TLB_STRIDE = 8;
export const TLB_READ = 0;
export const TLB_WRITE = 2;
export const TLB_FETCH = 4;
export const TLB_ADDEND = 6;
export const TLB_FLAGS = 7;

/** No page address has this low half. */
export const TLB_INVALID = 1;

/** Entry flag: a global page (CR4.PGE), kept by MOV to CR3. */
export const TLB_GLOBAL = 1;
/** Entry flag: a 4 KiB piece of a larger page, so INVLPG of one piece must find the others. */
export const TLB_LARGE = 2;
/** Entry flag: it is on its set's list of entries that were filled. */
export const TLB_LISTED = 4;

export const TLB_TABLE_WORDS = TLB_ENTRIES * TLB_STRIDE;

/** The tables of a set, by how an access is checked. */
export const TABLE_SUPERVISOR = 0; // CPL 0-2, may touch user pages
export const TABLE_SUPERVISOR_SMAP = 1; // CPL 0-2, user pages fault (CR4.SMAP, AC clear)
export const TABLE_USER = 2;
export const TLB_SET_WORDS = 3 * TLB_TABLE_WORDS;
export const TLB_SET_ENTRIES = 3 * TLB_ENTRIES;

/** Address spaces whose translations are kept side by side. */
export const TLB_SETS = 8;
export const TLB_WORDS = TLB_SETS * TLB_SET_WORDS;
