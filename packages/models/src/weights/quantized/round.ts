/** Quantizes rows of floats to the nearest codes. Each operation is one of float32, so that results are equal to the bit everywhere. */
import { castBytes, type FloatDType } from "../../safetensors/cast.ts";
import type { QuantizedMatrix } from "./matrix.ts";
import type { Rows } from "./rows.ts";
import type { QuantizationScheme } from "./scheme.ts";

/** Codes, scales and zero points of some rows. */
interface RoundedRows {
  readonly codes: Int8Array | Uint8Array;
  readonly scales: Float32Array;
  readonly zeros: Uint8Array | undefined;
}

/**
 * A float matrix as a quantized one. Symmetric: `s = max|w| / top`, `q = clamp(rint(w / s), -top, top)` with top 7 or 127. Asymmetric:
 * `lo = min(w, 0)`, `hi = max(w, 0)`, `s = (hi - lo) / steps`, `z = clamp(rint(-lo / s))`, `q = clamp(rint(w / s) + z)` from 0 to steps, 15 or
 * 255. Ties go to even; the scale is rounded to its dtype first; a scale of 0 is 1.
 */
export function quantizedRows(
  floats: Rows<Float32Array>,
  scheme: QuantizationScheme,
  scaleDtype: FloatDType,
): QuantizedMatrix {
  const { rows, columns } = floats;
  const { bits, symmetric } = scheme;
  const groupSize = scheme.groupSize || columns;
  const groups = Math.ceil(columns / groupSize);
  const round = async (first: number, end: number): Promise<RoundedRows> =>
    roundRows(await floats.read(first, end), columns, groupSize, scheme, scaleDtype);
  // Loading reads all codes, then all scales, then all zero points: the floats are read once.
  const scales = new RowMemory(rows, groups, Float32Array, async (...at) => (await round(...at)).scales);
  const zeros = new RowMemory(rows, groups, Uint8Array, async (...at) => (await round(...at)).zeros as Uint8Array);
  const codes = async (first: number, end: number): Promise<Int8Array | Uint8Array> => {
    const rounded = await round(first, end);
    scales.keep(first, rounded.scales);
    if (rounded.zeros) zeros.keep(first, rounded.zeros);
    return rounded.codes;
  };
  const dtype = `${symmetric ? "" : "u"}int${bits}` as const;
  return {
    rows,
    columns,
    groupSize,
    codes: { rows, columns, dtype, read: codes },
    scales: { rows, columns: groups, dtype: scaleDtype, read: (...at) => scales.read(...at) },
    ...(!symmetric && { zeros: { rows, columns: groups, dtype, read: (...at) => zeros.read(...at) } }),
    keys: [],
  };
}

/** Rows that were made on the way to others, until they are read. */
class RowMemory<Values extends Float32Array | Uint8Array> {
  readonly #columns: number;
  readonly #make: (first: number, end: number) => Promise<Values>;
  readonly #blank: () => { values: Values; isKept: Uint8Array };
  #kept: { values: Values; isKept: Uint8Array } | undefined;

  constructor(
    rows: number,
    columns: number,
    type: new (size: number) => Values,
    make: (first: number, end: number) => Promise<Values>,
  ) {
    this.#columns = columns;
    this.#make = make;
    this.#blank = () => ({ values: new type(rows * columns), isKept: new Uint8Array(rows) });
  }

  keep(first: number, values: Values): void {
    this.#kept ??= this.#blank();
    this.#kept.values.set(values, first * this.#columns);
    this.#kept.isKept.fill(1, first, first + values.length / this.#columns);
  }

  /** Frees the memory with the last rows. */
  async read(first: number, end: number): Promise<Values> {
    const kept = this.#kept;
    if (!kept?.isKept.subarray(first, end).every(Boolean)) return this.#make(first, end);
    if (end === kept.isKept.length) this.#kept = undefined;
    return kept.values.slice(first * this.#columns, end * this.#columns) as Values;
  }
}

const { fround } = Math;

/** Adding and subtracting 1.5 · 2⁵² rounds a float64 to an integer, ties to even. */
const integerShift = 1.5 * 2 ** 52;
/** Float32 quotients of up to 2⁸ are off by less than 2⁻¹⁶. */
const nearTie = 0.5 - 2 ** -13;

/** To the nearest integer, ties to even; below 2²². */
const rint = (x: number): number => fround(fround(x + 12582912) - 12582912);

function roundRows(
  w: Float32Array,
  columns: number,
  groupSize: number,
  { bits, symmetric }: QuantizationScheme,
  scaleDtype: FloatDType,
): RoundedRows {
  const rows = columns === 0 ? 0 : w.length / columns;
  const groups = Math.ceil(columns / groupSize);
  // One type of array, so that the loops are compiled for it alone; bytes of negative codes are the same.
  const codes = new Uint8Array(w.length);
  const scales = new Float32Array(rows * groups);
  const zeros = symmetric ? undefined : new Uint8Array(rows * groups);
  const top = symmetric ? 2 ** (bits - 1) - 1 : 2 ** bits - 1;
  const lowest = symmetric ? -top : 0;
  const steps: [number, number][] = [];
  for (let at = 0; at < columns; at += groupSize) steps.push([at, Math.min(at + groupSize, columns)]);
  const lows = new Float32Array(zeros ? rows * groups : 0);
  for (let r = 0, i = 0; r < rows; r++)
    for (const [from, to] of steps) {
      const [low, high] = extremesOf(w, r * columns + from, r * columns + to);
      if (zeros) lows[i] = low;
      scales[i++] = symmetric ? Math.max(-low, high) / top : fround(high - low) / top;
    }
  roundTo(scales, scaleDtype);
  for (let r = 0, i = 0; r < rows; r++)
    for (const [from, to] of steps) {
      if (scales[i] === 0) scales[i] = 1;
      const s = scales[i];
      const z = zeros ? Math.min(Math.max(rint(fround(-lows[i] / s)), 0), top) : 0;
      if (zeros) zeros[i] = z;
      i++;
      roundGroup(w, codes, r * columns + from, r * columns + to, s, z, lowest, top);
    }
  return { codes: symmetric ? new Int8Array(codes.buffer) : codes, scales, zeros };
}

/** The smallest and the largest element of a range, and 0. */
function extremesOf(w: Float32Array, from: number, to: number): readonly [low: number, high: number] {
  let low = 0;
  let high = 0;
  for (let i = from; i < to; i++) {
    if (w[i] < low) low = w[i];
    if (w[i] > high) high = w[i];
  }
  return [low, high];
}

function roundGroup(
  w: Float32Array,
  codes: Uint8Array,
  from: number,
  to: number,
  scale: number,
  zero: number,
  lowest: number,
  top: number,
): void {
  // A quotient in float64 rounds to the same integer as one in float32, but near a tie. A multiplication is faster than a division.
  const inverse = 1 / scale;
  for (let i = from; i < to; i++) {
    const quotient = w[i] * inverse;
    let q = quotient + integerShift - integerShift;
    const rest = quotient - q;
    if (rest > nearTie || rest < -nearTie) q = rint(fround(w[i] / scale));
    q += zero;
    if (q < lowest) q = lowest;
    else if (q > top) q = top;
    codes[i] = q;
  }
}

/** Rounds values to a narrower dtype, in place. */
function roundTo(values: Float32Array, dtype: FloatDType): void {
  if (dtype === "float32") return;
  const bytes = new Uint8Array(values.slice().buffer);
  values.set(
    new Float32Array(castBytes(castBytes(bytes, "float32", dtype), dtype, "float32").buffer, 0, values.length),
  );
}
