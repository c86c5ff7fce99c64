// SPDX-License-Identifier: BSD-2-Clause

/** A file's name as its publisher writes it, and its checksum in lower-case hexadecimal. */
export interface PublishedSum {
  readonly file: string;
  readonly sum: string;
}

/** Longer ones are no checksum files. */
export const MAX_CHECKSUM_FILE_BYTES = 4 * 1024 * 1024;

const HEX_DIGITS = { sha256: 64, sha512: 128 } as const;

/**
 * The lines of a checksum file, as BSD's tools write them (`SHA512 (name) = sum`) or GNU's (`sum  name`). What is
 * neither, or for another algorithm, is passed over: such files may be signed, in line.
 */
export function parseChecksumFile(text: string, algorithm: "sha256" | "sha512"): PublishedSum[] {
  const digits = HEX_DIGITS[algorithm];
  const bsd = new RegExp(`^${algorithm} \\((.+)\\) = ([0-9a-f]{${digits}})$`, "i");
  const gnu = new RegExp(`^([0-9a-f]{${digits}}) [ *](.+)$`, "i");
  return text.split(/\r?\n/).flatMap((line) => {
    const [, bsdFile, bsdSum] = bsd.exec(line) ?? [];
    const [, gnuSum, gnuFile] = gnu.exec(line) ?? [];
    const file = bsdFile ?? gnuFile;
    const sum = bsdSum ?? gnuSum;
    return file === undefined || sum === undefined ? [] : [{ file, sum: sum.toLowerCase() }];
  });
}
