// SPDX-License-Identifier: BSD-2-Clause
// Where the fields of UFS lie on disk: struct fs, struct cg and struct csum of FreeBSD 13.2's
// sys/ufs/ffs/fs.h, struct ufs1_dinode and ufs2_dinode of sys/ufs/ufs/dinode.h, struct direct of
// sys/ufs/ufs/dir.h. Names are the headers', without prefix; all values are little-endian.

/** The kernel looks for a superblock at these offsets, in this order (SBLOCKSEARCH). */
export const SBLOCK_UFS2 = 65536;
export const SBLOCK_UFS1 = 8192;
export const SBLOCK_FLOPPY = 0;
export const SBLOCK_PIGGY = 262144;
export const SBLOCKSEARCH = [SBLOCK_UFS2, SBLOCK_UFS1, SBLOCK_FLOPPY, SBLOCK_PIGGY] as const;
/** Room for a superblock, of which the structure fills the first FS_BYTES. */
export const SBLOCKSIZE = 8192;
export const FS_BYTES = 1376;

export const FS_UFS1_MAGIC = 0x011954;
export const FS_UFS2_MAGIC = 0x19540119;
/** What newfs leaves until it is done. */
export const FS_BAD_MAGIC = 0x19960408;
export const CG_MAGIC = 0x090255;

export const MINBSIZE = 4096;
export const MAXBSIZE = 65536;
export const MAXFRAG = 8;
export const DEV_BSIZE = 512;
export const DIRBLKSIZ = 512;
export const UFS_ROOTINO = 2;
export const UFS_NDADDR = 12;
export const UFS_NIADDR = 3;
export const UFS_MAXNAMLEN = 255;

/** struct fs */
export const FS = {
  sblkno: 8,
  cblkno: 12,
  iblkno: 16,
  dblkno: 20,
  old_cgoffset: 24,
  old_cgmask: 28,
  old_time: 32,
  old_size: 36,
  old_dsize: 40,
  ncg: 44,
  bsize: 48,
  fsize: 52,
  frag: 56,
  minfree: 60,
  old_rotdelay: 64,
  old_rps: 68,
  bmask: 72,
  fmask: 76,
  bshift: 80,
  fshift: 84,
  maxcontig: 88,
  maxbpg: 92,
  fragshift: 96,
  fsbtodb: 100,
  sbsize: 104,
  nindir: 116,
  inopb: 120,
  old_nspf: 124,
  optim: 128,
  old_npsect: 132,
  old_interleave: 136,
  old_trackskew: 140,
  id: 144,
  old_csaddr: 152,
  cssize: 156,
  cgsize: 160,
  old_nsect: 168,
  old_spc: 172,
  old_ncyl: 176,
  old_cpg: 180,
  ipg: 184,
  fpg: 188,
  old_cstotal: 192,
  clean: 209,
  old_flags: 211,
  volname: 680,
  maxbsize: 860,
  providersize: 872,
  metaspace: 880,
  sblockactualloc: 992,
  sblockloc: 1000,
  cstotal: 1008,
  time: 1072,
  size: 1080,
  dsize: 1088,
  csaddr: 1096,
  avgfilesize: 1196,
  avgfpdir: 1200,
  mtime: 1208,
  flags: 1312,
  contigsumsize: 1316,
  maxsymlinklen: 1320,
  old_inodefmt: 1324,
  maxfilesize: 1328,
  qbmask: 1336,
  qfmask: 1344,
  old_postblformat: 1356,
  old_nrpos: 1360,
  magic: 1372,
} as const;

/** struct cg: the head of a cylinder group, followed by its bitmaps from CG_SPACE on. */
export const CG = {
  magic: 4,
  old_time: 8,
  cgx: 12,
  old_ncyl: 16,
  old_niblk: 18,
  ndblk: 20,
  cs: 24,
  frsum: 52,
  old_btotoff: 84,
  old_boff: 88,
  iusedoff: 92,
  freeoff: 96,
  nextfreeoff: 100,
  clustersumoff: 104,
  clusteroff: 108,
  nclusterblks: 112,
  niblk: 116,
  initediblk: 120,
  time: 136,
} as const;
export const CG_SPACE = 168;
/** sizeof(struct cg), which counts the first byte of the bitmaps and padding. */
export const CG_BYTES = 176;

/** struct csum: what is free in one group. Four fields of 32 bits; in the superblock's total, of 64. */
export const CSUM_BYTES = 16;

/** What the two versions of the format have different widths or places for. */
export interface UfsFormat {
  readonly version: 1 | 2;
  readonly magic: number;
  /** Bytes of a block number, in inodes and indirect blocks. */
  readonly addressBytes: 4 | 8;
  readonly inodeBytes: 128 | 256;
  /** Offsets in an inode; `blocks` and `size` are bytes of 512 and of 1. */
  readonly inode: {
    readonly mode: number;
    readonly nlink: number;
    readonly size: number;
    readonly blocks: number;
    /** Access, modification, change and, in UFS2, birth, in seconds: as wide as block numbers. */
    readonly times: readonly number[];
    readonly gen: number;
    /** The direct block numbers, followed by the indirect ones; a short symbolic link instead. */
    readonly db: number;
  };
}

export const UFS1: UfsFormat = {
  version: 1,
  magic: FS_UFS1_MAGIC,
  addressBytes: 4,
  inodeBytes: 128,
  inode: { mode: 0, nlink: 2, size: 8, blocks: 104, times: [16, 24, 32], gen: 108, db: 40 },
};

export const UFS2: UfsFormat = {
  version: 2,
  magic: FS_UFS2_MAGIC,
  addressBytes: 8,
  inodeBytes: 256,
  inode: { mode: 0, nlink: 2, size: 16, blocks: 24, times: [32, 40, 48, 56], gen: 80, db: 112 },
};

/** struct direct, and the kinds in its `type`. The name follows the header. */
export const DIRECT = { ino: 0, reclen: 4, type: 6, namlen: 7, name: 8 } as const;
export const DT_UNKNOWN = 0;
export const DT_DIR = 4;
export const DT_REG = 8;
export const DT_LNK = 10;

/** Bytes that an entry with a name of so many bytes needs: the name ends in a NUL, entries are multiples of 4. */
export function directoryRecordBytes(nameBytes: number): number {
  return (DIRECT.name + nameBytes + 1 + 3) & ~3;
}
