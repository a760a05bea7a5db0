/** Jacobians and Hessians: derivatives along every unit vector at once. */
import { isFloat, promoteTypes } from "../base/dtypes.ts";
import { DTypeError } from "../base/errors.ts";
import { unflatten } from "../base/pytree.ts";
import type { Shape } from "../base/shapes.ts";
import { formatAval } from "../jaxpr/ir.ts";
import type { Array } from "../trace/array.ts";
import { jvpOf, linearizeOf } from "../transforms/differentiate.ts";
import { instantiate, mapOver, ops } from "../transforms/jaxpr-transforms.ts";
import { placeAxis } from "../transforms/place-axis.ts";
import type { Hessian, Jacobian } from "./derivative-types.ts";
import { type AnyFunction, type Aux, type FlatPart, flatFunction, type Value } from "./flat-function.ts";
import { type Argnums, argumentPositions, checkInputs, type GradOptions, gradOptions } from "./grad.ts";
import { eye } from "./numpy/diagonals.ts";

type Options = GradOptions<Argnums, boolean>;

/**
 * The Jacobian column by column, in forward mode: for few inputs. Leaves have the shape of the value's followed by that of the argument's.
 * @throws DTypeError for integer arguments
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.jacfwd.html
 */
export function jacfwd<F extends AnyFunction, const N extends Argnums = 0, HasAux extends boolean = false>(
  f: F,
  options?: GradOptions<N, HasAux>,
): (...args: Parameters<F>) => HasAux extends true ? [Jacobian<F, N, Value<F>>, Aux<F>] : Jacobian<F, N> {
  return jacobian("jacfwd", f, options, (part) => {
    const basis = standardBasis(part.leaves);
    const axis = { name: undefined, size: basis[0].shape[0] };
    let count = 0;
    const mapped = mapOver(
      (tangents) => {
        const { results, tangents: out, aux } = jvpOf(part.apply, part.leaves, tangents);
        count = results.length;
        return [...out.map((t, i) => instantiate(results[i], t)), ...results, ...aux];
      },
      basis,
      basis.map(() => 0),
      axis,
    );
    const columns = mapped.results.slice(0, count).map((x, i) => placeAxis(x, mapped.dims[i], -1, axis));
    const shapes = part.leaves.map((x) => x.shape);
    return {
      entries: columns.map((x) => splitAxis(x, x.ndim - 1, shapes)),
      aux: mapped.results.slice(2 * count),
    };
  });
}

/**
 * The Jacobian row by row, in reverse mode: for few results. Leaves have the shape of the value's followed by that of the argument's.
 * @throws DTypeError for integer arguments or results
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.jacrev.html
 */
export function jacrev<F extends AnyFunction, const N extends Argnums = 0, HasAux extends boolean = false>(
  f: F,
  options?: GradOptions<N, HasAux>,
): (...args: Parameters<F>) => HasAux extends true ? [Jacobian<F, N, Value<F>>, Aux<F>] : Jacobian<F, N> {
  return jacobian("jacrev", f, options, (part) => {
    const { results, aux, pullBack } = linearizeOf(part.apply, part.leaves);
    const integer = results.find((x) => !isFloat(x.dtype));
    if (integer)
      throw new DTypeError(
        `jacrev: requires real-valued outputs, of a floating-point dtype; got ${formatAval(integer.aval)}`,
      );
    const basis = standardBasis(results);
    const axis = { name: undefined, size: basis[0].shape[0] };
    const mapped = mapOver(
      (cotangents) => pullBack(cotangents).map((ct, i) => instantiate(part.leaves[i], ct)),
      basis,
      basis.map(() => 0),
      axis,
    );
    const shapes = results.map((x) => x.shape);
    const rows = mapped.results.map((x, i) => splitAxis(placeAxis(x, mapped.dims[i], 0, axis), 0, shapes));
    return { entries: results.map((_, o) => rows.map((row) => row[o])), aux };
  });
}

/**
 * Second derivatives: `jacfwd` of `jacrev`. Leaves have the shape of the value's followed by that of an argument's, twice.
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.hessian.html
 */
export function hessian<F extends AnyFunction, const N extends Argnums = 0, HasAux extends boolean = false>(
  f: F,
  options?: GradOptions<N, HasAux>,
): (...args: Parameters<F>) => HasAux extends true ? [Hessian<F, N, Value<F>>, Aux<F>] : Hessian<F, N> {
  const gradient: AnyFunction = jacrev(f, options);
  return jacfwd(gradient, options) as never;
}

/** @param derive for every result and every argument an array, and the aux */
function jacobian(
  op: string,
  f: AnyFunction,
  options: Options | undefined,
  derive: (part: FlatPart) => {
    readonly entries: readonly (readonly Array[])[];
    readonly aux: readonly Array[];
  },
): never {
  const { argnums, hasAux } = gradOptions(op, f, options);
  const derivative = (...args: unknown[]): unknown => {
    const part = flatFunction(op, f, args, argumentPositions(op, argnums, args.length), hasAux);
    checkInputs(op, part.leaves);
    const { entries, aux } = derive(part);
    const inner = entries.map((row) => {
      const trees = unflatten<unknown[]>(part.argTree, row);
      return typeof argnums === "number" ? trees[0] : trees;
    });
    const tree = unflatten(part.outTree.value, inner);
    return hasAux ? [tree, unflatten(part.auxTree.value, aux)] : tree;
  };
  return derivative as never;
}

/** Every unit vector of the arrays' joint space: arrays like them, with an axis of all vectors in front. */
function standardBasis(leaves: readonly Array[]): readonly Array[] {
  const total = leaves.reduce((n, x) => n + x.size, 0);
  const { dtype } = promoteTypes("jacobian", leaves);
  const shapes = leaves.map((x) => x.shape);
  return splitAxis(eye(total, total, { dtype }), 1, shapes).map(
    (x, i) => ops.convert(x, leaves[i].dtype, leaves[i].weakType) as Array,
  );
}

/** Cuts an axis into pieces, each unfolded into a shape. */
function splitAxis(x: Array, axis: number, shapes: readonly Shape[]): readonly Array[] {
  const sizes = shapes.map((shape) => shape.reduce((a, b) => a * b, 1));
  return ops
    .bind("split", [x], { axis, sizes })
    .map((piece, i) => ops.reshape(piece, x.shape.toSpliced(axis, 1, ...shapes[i])) as Array);
}
