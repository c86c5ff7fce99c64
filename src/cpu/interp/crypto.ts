// SPDX-License-Identifier: BSD-2-Clause
// Executors of isa/crypto.ts.
import * as aes from "../simd/aes.ts";
import { pclmulqdq } from "../simd/carryless.ts";
import * as sha from "../simd/sha.ts";
import { packed, packedUnary } from "./vector.ts";

export const CRYPTO_EXECUTORS = {
  aesenc: packed(aes.aesenc),
  aesenclast: packed(aes.aesenclast),
  aesdec: packed(aes.aesdec),
  aesdeclast: packed(aes.aesdeclast),
  aesimc: packedUnary(aes.aesimc),
  aeskeygenassist: packedUnary(aes.aeskeygenassist),
  pclmulqdq: packed(pclmulqdq),
  sha1nexte: packed(sha.sha1nexte),
  sha1msg1: packed(sha.sha1msg1),
  sha1msg2: packed(sha.sha1msg2),
  sha1rnds4: packed(sha.sha1rnds4),
  sha256rnds2: packed(sha.sha256rnds2),
  sha256msg1: packed(sha.sha256msg1),
  sha256msg2: packed(sha.sha256msg2),
} as const;
