/** Elements of arrays in memory, several to a word for narrow dtypes: loading one, packing a word to store. */
import { bitsOf, computeType, type DType, elementsPerWord } from "../base/dtypes.ts";
import { invariant } from "../base/errors.ts";
import type { KernelBuilder } from "./builder.ts";
import type { BufferDecl, Value } from "./ir.ts";
import { decode, decodeLane, encode } from "./rounding.ts";
import { commonDivisor, divisorOf, splitConstant } from "./simplify.ts";

/**
 * Element `linear` of an array, as its compute value. Where the position is a constant after a base that is known to be
 * aligned, a whole vector is loaded: neighbours ask for the same one, and it is loaded once.
 * @param linear i32, in elements, in bounds
 */
export function loadElement(k: KernelBuilder, buffer: BufferDecl, dtype: DType, linear: Value): Value {
  const perWord = elementsPerWord(dtype);
  const { base, offset } = splitConstant(k, linear);
  const alignment = divisorOf(base);
  const words = vectorWidth(buffer, alignment, perWord);
  if (words === undefined) return loadPart(k, buffer, dtype, base, offset, commonDivisor(alignment, perWord));
  const span = words * perWord;
  const lane = ((offset % span) + span) % span;
  const start = k.add(base, k.i32(offset - lane));
  const vector = k.load(buffer, k.div(start, k.i32(perWord)), words);
  return elementOfRun(k, dtype, vector, lane);
}

/** Elements of the runs that schedules make and neighbours share: one vector of a 32-bit dtype, whole words of most others. */
export const runLength = 4;
/** Elements of the shortest runs that are whole words of all of some dtypes. */
export const runLengthOf = (dtypes: readonly DType[]): number => Math.max(runLength, ...dtypes.map(elementsPerWord));

/** The run of `length` elements, beginning at a multiple of it, that a position is known to lie in, and its place there. */
export function runOf(
  k: KernelBuilder,
  linear: Value,
  length: number,
): { readonly start: Value; readonly lane: number } | undefined {
  const { base, offset } = splitConstant(k, linear);
  if (divisorOf(base) % length !== 0) return undefined;
  const lane = ((offset % length) + length) % length;
  return { start: k.add(base, k.i32(offset - lane)), lane };
}

/** One element of a run's words, as its compute value. */
export function elementOfRun(k: KernelBuilder, dtype: DType, words: Value, lane: number): Value {
  const perWord = elementsPerWord(dtype);
  const word = k.lane(words, Math.floor(lane / perWord));
  return perWord === 1 ? asComputed(k, dtype, word) : decodeLane(k, dtype, k.bitcast("u32", word), lane % perWord);
}

/** Words of the widest vector that begins at every multiple of `alignment` elements; undefined if not even a word does. */
function vectorWidth(buffer: BufferDecl, alignment: number, perWord: number): 1 | 2 | 4 | undefined {
  // Only loads that cannot change are shared by neighbours.
  const shared = buffer.access === "read" && !buffer.atomic;
  const fits = (words: number): boolean => alignment % (words * perWord) === 0 && buffer.sizeWords % words === 0;
  if (shared && fits(4)) return 4;
  if (shared && fits(2)) return 2;
  return fits(1) ? 1 : undefined;
}

/** The element at `base + offset`, from a part of a word: `part` elements that begin at a multiple of it, as `base` does, share the shift. */
function loadPart(
  k: KernelBuilder,
  buffer: BufferDecl,
  dtype: DType,
  base: Value,
  offset: number,
  part: number,
): Value {
  const perWord = elementsPerWord(dtype);
  const lane = ((offset % part) + part) % part;
  const start = k.add(base, k.i32(offset - lane));
  const word = k.bitcast("u32", k.load(buffer, k.div(start, k.i32(perWord))));
  const shift = k.mul(k.cast("u32", k.rem(start, k.i32(perWord))), k.u32(bitsOf(dtype)));
  const shifted = k.shr(word, shift);
  if (part === 1) return decode(k, dtype, k.and(shifted, k.u32(2 ** bitsOf(dtype) - 1)));
  return decodeLane(k, dtype, shifted, lane);
}

const asComputed = (k: KernelBuilder, dtype: DType, word: Value): Value => k.bitcast(computeType(dtype) as "f32", word);

/**
 * One word of an array, out of the compute values of its elements, first in the low bits; missing ones are 0.
 * Of a packed dtype a u32; of a 32-bit one the value itself.
 */
export function packLanes(k: KernelBuilder, dtype: DType, lanes: readonly Value[]): Value {
  const perWord = elementsPerWord(dtype);
  invariant(lanes.length >= 1 && lanes.length <= perWord, `${lanes.length} elements of ${dtype} in a word`);
  if (perWord === 1) return lanes[0];
  return lanes
    .map((x, lane) => k.shl(encode(k, dtype, x), k.u32(lane * bitsOf(dtype))))
    .reduce((word, part) => k.or(word, part));
}
