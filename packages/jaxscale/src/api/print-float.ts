/** Decimal text of floats as NumPy writes it: the shortest digits that distinguish a value from its neighbours, cut at a precision. */
import { type DType, formatOf } from "../base/dtypes.ts";
import { roundTo } from "../base/rounding.ts";

/** `digits · 10^-places` */
interface Decimal {
  readonly digits: bigint;
  readonly places: number;
}

/** A finite value of at least 0, exactly. */
function exactDecimal(x: number): Decimal {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, x);
  const bits = view.getBigUint64(0);
  const biased = Number(bits >> 52n);
  const mantissa = (bits & 0xfffffffffffffn) + (biased === 0 ? 0n : 1n << 52n);
  const exponent = Math.max(biased, 1) - 1075;
  if (exponent >= 0) return { digits: mantissa << BigInt(exponent), places: 0 };
  return { digits: mantissa * 5n ** BigInt(-exponent), places: -exponent };
}

/** Rounds to a number of decimal places (negative: to tens, hundreds …), ties to even. */
function roundDecimal({ digits, places }: Decimal, to: number): Decimal {
  if (to >= places) return { digits: digits * 10n ** BigInt(to - places), places: to };
  const unit = 10n ** BigInt(places - to);
  const quotient = digits / unit;
  const twice = 2n * (digits % unit);
  const up = twice > unit || (twice === unit && quotient % 2n === 1n);
  return { digits: quotient + (up ? 1n : 0n), places: to };
}

const exponentOf = ({ digits, places }: Decimal): number => (digits === 0n ? 0 : digits.toString().length - 1 - places);

/** The fewest digits that round to x in its dtype. */
function shortestDecimal(x: number, exact: Decimal, dtype: DType): Decimal {
  const exponent = exponentOf(exact);
  for (let significant = 1; ; significant++) {
    const candidate = roundDecimal(exact, significant - 1 - exponent);
    if (significant === 17 || roundTo(dtype, Number(`${candidate.digits}e${-candidate.places}`)) === x)
      return candidate;
  }
}

const trimZeros = (fraction: string): string => fraction.replace(/0+$/, "");

/** `3.1415927`, `2.`: integer and fraction, which may be empty. */
export function positional(x: number, dtype: DType, precision: number): readonly [integer: string, fraction: string] {
  const exact = exactDecimal(Math.abs(x));
  const shortest = shortestDecimal(Math.abs(x), exact, dtype);
  const cut = shortest.places > precision ? roundDecimal(exact, precision) : shortest;
  const places = Math.max(cut.places, 0);
  const digits = roundDecimal(cut, places)
    .digits.toString()
    .padStart(places + 1, "0");
  const integer = digits.slice(0, digits.length - places);
  return [`${signOf(x)}${integer}`, trimZeros(digits.slice(digits.length - places))];
}

/** `1.5e-07`: integer, fraction, exponent with its sign. @param atLeast digits of the fraction, which then are those of the exact value */
export function scientific(
  x: number,
  dtype: DType,
  precision: number,
  atLeast = 0,
): readonly [integer: string, fraction: string, exponent: string] {
  const exact = exactDecimal(Math.abs(x));
  const shortest = shortestDecimal(Math.abs(x), exact, dtype);
  const wanted = Math.min(Math.max(shortest.places + exponentOf(shortest), atLeast), precision);
  let rounded = roundDecimal(exact, wanted - exponentOf(exact));
  // Rounding 9.99 up to 10.0 leaves a digit too many.
  if (exponentOf(rounded) > exponentOf(exact)) rounded = roundDecimal(exact, wanted - exponentOf(rounded));
  const digits = rounded.digits.toString().padEnd(wanted + 1, "0");
  const fraction = trimZeros(digits.slice(1)).padEnd(atLeast, "0");
  return [`${signOf(x)}${digits[0]}`, fraction, exponentText(exponentOf(rounded))];
}

/** C's `%.6g`, in which bfloat16 values are written. */
export function general(x: number): string {
  const exact = exactDecimal(Math.abs(x));
  let rounded = roundDecimal(exact, 5 - exponentOf(exact));
  if (exponentOf(rounded) > exponentOf(exact)) rounded = roundDecimal(exact, 5 - exponentOf(rounded));
  const power = exponentOf(rounded);
  if (power < -4 || power >= 6) {
    const digits = trimZeros(rounded.digits.toString());
    return `${signOf(x)}${pointed(digits[0], digits.slice(1))}e${exponentText(power)}`;
  }
  const places = Math.max(rounded.places, 0);
  const digits = roundDecimal(rounded, places)
    .digits.toString()
    .padStart(places + 1, "0");
  return `${signOf(x)}${pointed(digits.slice(0, digits.length - places), trimZeros(digits.slice(digits.length - places)))}`;
}

/** Whether NumPy would write a magnitude with an exponent. */
export const needsExponent = (size: number, dtype: DType): boolean =>
  size !== 0 && (size < 1e-4 || size >= 10 ** wholeDigits(dtype));

/** Decimal digits that every value of a dtype holds. */
const wholeDigits = (dtype: DType): number => Math.floor(formatOf(dtype).mantissaBits * Math.log10(2));

/** A scalar by itself: `1.0`, `0.1`, `1e-07`. */
export function shortest(x: number, dtype: DType): string {
  if (needsExponent(Math.abs(x), dtype)) {
    const [integer, fraction, exponent] = scientific(x, dtype, unlimited);
    return `${pointed(integer, fraction)}e${exponent}`;
  }
  const [integer, fraction] = positional(x, dtype, unlimited);
  return `${integer}.${fraction || "0"}`;
}

const unlimited = 1000;
const pointed = (integer: string, fraction: string): string => (fraction ? `${integer}.${fraction}` : integer);
const exponentText = (power: number): string =>
  `${power < 0 ? "-" : "+"}${Math.abs(power).toString().padStart(2, "0")}`;
const signOf = (x: number): string => (x < 0 || Object.is(x, -0) ? "-" : "");
