// SPDX-License-Identifier: BSD-2-Clause
// AVX and AVX2: the VEX forms of the SSE rows, and what has no legacy form. SDM 2, chapters 3-5; the tables
// of which instruction has 256 bits by which feature are SDM 1 14.1.2 and 14.7.
import { type IsaRow, row, withOptions } from "./row.ts";
import {
  SSE_CONVERT_NARROWER,
  SSE_CONVERT_SAME,
  SSE_CONVERT_SCALAR,
  SSE_CONVERT_TO_GPR,
  SSE_CONVERT_WIDER,
} from "./sse-convert.ts";
import {
  SSE_COMPARE,
  SSE_DPPD,
  SSE_FLOAT_PACKED,
  SSE_FLOAT_SCALAR,
  SSE_FLOAT_UNARY,
} from "./sse-float.ts";
import {
  SSE_INTEGER_BINARY,
  SSE_INTEGER_UNARY,
  SSE_PHMINPOSUW,
  SSE_PTEST,
  SSE_SHIFT,
  SSE_SHIFT_IMMEDIATE,
  SSE_WIDEN,
} from "./sse-integer.ts";
import {
  SSE_MASKMOV,
  SSE_MOVDDUP,
  SSE_MOVE_FULL,
  SSE_MOVE_GPR,
  SSE_MOVE_MASK,
  SSE_MOVE_MERGE,
  SSE_MOVE_MERGE_SCALAR,
  SSE_MOVE_PART,
  SSE_MOVE_SCALAR,
  SSE_MOVNTDQA,
  SSE_PMOVMSKB,
} from "./sse-move.ts";
import {
  SSE_EXTRACT,
  SSE_INSERT,
  SSE_SHUFFLE_FLOAT,
  SSE_SHUFFLE_INTEGER,
  SSE_SHUFFLE_UNARY,
} from "./sse-shuffle.ts";
import { SSE_STRING_ROWS } from "./sse-string.ts";
import {
  avx,
  avxInteger,
  avxWidening,
  destinationInVex,
  sameOperands,
  threeOperands,
} from "./vex.ts";

const FROM_SSE: readonly IsaRow[] = [
  ...avx(SSE_MOVE_FULL, sameOperands),
  ...avxInteger(SSE_MOVNTDQA, sameOperands),
  ...avx(SSE_MOVE_SCALAR, sameOperands),
  ...avx(SSE_MOVE_PART, sameOperands, "128"),
  ...avx(SSE_MOVE_GPR, sameOperands, "128"),
  ...avx(SSE_MOVE_MERGE_SCALAR, threeOperands),
  ...avx(SSE_MOVE_MERGE, threeOperands, "128"),
  ...avx(SSE_MOVE_MASK, sameOperands),
  ...avxInteger(SSE_PMOVMSKB, sameOperands),
  ...avx(SSE_MASKMOV, sameOperands, "128"),
  ...avxInteger(SSE_INTEGER_BINARY, threeOperands),
  ...avxInteger(SSE_INTEGER_UNARY, sameOperands),
  ...avx(SSE_PHMINPOSUW, sameOperands, "128"),
  ...avxInteger(SSE_SHIFT, threeOperands),
  ...avxInteger(SSE_SHIFT_IMMEDIATE, destinationInVex),
  ...avxWidening(SSE_WIDEN, "AVX2"),
  ...avx(SSE_PTEST, sameOperands),
  ...avx(SSE_SHUFFLE_FLOAT, threeOperands),
  ...avxInteger(SSE_SHUFFLE_INTEGER, threeOperands),
  ...avxInteger(SSE_SHUFFLE_UNARY, sameOperands),
  ...avx(SSE_EXTRACT, sameOperands, "128"),
  ...avx(SSE_INSERT, threeOperands, "128"),
  ...avx(SSE_FLOAT_PACKED, threeOperands),
  ...avx(SSE_DPPD, threeOperands, "128"),
  ...avx(SSE_FLOAT_UNARY, sameOperands),
  ...avx(SSE_FLOAT_SCALAR, threeOperands),
  ...avx(SSE_COMPARE, sameOperands),
  ...avx(SSE_CONVERT_SAME, sameOperands),
  ...avxWidening(SSE_CONVERT_WIDER, "AVX"),
  ...avx(SSE_CONVERT_NARROWER, sameOperands),
  ...avx(SSE_CONVERT_SCALAR, threeOperands),
  ...avx(SSE_CONVERT_TO_GPR, sameOperands),
  ...avx(SSE_STRING_ROWS, sameOperands, "128"),
  ...avx(SSE_MOVDDUP, sameOperands, "128"),
  row("vmovddup", "Vqq,Wqq", "VEX.256.F2.0F 12", "movddup", { feature: "AVX" }),
];

const SIGNS = "00m00m";

const AVX_ALONE: readonly IsaRow[] = withOptions({ feature: "AVX" }, [
  row("vzeroupper", "", "VEX.128.0F 77", "vzeroupper"),
  row("vzeroall", "", "VEX.256.0F 77", "vzeroall"),
  row("vbroadcastss", "Vx,Md", "VEX.66.0F38.W0 18", "vpbroadcastd"),
  row("vbroadcastsd", "Vqq,Mq", "VEX.256.66.0F38.W0 19", "vpbroadcastq"),
  row("vbroadcastf128", "Vqq,Mdq", "VEX.256.66.0F38.W0 1A", "vbroadcasti128"),
  row("vpermilps", "Vx,Hx,Wx", "VEX.66.0F38.W0 0C", "vpermilps"),
  row("vpermilpd", "Vx,Hx,Wx", "VEX.66.0F38.W0 0D", "vpermilpd"),
  row("vpermilps", "Vx,Wx,Ib", "VEX.66.0F3A.W0 04", "pshufd"),
  row("vpermilpd", "Vx,Wx,Ib", "VEX.66.0F3A.W0 05", "vpermilpdImm"),
  row("vperm2f128", "Vqq,Hqq,Wqq,Ib", "VEX.256.66.0F3A.W0 06", "vperm2i128"),
  row("vinsertf128", "Vqq,Hqq,Wdq,Ib", "VEX.256.66.0F3A.W0 18", "vinserti128"),
  row("vextractf128", "Wdq,Vqq,Ib", "VEX.256.66.0F3A.W0 19", "vextracti128"),
  row("vblendvps", "Vx,Hx,Wx,Lx", "VEX.66.0F3A.W0 4A", "blendvps"),
  row("vblendvpd", "Vx,Hx,Wx,Lx", "VEX.66.0F3A.W0 4B", "blendvpd"),
  row("vpblendvb", "Vx,Hx,Wx,Lx", "VEX.128.66.0F3A.W0 4C", "pblendvb"),
  row("vmaskmovps", "Vx,Hx,Mx", "VEX.66.0F38.W0 2C", "vpmaskmovdLoad"),
  row("vmaskmovpd", "Vx,Hx,Mx", "VEX.66.0F38.W0 2D", "vpmaskmovqLoad"),
  row("vmaskmovps", "Mx,Hx,Vx", "VEX.66.0F38.W0 2E", "vpmaskmovdStore"),
  row("vmaskmovpd", "Mx,Hx,Vx", "VEX.66.0F38.W0 2F", "vpmaskmovqStore"),
  row("vtestps", "Vx,Wx", "VEX.66.0F38.W0 0E", "vtestps", { flags: SIGNS }),
  row("vtestpd", "Vx,Wx", "VEX.66.0F38.W0 0F", "vtestpd", { flags: SIGNS }),
]);

const AVX2_ALONE: readonly IsaRow[] = withOptions({ feature: "AVX2" }, [
  row("vbroadcastss", "Vx,Udq", "VEX.66.0F38.W0 18", "vpbroadcastd"),
  row("vbroadcastsd", "Vqq,Udq", "VEX.256.66.0F38.W0 19", "vpbroadcastq"),
  row("vbroadcasti128", "Vqq,Mdq", "VEX.256.66.0F38.W0 5A", "vbroadcasti128"),
  row("vpbroadcastb", "Vx,Wb", "VEX.66.0F38.W0 78", "vpbroadcastb"),
  row("vpbroadcastw", "Vx,Ww", "VEX.66.0F38.W0 79", "vpbroadcastw"),
  row("vpbroadcastd", "Vx,Wd", "VEX.66.0F38.W0 58", "vpbroadcastd"),
  row("vpbroadcastq", "Vx,Wq", "VEX.66.0F38.W0 59", "vpbroadcastq"),
  row("vpermd", "Vqq,Hqq,Wqq", "VEX.256.66.0F38.W0 36", "vpermd"),
  row("vpermps", "Vqq,Hqq,Wqq", "VEX.256.66.0F38.W0 16", "vpermd"),
  row("vpermq", "Vqq,Wqq,Ib", "VEX.256.66.0F3A.W1 00", "vpermq"),
  row("vpermpd", "Vqq,Wqq,Ib", "VEX.256.66.0F3A.W1 01", "vpermq"),
  row("vperm2i128", "Vqq,Hqq,Wqq,Ib", "VEX.256.66.0F3A.W0 46", "vperm2i128"),
  row("vinserti128", "Vqq,Hqq,Wdq,Ib", "VEX.256.66.0F3A.W0 38", "vinserti128"),
  row("vextracti128", "Wdq,Vqq,Ib", "VEX.256.66.0F3A.W0 39", "vextracti128"),
  row("vpblendd", "Vx,Hx,Wx,Ib", "VEX.66.0F3A.W0 02", "blendps"),
  row("vpblendvb", "Vx,Hx,Wx,Lx", "VEX.256.66.0F3A.W0 4C", "pblendvb"),
  row("vpsrlvd", "Vx,Hx,Wx", "VEX.66.0F38.W0 45", "vpsrlvd"),
  row("vpsrlvq", "Vx,Hx,Wx", "VEX.66.0F38.W1 45", "vpsrlvq"),
  row("vpsravd", "Vx,Hx,Wx", "VEX.66.0F38.W0 46", "vpsravd"),
  row("vpsllvd", "Vx,Hx,Wx", "VEX.66.0F38.W0 47", "vpsllvd"),
  row("vpsllvq", "Vx,Hx,Wx", "VEX.66.0F38.W1 47", "vpsllvq"),
  row("vpmaskmovd", "Vx,Hx,Mx", "VEX.66.0F38.W0 8C", "vpmaskmovdLoad"),
  row("vpmaskmovq", "Vx,Hx,Mx", "VEX.66.0F38.W1 8C", "vpmaskmovqLoad"),
  row("vpmaskmovd", "Mx,Hx,Vx", "VEX.66.0F38.W0 8E", "vpmaskmovdStore"),
  row("vpmaskmovq", "Mx,Hx,Vx", "VEX.66.0F38.W1 8E", "vpmaskmovqStore"),
  row("vpgatherdd", "Vx,Kx,Hx", "VEX.66.0F38.W0 90", "vpgatherdd"),
  row("vpgatherdq", "Vx,Kdq,Hx", "VEX.66.0F38.W1 90", "vpgatherdq"),
  row("vpgatherqd", "Vdq,Kx,Hdq", "VEX.66.0F38.W0 91", "vpgatherqd"),
  row("vpgatherqq", "Vx,Kx,Hx", "VEX.66.0F38.W1 91", "vpgatherqq"),
  row("vgatherdps", "Vx,Kx,Hx", "VEX.66.0F38.W0 92", "vpgatherdd"),
  row("vgatherdpd", "Vx,Kdq,Hx", "VEX.66.0F38.W1 92", "vpgatherdq"),
  row("vgatherqps", "Vdq,Kx,Hdq", "VEX.66.0F38.W0 93", "vpgatherqd"),
  row("vgatherqpd", "Vx,Kx,Hx", "VEX.66.0F38.W1 93", "vpgatherqq"),
]);

const F16C_ROWS: readonly IsaRow[] = withOptions({ feature: "F16C" }, [
  row("vcvtph2ps", "Vdq,Wq", "VEX.128.66.0F38.W0 13", "vcvtph2ps"),
  row("vcvtph2ps", "Vqq,Wdq", "VEX.256.66.0F38.W0 13", "vcvtph2ps"),
  row("vcvtps2ph", "Wq,Vdq,Ib", "VEX.128.66.0F3A.W0 1D", "vcvtps2ph"),
  row("vcvtps2ph", "Wdq,Vqq,Ib", "VEX.256.66.0F3A.W0 1D", "vcvtps2ph"),
]);

export const AVX_ROWS: readonly IsaRow[] = [...FROM_SSE, ...AVX_ALONE, ...AVX2_ALONE, ...F16C_ROWS];
