// SPDX-License-Identifier: BSD-2-Clause
import { describe, expect, it } from "vitest";
import { FPU_RESULT, STATE_WORDS } from "../state-layout.ts";
import {
  CONTROL_INITIAL,
  STATUS_C2,
  STATUS_DE,
  STATUS_IE,
  STATUS_PE,
  STATUS_ZE,
} from "./status.ts";
import {
  arctangent,
  cosineOf,
  powerLessOne,
  sine,
  tangent,
  timesLogarithm,
  timesLogarithmPlusOne,
} from "./transcendental.ts";

// Instruction, ST(0), ST(1), result: sign and exponent, then the significand, in hexadecimal. The results are
// the functions' values, computed with 400 bits and rounded to the nearest; angles are reduced with the π of 66
// bits that SDM 1 8.3.8 describes.
const RESULTS = `
fsin 3ff0f2a74de452e6b438 3fff8000000000000000 3ff0f2a74de20d89578e
fcos 3ff0f2a74de452e6b438 3fff8000000000000000 3ffefffffff8cffa1b35
fptan 3ff0f2a74de452e6b438 3fff8000000000000000 3ff0f2a74de8dda16da9
fsin 40058c5c7fd0a6a3a450 3fff8000000000000000 3ffee005fa6c21431dbd
fcos 40058c5c7fd0a6a3a450 3fff8000000000000000 3ffdf7c95829c1060c52
fptan 40058c5c7fd0a6a3a450 3fff8000000000000000 3fffe772fc4d7b192694
fsin c002dd9dc9f81818e811 3fff8000000000000000 bffef59742d22e925992
fcos c002dd9dc9f81818e811 3fff8000000000000000 3ffd9083c6497d669f4f
fptan c002dd9dc9f81818e811 3fff8000000000000000 c000d98681f1fc85170a
f2xm1 3fbd81e74ef5e8e25d94 3fff8000000000000000 3fbcb415a58570853bdc
f2xm1 3ffcef03675a1600a35a 3fff8000000000000000 3ffcb3d382b8dd7d4f88
fpatan bff99738f7d93d9c1724 bfd2d3ac94af0f21ddb6 c000c90fdaa220b5971c
fpatan c001b9263059f28c105d c0018fd630f1f29d0da9 c0009eca9a3aa0119319
fyl2x 5f398cb1e29c658cda14 bff38becd7b03898d190 c000888ba6f0c30b0f45
fyl2x 3ffeffffffffed770a9a bff38becd7b03898d190 3fcfe9da5ac8da836c48
fyl2xp1 bfbea4ede6a46b4cb242 bff38becd7b03898d190 3fb3820e2b6aa06ac8c2
fsin bfe2cef8aa3892276658 3fff8000000000000000 bfe2cef8aa3892276641
fcos bfe2cef8aa3892276658 3fff8000000000000000 3ffeffffffffffffffac
fptan bfe2cef8aa3892276658 3fff8000000000000000 bfe2cef8aa3892276685
fsin c00094e3bf911a61dbe2 3fff8000000000000000 bffeba54daab240a899e
fcos c00094e3bf911a61dbe2 3fff8000000000000000 bffeaf8be9cdc9880f93
fptan c00094e3bf911a61dbe2 3fff8000000000000000 3fff87dd24d43c4c1bc6
fsin c02c98f135d25f557203 3fff8000000000000000 bffef52434ea30c042b1
fcos c02c98f135d25f557203 3fff8000000000000000 bffd9389140438fde7cb
fptan c02c98f135d25f557203 3fff8000000000000000 4000d4ae8893c9371d69
f2xm1 3fd3907a70c31012f037 3fff8000000000000000 3fd2c84a1807e354276c
f2xm1 bffdae2eb1547f150524 3fff8000000000000000 bffcd71c1e05fd390b7f
fpatan 400dd06bf2efc6f87718 3fe9f403e430ec66a787 3fdb95dc01247d8975f5
fpatan 3ffecb5c74273f98e277 4001930d6eaf14f4733f 3fffb326dcf3b54b66d3
fyl2x 36bae00902c77ebff206 4011f2e6cc3ababced20 c01d8cad1396d6377f6e
fyl2x 3fff800000003ebb2f4e 4011f2e6cc3ababced20 3ff1abbe24554179fa8e
fyl2xp1 bfe49e398f1012bd4ace 4011f2e6cc3ababced20 bff7d8972f2e9cf03f1b
fsin 3fe0c1d3fcff2a3af4d4 3fff8000000000000000 3fe0c1d3fcff2a3af4d3
fcos 3fe0c1d3fcff2a3af4d4 3fff8000000000000000 3ffefffffffffffffffb
fptan 3fe0c1d3fcff2a3af4d4 3fff8000000000000000 3fe0c1d3fcff2a3af4d6
fsin 3ffdfd2caf82eeeacbe2 3fff8000000000000000 3ffdf2fb8adfc7239865
fcos 3ffdfd2caf82eeeacbe2 3fff8000000000000000 3ffee155c30984399820
fptan 3ffdfd2caf82eeeacbe2 3fff8000000000000000 3ffe8a064b4f98c320fd
fsin 402fab1031d0f646e1f4 3fff8000000000000000 3ffdf8e334dc7e2f97e3
fcos 402fab1031d0f646e1f4 3fff8000000000000000 3ffedfb7cfc9572e3d2e
fptan 402fab1031d0f646e1f4 3fff8000000000000000 3ffe8e6694afa90d4ddc
f2xm1 bfe192b1d3f28ede0d7a 3fff8000000000000000 bfe0cb5ca8ece22ed854
f2xm1 3ffeb1fee08f57124242 3fff8000000000000000 3ffe9e84ef019962fe30
fpatan bffd9474031b7f26144b 403bd70820fe119a72d1 3fffc90fdaa22168c236
fpatan bffdf95e8229451abd81 bfffbb2d420f0f88080b bffff2371a3a31ca06d0
fyl2x 4c5893f448b3a5aa3c81 4003f2158370d269a9a5 400fbad5e3ce4cb62d66
fyl2x 3ffeffffffffc73abb5d 4003f2158370d269a9a5 bfe29ae6a3c018b63b6a
fyl2xp1 3fead8d5563dab2cd31e 4003f2158370d269a9a5 3ff093e8e17fbf2be84b
`;

const X = STATE_WORDS;
const Y = STATE_WORDS + 4;

type Compute = (s: Int32Array) => number;

const INSTRUCTIONS: Readonly<Record<string, Compute>> = {
  fsin: (s) => sine(s, X, CONTROL_INITIAL),
  fcos: (s) => cosineOf(s, X, CONTROL_INITIAL),
  fptan: (s) => tangent(s, X, CONTROL_INITIAL),
  f2xm1: (s) => powerLessOne(s, X, CONTROL_INITIAL),
  fpatan: (s) => arctangent(s, Y, X, CONTROL_INITIAL),
  fyl2x: (s) => timesLogarithm(s, X, Y, CONTROL_INITIAL),
  fyl2xp1: (s) => timesLogarithmPlusOne(s, X, Y, CONTROL_INITIAL),
};

function put(s: Int32Array, at: number, digits: string): void {
  const bits = BigInt(`0x${digits}`);
  for (const word of [0, 1, 2]) s[at + word] = Number(BigInt.asIntN(32, bits >> BigInt(32 * word)));
}

/** The result of an instruction, and what it reports. */
function run(name: string, x: string, y: string): { result: string; flags: number } {
  const s = new Int32Array(STATE_WORDS + 8);
  put(s, X, x);
  put(s, Y, y);
  const flags = INSTRUCTIONS[name]!(s);
  const word = (at: number, digits: number) =>
    (s[FPU_RESULT + at]! >>> 0).toString(16).padStart(digits, "0");
  return { result: word(2, 4) + word(1, 8) + word(0, 8), flags };
}

describe("a transcendental instruction", () => {
  it.each(
    RESULTS.trim()
      .split("\n")
      .map((line) => line.split(" ") as [string, string, string, string]),
  )("%s of %s and %s is %s, the value rounded once", (name, x, y, expected) => {
    const { result, flags } = run(name, x, y);
    expect(result).toBe(expected);
    expect(flags & STATUS_PE).not.toBe(0);
  });

  const ZERO = "00000000000000000000";
  const ONE = "3fff8000000000000000";
  const TWO = "40008000000000000000";
  const INFINITY = "7fff8000000000000000";
  const INDEFINITE = "ffffc000000000000000";
  const LARGE = "403e8000000000000000"; // 2^63

  it.each([
    ["fsin", LARGE, ZERO, LARGE, STATUS_C2],
    ["fsin", INFINITY, ZERO, INDEFINITE, STATUS_IE],
    ["fcos", ZERO, ZERO, ONE, 0],
    ["f2xm1", ONE, ZERO, ONE, 0],
    ["fyl2x", ZERO, ONE, "ffff8000000000000000", STATUS_ZE],
    ["fyl2x", ZERO, ZERO, INDEFINITE, STATUS_IE],
    ["fyl2x", "bfff8000000000000000", ONE, INDEFINITE, STATUS_IE],
    ["fyl2x", TWO, TWO, TWO, 0],
    ["fyl2x", ONE, INFINITY, INDEFINITE, STATUS_IE],
    ["fpatan", ONE, ZERO, ZERO, 0],
    // FPATAN of zeros is not invalid: SDM 2, table of FPATAN. The angle of (-0, +0) is π.
    ["fpatan", "80000000000000000000", ZERO, "4000c90fdaa22168c235", STATUS_PE],
  ] as const)("%s of %s and %s is %s, exactly or by definition", (name, x, y, expected, flags) => {
    const { result, flags: reported } = run(name, x, y);
    expect(result).toBe(expected);
    expect(reported & (STATUS_C2 | STATUS_IE | STATUS_ZE | STATUS_PE)).toBe(flags);
  });

  it.each(Object.keys(INSTRUCTIONS))("%s reports the least denormal as one", (name) => {
    const least = "00000000000000000001";
    expect(run(name, least, least).flags & STATUS_DE).toBe(STATUS_DE);
  });
});
