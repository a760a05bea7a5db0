/** Operations across an axis that `vmap` maps over, by its name. */

import { isFloat } from "../../base/dtypes.ts";
import { flatten, unflatten } from "../../base/pytree.ts";
import type { CollectiveParams } from "../../primitives/collective.ts";
import * as primitives from "../../primitives/collective.ts";
import type { PrimitiveRules } from "../../primitives/primitive.ts";
import type { Array, ArrayLike } from "../../trace/array.ts";
import { sizeOfAxis } from "../../trace/axis-names.ts";
import { asArray, scalarOf } from "../../trace/operand.ts";
import { bind1 } from "../../trace/trace.ts";
import { listOf } from "../arguments.ts";
import { convertElementType } from "./convert.ts";
import { add, div, mul } from "./elementwise.ts";

/** A mapped axis, or several as one, the first the slowest. */
export type AxisNames = string | readonly string[];

const namesOf = (op: string, axisName: AxisNames): readonly string[] => {
  const names = typeof axisName === "string" ? [axisName] : listOf(op, "the axis", axisName);
  for (const name of names) sizeOfAxis(op, name);
  return names;
};

/** Number of elements along the axis, known while tracing. @throws ShardingError for an unbound name @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.axis_size.html */
export const axisSize = (axisName: AxisNames): number =>
  namesOf("axis_size", axisName).reduce((size, name) => size * sizeOfAxis("axis_size", name), 1);

type Tree<T> = T extends number | boolean ? Array : T;

function collective<T>(primitive: PrimitiveRules<CollectiveParams>, tree: T, axisName: AxisNames): Tree<T> {
  const axes = namesOf(primitive.name, axisName);
  const { leaves, treedef } = flatten<ArrayLike>(tree);
  return unflatten(
    treedef,
    leaves.map((x) => {
      const operand = asArray(primitive.name, x);
      const number =
        operand.dtype === "bool" && primitive === primitives.psum ? convertElementType(operand, "int32") : operand;
      return bind1(primitive, [number], { axes });
    }),
  );
}

/** Sum of every leaf along the axis. @throws ShardingError for an unbound name @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.psum.html */
export const psum = <T>(tree: T, axisName: AxisNames): Tree<T> => collective(primitives.psum, tree, axisName);
/** Largest of every leaf along the axis. @throws ShardingError for an unbound name @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.pmax.html */
export const pmax = <T>(tree: T, axisName: AxisNames): Tree<T> => collective(primitives.pmax, tree, axisName);
/** Smallest of every leaf along the axis. @throws ShardingError for an unbound name @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.pmin.html */
export const pmin = <T>(tree: T, axisName: AxisNames): Tree<T> => collective(primitives.pmin, tree, axisName);

/** Mean of every leaf along the axis; of integers a float. @throws ShardingError for an unbound name @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.pmean.html */
export function pmean<T>(tree: T, axisName: AxisNames): Tree<T> {
  const size = axisSize(axisName);
  const { leaves, treedef } = flatten<Array>(psum(tree, axisName));
  return unflatten(
    treedef,
    leaves.map((sum) => {
      const real = isFloat(sum.dtype) ? sum : convertElementType(sum, "float32");
      return div(real, scalarOf(size, real.dtype));
    }),
  );
}

/** Position along the axis, an int32 scalar. @throws ShardingError for an unbound name @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.axis_index.html */
export function axisIndex(axisName: AxisNames): Array {
  const indexOf = (name: string): Array => bind1(primitives.axisIndex, [], { axes: [name] });
  const [first, ...rest] = namesOf("axis_index", axisName);
  return rest.reduce(
    (index, name) => add(mul(index, scalarOf(sizeOfAxis("axis_index", name), "int32")), indexOf(name)),
    indexOf(first),
  );
}
