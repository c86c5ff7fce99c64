// SPDX-License-Identifier: BSD-2-Clause
// Elementary functions in fixed point: bigints with FRACTION_BITS bits behind the point. Relative precision,
// however small the argument is, is the callers' work: what they ask for here is a factor of about one that
// the argument is to be multiplied with, sin r / r for example. Errors are a few units of 2^-160.

export const FRACTION_BITS = 160n;
export const ONE = 1n << FRACTION_BITS;

/** π × 2^256 and ln 2 × 2^256. */
const PI_256 = 0x3243f6a8885a308d313198a2e03707344a4093822299f31d0082efa98ec4e6c89n;
const LN2_256 = 0xb17217f7d1cf79abc9e3b39803f2f6af40f343267298b62d8a0d175b8baafa2bn;

export const PI = PI_256 >> (256n - FRACTION_BITS);
export const LN2 = LN2_256 >> (256n - FRACTION_BITS);
/** Divides by this to go from natural logarithms to those of base 2, with digits to spare. */
export const LN2_WIDE = LN2_256;
export const LN2_WIDE_BITS = 256n;

function range(count: number): bigint[] {
  return Array.from({ length: count }, (_, i) => BigInt(i));
}

function factorial(n: bigint): bigint {
  let product = 1n;
  for (let i = 2n; i <= n; i++) product *= i;
  return product;
}

/** Coefficients of powers of the square of the argument, up to where they are below 2^-160. */
const SINE = range(21).map((n) => alternate(n, ONE / factorial(2n * n + 1n)));
const COSINE = range(21).map((n) => alternate(n, ONE / factorial(2n * n)));
/** For arguments up to 1/32. */
const ARCTANGENT = range(17).map((n) => alternate(n, ONE / (2n * n + 1n)));
const AREA_TANGENT = range(17).map((n) => ONE / (2n * n + 1n));
/** For arguments up to ln 2 / 32. */
const EXPONENTIAL = range(22).map((n) => ONE / factorial(n + 1n));

function alternate(n: bigint, value: bigint): bigint {
  return n % 2n === 0n ? value : -value;
}

function evaluate(coefficients: readonly bigint[], x: bigint): bigint {
  let sum = 0n;
  for (let i = coefficients.length - 1; i >= 0; i--) {
    sum = coefficients[i]! + ((sum * x) >> FRACTION_BITS);
  }
  return sum;
}

/** sin r / r, from r² up to (π/4)². */
export function sineFactor(square: bigint): bigint {
  return evaluate(SINE, square);
}

/** cos r, from r² up to (π/4)². */
export function cosine(square: bigint): bigint {
  return evaluate(COSINE, square);
}

/** arctan t / t, from t² up to 1/1024. */
export function arctangentFactor(square: bigint): bigint {
  return evaluate(ARCTANGENT, square);
}

/** artanh z / z, from z² up to 1/1024. */
export function areaTangentFactor(square: bigint): bigint {
  return evaluate(AREA_TANGENT, square);
}

/** (e^u - 1) / u, for u up to ln 2 / 32. */
export function exponentialFactor(u: bigint): bigint {
  return evaluate(EXPONENTIAL, u);
}

/** Steps of the arctangent table: arctan(k / 16). */
export const ARCTANGENT_STEPS = 16n;
/** Steps of the logarithm table: ln(1 + k / 32). */
export const LOGARITHM_STEPS = 32n;
/** Steps of the table of powers: 2^(k / 16). */
export const POWER_STEPS = 16n;

const LEAST_LOGARITHM = -16;

interface Tables {
  /** arctan(k / 16), k = 0 … 16. */
  readonly arctangents: readonly bigint[];
  /** ln(1 + k / 32), k = -16 … 16, from index 0 on. */
  readonly logarithms: readonly bigint[];
  /** 2^(k / 16), k = 0 … 16. */
  readonly powers: readonly bigint[];
}

let tables: Tables | undefined;

function arctangentTable(): bigint[] {
  const table = [0n];
  for (let k = 1n; k <= ARCTANGENT_STEPS; k++) {
    // The difference of two neighbours is the arctangent of a small fraction.
    const tangent = (ARCTANGENT_STEPS * ONE) / (ARCTANGENT_STEPS * ARCTANGENT_STEPS + k * (k - 1n));
    const half = tangentOfHalf(tangent);
    const factor = arctangentFactor((half * half) >> FRACTION_BITS);
    table.push(table.at(-1)! + ((2n * half * factor) >> FRACTION_BITS));
  }
  return table;
}

/** tan(a / 2) from tan a, so that the series' range is kept: (√(1 + t²) - 1) / t. */
function tangentOfHalf(tangent: bigint): bigint {
  const root = squareRoot((ONE + ((tangent * tangent) >> FRACTION_BITS)) << FRACTION_BITS);
  return ((root - ONE) << FRACTION_BITS) / tangent;
}

function squareRoot(value: bigint): bigint {
  let root = 1n << BigInt((value.toString(2).length >> 1) + 1);
  for (;;) {
    const next = (root + value / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

function logarithmTable(): bigint[] {
  const one = -LEAST_LOGARITHM;
  const table: bigint[] = new Array(2 * one + 1).fill(0n);
  for (let k = 1; k <= one; k++) {
    table[one + k] = table[one + k - 1]! + logarithmOfStep(LOGARITHM_STEPS + BigInt(k));
    table[one - k] = table[one - k + 1]! - logarithmOfStep(LOGARITHM_STEPS - BigInt(k) + 1n);
  }
  return table;
}

/** ln(n / (n - 1)) = 2 artanh(1 / (2n - 1)). */
function logarithmOfStep(n: bigint): bigint {
  const z = ONE / (2n * n - 1n);
  return (2n * z * areaTangentFactor((z * z) >> FRACTION_BITS)) >> FRACTION_BITS;
}

function powerTable(): bigint[] {
  const u = LN2 / (2n * POWER_STEPS);
  const half = ONE + ((u * exponentialFactor(u)) >> FRACTION_BITS);
  const step = (half * half) >> FRACTION_BITS;
  const table = [ONE];
  for (let k = 1n; k <= POWER_STEPS; k++) table.push((table.at(-1)! * step) >> FRACTION_BITS);
  return table;
}

function get(): Tables {
  tables ??= {
    arctangents: arctangentTable(),
    logarithms: logarithmTable(),
    powers: powerTable(),
  };
  return tables;
}

/** arctan(k / 16), 0 ≤ k ≤ 16. */
export function arctangentOfStep(k: bigint): bigint {
  return get().arctangents[Number(k)]!;
}

/** ln(1 + k / 32), -16 ≤ k ≤ 16. */
export function logarithmOf(k: bigint): bigint {
  return get().logarithms[Number(k) - LEAST_LOGARITHM]!;
}

/** 2^(k / 16), -16 ≤ k ≤ 16. */
export function powerOfStep(k: bigint): bigint {
  if (k >= 0n) return get().powers[Number(k)]!;
  return get().powers[Number(k + POWER_STEPS)]! >> 1n;
}
