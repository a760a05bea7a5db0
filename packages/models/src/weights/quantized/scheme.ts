/** How weights are quantized while they are loaded. */

/** Codes of 4 or 8 bits, and which share a scale. */
export interface QuantizationScheme {
  readonly bits: 4 | 8;
  /** Columns that share a scale; 0 is a whole row. */
  readonly groupSize: number;
  /** Whether codes lie on both sides of a zero point of their own, or of 0. */
  readonly symmetric: boolean;
}

const form = /^(int8|int4)(?::(\d+))?(?::(sym|asym))?$/;

/**
 * `int8 | int4[:group][:sym|asym]`: int8 has a scale a row and is symmetric, int4 has groups of 32 and zero points, if nothing else is said.
 * @throws RangeError for another text
 */
export function parseScheme(text: string): QuantizationScheme {
  const found = form.exec(text);
  const group = found?.[2] === undefined ? undefined : Number(found[2]);
  if (!found || (group !== undefined && (group < 8 || group > 65536)))
    throw new RangeError(
      `quantize: a scheme is int8 or int4, then a group of 8 to 65536 columns, then sym or asym, as in int4:32:asym; got ${text}`,
    );
  const bits = found[1] === "int8" ? 8 : 4;
  return {
    bits,
    groupSize: group ?? (bits === 8 ? 0 : 32),
    symmetric: found[3] === undefined ? bits === 8 : found[3] === "sym",
  };
}

/** The scheme as `parseScheme` reads it. */
export const schemeText = ({ bits, groupSize, symmetric }: QuantizationScheme): string =>
  `int${bits}${groupSize > 0 ? `:${groupSize}` : ""}:${symmetric ? "sym" : "asym"}`;
