/** Einstein sums, as contractions of two operands at a time. */
import { type DType, isBool, promoteTypes } from "../../base/dtypes.ts";
import { and } from "../../primitives/bitwise.ts";
import { eq } from "../../primitives/compare.ts";
import { dotGeneral } from "../../primitives/dot-general.ts";
import { reduceOr, reduceSum } from "../../primitives/reduction.ts";
import type { Array, ArrayLike } from "../../trace/array.ts";
import { asArray } from "../../trace/operand.ts";
import { bind1 } from "../../trace/trace.ts";
import { optionsOf } from "../arguments.ts";
import type { ContractionOptions } from "./contraction.ts";
import { contractionOrder, parseEquation } from "./einsum-equation.ts";
import { binary, choose, convert, counting, dropAxes, filled, permute, spread } from "./equations.ts";

/** An array with a label for each axis. */
interface Labelled {
  readonly array: Array;
  readonly labels: string;
}

const axesOf = (labels: string, wanted: Iterable<string>): number[] =>
  [...wanted].map((label) => labels.indexOf(label));
const without = (labels: string, gone: string): string => [...labels].filter((label) => !gone.includes(label)).join("");
const countOf = (labels: string, label: string): number => [...labels].filter((other) => other === label).length;

function summed(x: Array, axes: readonly number[], dtype: DType): Array {
  const wider = promoteTypes("einsum", [x.aval, { dtype, weakType: false }]).dtype !== x.dtype ? convert(x, dtype) : x;
  return bind1(isBool(wider.dtype) ? reduceOr : reduceSum, [wider], { axes });
}

function sumLabels({ array, labels }: Labelled, gone: string, dtype: DType): Labelled {
  if (gone === "") return { array, labels };
  return { array: summed(array, axesOf(labels, gone), dtype), labels: without(labels, gone) };
}

/** Labels that occur more than once become one axis, the diagonal, or none if nobody needs it. */
function takeDiagonals(x: Labelled, needed: string, dtype: DType): Labelled {
  let { array, labels } = x;
  for (const label of new Set(x.labels)) {
    if (countOf(labels, label) < 2) continue;
    const axes = [...labels].flatMap((other, axis) => (other === label ? [axis] : []));
    const mask = spreadMask(onDiagonal(array.shape[axes[0]], axes.length), array.shape, axes);
    const masked = choose(mask, array, filled(0, array.shape, array.dtype));
    const kept = needed.includes(label);
    array = summed(masked, kept ? axes.slice(0, -1) : axes, dtype);
    const last = labels.lastIndexOf(label);
    labels = [...labels].filter((other, axis) => other !== label || (kept && axis === last)).join("");
  }
  return { array, labels };
}

/** Where all indices are equal: bool, `count` axes of one size. */
function onDiagonal(size: number, count: number): Array {
  const shape = globalThis.Array<number>(count).fill(size);
  const indices = shape.map((_, axis) => counting(shape, axis, "uint32"));
  const equal = indices.slice(1).map((index, i) => binary(eq, indices[i], index));
  return equal.reduce((all, next) => binary(and, all, next));
}

const spreadMask = (mask: Array, shape: readonly number[], axes: readonly number[]): Array =>
  axes.length === shape.length ? mask : spread(mask, shape, axes);

/** Axes of size 1 whose partner is longer are broadcast by leaving them out. */
function dropSingletons(x: Labelled, other: Labelled): Labelled {
  const gone = [...x.labels].flatMap((label, axis) => {
    const partner = other.labels.indexOf(label);
    return x.array.shape[axis] === 1 && partner >= 0 && other.array.shape[partner] !== 1 ? [axis] : [];
  });
  return { array: dropAxes(x.array, gone), labels: [...x.labels].filter((_, axis) => !gone.includes(axis)).join("") };
}

/** Labels of the first that are in none of the others, once each. */
const alone = (labels: string, ...others: readonly string[]): string =>
  [...labels]
    .filter((label) => countOf(labels, label) === 1 && !others.some((other) => other.includes(label)))
    .sort()
    .join("");

function contractTwo(a: Labelled, b: Labelled, result: string, dtype: DType): Labelled {
  let lhs = dropSingletons(a, b);
  let rhs = dropSingletons(b, lhs);
  const lhsAlone = alone(lhs.labels, rhs.labels, result);
  const rhsAlone = alone(rhs.labels, lhs.labels, result);
  lhs = sumLabels(lhs, lhsAlone, dtype);
  rhs = sumLabels(rhs, rhsAlone, dtype);
  lhs = takeDiagonals(lhs, result + rhs.labels, dtype);
  rhs = takeDiagonals(rhs, result + lhs.labels, dtype);
  const shared = [...lhs.labels].filter((label) => rhs.labels.includes(label));
  const batch = [...result].filter((label) => shared.includes(label)).join("");
  const contracted = shared
    .filter((label) => !result.includes(label))
    .sort()
    .join("");
  const product = (x: Labelled, y: Labelled): Labelled => ({
    array: bind1(dotGeneral, [x.array, y.array], {
      dimensionNumbers: [
        [axesOf(x.labels, contracted), axesOf(y.labels, contracted)],
        [axesOf(x.labels, batch), axesOf(y.labels, batch)],
      ],
      preferredElementType: dtype,
    }),
    labels: batch + without(x.labels, batch + contracted) + without(y.labels, batch + contracted),
  });
  // The order that needs no transpose, if one does.
  const direct = batch + without(rhs.labels, batch + contracted) + without(lhs.labels, batch + contracted) === result;
  return direct ? product(rhs, lhs) : product(lhs, rhs);
}

const inOrder = ({ array, labels }: Labelled, result: string): Labelled => ({
  array: permute(array, axesOf(labels, result)),
  labels: result,
});

/**
 * Sums of products over named axes: `einsum("bij,bjk->bik", x, y)`. A label in several operands pairs their axes, one that the
 * result lacks is summed over, one twice in an operand takes the diagonal; "..." stands for axes that broadcast.
 * More than two operands are contracted in the order that needs the fewest operations.
 * @throws ShapeError for text that is no equation, or shapes that do not fit it
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.einsum.html
 */
export function einsum(subscripts: string, ...operands: readonly (ArrayLike | ContractionOptions)[]): Array {
  const last = operands.at(-1);
  const given = isOptions(last) ? last : undefined;
  const options = optionsOf("einsum", given, { preferredElementType: undefined });
  const arrays = operands.filter((x): x is ArrayLike => x !== given).map((x) => asArray("einsum", x));
  const equation = parseEquation(
    subscripts,
    arrays.map((x) => x.shape),
  );
  const preferred = options.preferredElementType;
  const avals = arrays.map((x) => x.aval);
  const { dtype, weakType } =
    preferred === undefined ? promoteTypes("einsum", avals) : { dtype: preferred, weakType: false };
  const left: Labelled[] = arrays.map((array, i) => ({ array, labels: equation.operands[i] }));
  if (left.length === 1) {
    const [only] = left;
    const diagonal = takeDiagonals(sumLabels(only, alone(only.labels, equation.result), dtype), equation.result, dtype);
    left[0] = inOrder(diagonal, equation.result);
  }
  for (const [i, j] of contractionOrder(equation)) {
    const [b] = left.splice(j, 1);
    const [a] = left.splice(i, 1);
    const wanted = left.length === 0 ? equation.result : keptLabels(b.labels + a.labels, left, equation.result);
    left.push(inOrder(contractTwo(b, a, wanted, dtype), wanted));
  }
  return convert(left[0].array, dtype, weakType);
}

const isOptions = (x: unknown): x is ContractionOptions =>
  typeof x === "object" && x !== null && Object.getPrototypeOf(x) === Object.prototype;

/** Labels of a product that the result or other operands still need, in order of first sight. */
const keptLabels = (labels: string, others: readonly Labelled[], result: string): string =>
  [...new Set(labels)]
    .filter((label) => result.includes(label) || others.some((other) => other.labels.includes(label)))
    .join("");
