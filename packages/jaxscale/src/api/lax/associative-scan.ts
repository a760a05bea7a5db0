/** Prefix sums of any associative operation. */
import { ShapeError } from "../../base/errors.ts";
import { formatTreedef, sameTreedef, unflatten } from "../../base/pytree.ts";
import { canonicalAxis } from "../../base/shapes.ts";
import { formatAval } from "../../jaxpr/ir.ts";
import type { Array } from "../../trace/array.ts";
import { scalarOf } from "../../trace/operand.ts";
import { functionOf, optionsOf } from "../arguments.ts";
import type { Seed } from "../tree-types.ts";
import { add, bitwiseOr } from "./elementwise.ts";
import { concatenate, pad, rev, sliceInDim } from "./shape.ts";
import { type Flat, flattenArrays, isSameType } from "./trace-body.ts";

/** Options of `lax.associativeScan`. */
export interface AssociativeScanOptions {
  /** From the last element to the first. */
  readonly reverse?: boolean;
  readonly axis?: number;
}

/**
 * All prefixes `x0`, `x0 ∘ x1`, … along an axis, in log₂ n rounds of `combine` over whole arrays.
 * @param combine of two trees like `elems`, elementwise along the axis, associative
 * @throws ShapeError if arrays differ in size along the axis; TypeError if combine gives another structure, shape or dtype
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.associative_scan.html
 */
export function associativeScan<Tree extends Seed>(
  combine: (left: Tree, right: Tree) => NoInfer<Tree>,
  elems: Tree,
  options?: AssociativeScanOptions,
): Tree;
export function associativeScan<Tree>(
  combine: (left: Tree, right: Tree) => Tree,
  elems: Tree,
  options?: AssociativeScanOptions,
): Tree;
export function associativeScan<Tree>(
  combine: (left: Tree, right: Tree) => Tree,
  elems: Tree,
  options?: AssociativeScanOptions,
): Tree {
  const { reverse, axis } = optionsOf("associative_scan", options, { reverse: false, axis: 0 });
  functionOf("associative_scan", "combine", combine);
  const { leaves, treedef } = flattenArrays("associative_scan", elems);
  const at = leaves.length === 0 ? 0 : canonicalAxis("associative_scan", axis, leaves[0].ndim);
  const sizes = new Set(leaves.map((x) => x.shape[at]));
  if (sizes.size > 1)
    throw new ShapeError(
      `associative_scan: arrays must have equal sizes along the axis; got ${[...sizes].join(" and ")}`,
    );
  const turned = (xs: readonly Array[]): readonly Array[] => (reverse ? xs.map((x) => rev(x, [at])) : xs);
  const apply = (left: readonly Array[], right: readonly Array[]): readonly Array[] => {
    const combined = combine(unflatten<Tree>(treedef, left), unflatten<Tree>(treedef, right));
    return checkCombined({ leaves: left, treedef }, flattenArrays("associative_scan", combined));
  };
  const every = (xs: readonly Array[], start: number, stop: number, stride: number): readonly Array[] =>
    xs.map((x) => sliceInDim(x, start, stop, { stride, axis: at }));

  const prefixes = (xs: readonly Array[]): readonly Array[] => {
    const n = xs[0].shape[at];
    if (n < 2) return xs;
    const odd = prefixes(apply(every(xs, 0, n - 1, 2), every(xs, 1, n, 2)));
    const half = odd[0].shape[at];
    const rest = every(xs, 2, n, 2);
    const even = n === 2 ? [] : apply(n % 2 === 0 ? every(odd, 0, half - 1, 1) : odd, rest);
    const first = every(xs, 0, 1, 1);
    return xs.map((_, i) => interleave(n === 2 ? first[i] : concatenate([first[i], even[i]], at), odd[i], at));
  };
  return unflatten<Tree>(treedef, leaves.length === 0 ? leaves : turned(prefixes(turned(leaves))));
}

function checkCombined(given: Flat, combined: Flat): readonly Array[] {
  if (!sameTreedef(given.treedef, combined.treedef))
    throw new TypeError(
      `associative_scan: combine must give a tree like those that it takes, ${formatTreedef(given.treedef)}; got ${formatTreedef(combined.treedef)}`,
    );
  const wrong = given.leaves.findIndex((x, i) => !isSameType(x.aval, combined.leaves[i].aval));
  if (wrong >= 0)
    throw new TypeError(
      `associative_scan: combine must give the types that it takes; got ${formatAval(combined.leaves[wrong].aval)} of two ${formatAval(given.leaves[wrong].aval)}`,
    );
  return combined.leaves;
}

/** a0, b0, a1, b1, … */
function interleave(a: Array, b: Array, axis: number): Array {
  const same = a.shape[axis] === b.shape[axis];
  const spread = (x: Array, low: number, high: number): Array =>
    pad(
      x,
      scalarOf(0, x.dtype),
      x.shape.map((_, i) => (i === axis ? [low, high, 1] : [0, 0, 0])),
    );
  const join = a.dtype === "bool" ? bitwiseOr : add;
  return join(spread(a, 0, same ? 1 : 0), spread(b, 1, same ? 0 : 1));
}
