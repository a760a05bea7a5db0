/** Operations across an axis that `vmap` or `shardMap` maps over, by its name. */

import { describe } from "../../base/describe.ts";
import { isFloat } from "../../base/dtypes.ts";
import { ShapeError, ShardingError } from "../../base/errors.ts";
import { flatten, unflatten } from "../../base/pytree.ts";
import { hostTensor } from "../../base/tensor-data.ts";
import type { CollectiveParams } from "../../primitives/collective.ts";
import * as primitives from "../../primitives/collective.ts";
import * as movement from "../../primitives/collective-movement.ts";
import type { PrimitiveRules } from "../../primitives/primitive.ts";
import type { Array, ArrayLike } from "../../trace/array.ts";
import { checksVarying, sizeOfAxis } from "../../trace/axis-names.ts";
import { asArray, scalarOf } from "../../trace/operand.ts";
import { bind1, getBackend, varyAlong } from "../../trace/trace.ts";
import { listOf, optionsOf, required, wholeOf } from "../arguments.ts";
import { convertElementType } from "./convert.ts";
import { fullLike } from "./creation.ts";
import { dynamicIndexInDim } from "./dynamic-slice.ts";
import { add, div, mul } from "./elementwise.ts";
import { concatenate, indexInDim, reshape, transpose } from "./shape.ts";

/** A mapped axis, or several as one, in row-major order. */
export type AxisNames = string | readonly string[];

const namesOf = (op: string, axisName: AxisNames): readonly string[] => {
  const names = typeof axisName === "string" ? [axisName] : listOf(op, "the axis", axisName);
  for (const name of names) sizeOfAxis(op, name);
  return names;
};

/** The same where values are combined, which along one axis is done once. @throws ShardingError for a name that is given twice */
function combinedOver(op: string, axisName: AxisNames): readonly string[] {
  const names = namesOf(op, axisName);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined)
    throw new ShardingError(`${op}: an axis must be named once; got "${twice}" twice in ${describe(axisName)}`);
  return names;
}

/** Number of elements along the axis, known while tracing. @throws ShardingError for an unbound name @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.axis_size.html */
export const axisSize = (axisName: AxisNames): number =>
  namesOf("axis_size", axisName).reduce((size, name) => size * sizeOfAxis("axis_size", name), 1);

type Tree<T> = T extends number | boolean ? Array : T;

/** A value that takes part in a collective over axes: it varies along those for which that is checked. */
const entering = (x: Array, axes: readonly string[]): Array => varyAlong(x, axes.filter(checksVarying));

function collective<T>(primitive: PrimitiveRules<CollectiveParams>, tree: T, axisName: AxisNames): Tree<T> {
  const axes = combinedOver(primitive.name, axisName);
  // Over no axis there is nothing to combine, as in JAX.
  return eachLeaf(primitive.name, tree, (x) =>
    axes.length === 0 ? x : bind1(primitive, [entering(x, axes)], { axes }),
  );
}

/** Sum of every leaf along the axis. @throws ShardingError for an unbound name @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.psum.html */
export function psum<T>(tree: T, axisName: AxisNames): Tree<T> {
  const names = combinedOver("psum", axisName);
  const over = (x: Array, primitive: PrimitiveRules<CollectiveParams>, axes: readonly string[]): Array =>
    axes.length > 0 ? bind1(primitive, [entering(x, axes)], { axes }) : x;
  const checked = names.filter(checksVarying);
  const others = names.filter((name) => !checksVarying(name));
  return eachLeaf("psum", tree, (x) => {
    const number = x.dtype === "bool" ? convertElementType(x, "int32") : x;
    return over(over(number, primitives.psum, others), primitives.psumInvariant, checked);
  });
}
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
  const indexOf = (name: string): Array => entering(bind1(primitives.axisIndex, [], { axes: [name] }), [name]);
  const [first, ...rest] = namesOf("axis_index", axisName);
  return rest.reduce(
    (index, name) => add(mul(index, scalarOf(sizeOfAxis("axis_index", name), "int32")), indexOf(name)),
    indexOf(first),
  );
}

/** Options of `lax.allGather`. */
export interface AllGatherOptions {
  /** Axis of the gathered parts: a new axis, or with `tiled` an existing one. */
  readonly axis?: number;
  /** Whether to concatenate the parts along `axis`. */
  readonly tiled?: boolean;
}

/** Applies `f` to every leaf, as an array. */
const eachLeaf = <T>(op: string, tree: T, f: (x: Array) => Array): Tree<T> => {
  const { leaves, treedef } = flatten<ArrayLike>(tree);
  return unflatten(
    treedef,
    leaves.map((x) => f(asArray(op, x))),
  );
};

/** An axis number in `[0, rank)`. @throws ShapeError */
function axisIn(op: string, name: string, axis: number, rank: number): number {
  const at = wholeOf(op, name, axis) < 0 ? axis + rank : axis;
  if (at < 0 || at >= rank) throw new ShapeError(`${op}: ${name} must be in [${-rank}, ${rank}); got ${axis}`);
  return at;
}

/**
 * Gathers every leaf from all devices: stacks along a new axis or, if `tiled`, concatenates. Several axes are in row-major order.
 * @throws ShardingError for an unbound name; ShapeError for an axis out of range
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.all_gather.html
 */
export function allGather<T>(tree: T, axisName: AxisNames, options?: AllGatherOptions): Tree<T> {
  const { axis, tiled } = optionsOf("all_gather", options, { axis: 0, tiled: false });
  const names = combinedOver("all_gather", axisName);
  return eachLeaf("all_gather", tree, (x) => {
    const dimension = axisIn("all_gather", "axis", axis, tiled ? x.ndim : x.ndim + 1);
    const gather = (y: Array, name: string, ontoAxis: boolean): Array =>
      bind1(movement.allGather, [entering(y, [name])], {
        axes: [name],
        axisSize: sizeOfAxis("all_gather", name),
        dimension,
        tiled: ontoAxis,
      });
    // The parts of the last name are innermost.
    return names.reduceRight((y, name, i) => gather(y, name, tiled || i < names.length - 1), x);
  });
}

/** Options of `lax.psumScatter`. */
export interface PsumScatterOptions {
  readonly scatterDimension?: number;
  readonly tiled?: boolean;
}

/**
 * Sums every leaf over the devices; each device keeps its part of `scatterDimension`: a slice if `tiled`, else one element without the axis.
 * @throws ShardingError for an unbound name; ShapeError for a dimension that does not divide
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.psum_scatter.html
 */
export function psumScatter<T>(tree: T, axisName: AxisNames, options?: PsumScatterOptions): Tree<T> {
  const { scatterDimension, tiled } = optionsOf("reduce_scatter", options, { scatterDimension: 0, tiled: false });
  const names = combinedOver("reduce_scatter", axisName);
  const count = axisSize(axisName);
  return eachLeaf("reduce_scatter", tree, (x) => {
    const dimension = axisIn("reduce_scatter", "scatterDimension", scatterDimension, x.ndim);
    checkParts("reduce_scatter", "scatterDimension", x.shape[dimension], count, tiled);
    const scatter = (y: Array, name: string, alongAxis: boolean): Array =>
      bind1(movement.reduceScatter, [entering(y, [name])], {
        axes: [name],
        axisSize: sizeOfAxis("reduce_scatter", name),
        dimension,
        tiled: alongAxis,
      });
    return names.reduce((y, name, i) => scatter(y, name, tiled || i < names.length - 1), x);
  });
}

function checkParts(op: string, name: string, size: number, count: number, tiled: boolean): void {
  if (tiled ? size % count === 0 : size === count) return;
  throw new ShapeError(
    `${op}: ${name} must ${tiled ? "divide into a part" : "have an element"} for each of the ${count} devices; got size ${size}`,
  );
}

/** Options of `lax.allToAll`. */
export interface AllToAllOptions {
  readonly tiled?: boolean;
}

/**
 * Part `i` of `splitAxis` of every leaf goes to device `i`, which concatenates the received parts along `concatAxis`. Without `tiled`
 * the split axis has one element for each device and goes, and `concatAxis` is a new one.
 * @throws ShardingError for an unbound name; ShapeError for sizes that do not divide
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.all_to_all.html
 */
export function allToAll<T>(
  tree: T,
  axisName: AxisNames,
  splitAxis: number,
  concatAxis: number,
  options?: AllToAllOptions,
): Tree<T> {
  const { tiled } = optionsOf("all_to_all", options, { tiled: false });
  const names = combinedOver("all_to_all", axisName);
  const count = axisSize(axisName);
  return eachLeaf("all_to_all", tree, (x) => {
    const split = axisIn("all_to_all", "splitAxis", splitAxis, x.ndim);
    const concat = axisIn("all_to_all", "concatAxis", concatAxis, x.ndim);
    checkParts("all_to_all", "splitAxis", x.shape[split], count, tiled);
    const exchange = (y: Array, name: string, from: number, to: number, endToEnd: boolean): Array =>
      bind1(movement.allToAll, [entering(y, [name])], {
        axes: [name],
        axisSize: sizeOfAxis("all_to_all", name),
        splitAxis: from,
        concatAxis: to,
        tiled: endToEnd,
      });
    if (names.length === 1) return exchange(x, names[0], split, concat, tiled);
    // One axis a name in front, each exchanged in its place; then they are merged into the axis that was asked for.
    const sizes = names.map((name) => sizeOfAxis("all_to_all", name));
    const rest = tiled ? [x.shape[split] / count] : [];
    const parts = reshape(x, x.shape.toSpliced(split, 1, ...sizes, ...rest));
    const front = names.reduce((y, _, i) => moveAxis(y, split + i, i), parts);
    const exchanged = names.reduce((y, name, i) => exchange(y, name, i, i, false), front);
    const shape = x.shape.toSpliced(split, 1, ...rest);
    const merged = reshape(exchanged, [count, ...shape]);
    const placed = moveAxis(merged, 0, concat);
    return tiled ? reshape(placed, shape.with(concat, shape[concat] * count)) : placed;
  });
}

/**
 * Sends the value of device `from` of each pair to device `to`; devices in no pair receive zeros. Along several axes devices are numbered
 * in row-major order, and what all have is gathered first.
 * @throws ShardingError for an unbound name, a device out of range, or one that sends or receives twice
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.ppermute.html
 */
export function ppermute<T>(
  tree: T,
  axisName: AxisNames,
  perm: readonly (readonly [from: number, to: number])[],
): Tree<T> {
  const names = combinedOver("ppermute", axisName);
  const size = axisSize(names);
  const pairs = listOf("ppermute", "perm", perm).map((pair) => listOf("ppermute", "each of perm", pair));
  for (const side of [0, 1] as const) {
    const devices = pairs.map((pair) => pair[side]);
    const absent = devices.find((d) => !Number.isInteger(d) || d < 0 || d >= size);
    if (absent !== undefined)
      throw new ShardingError(
        `ppermute: devices must be numbers of those along ${names.join(", ")}, 0 to ${size - 1}; got ${describe(absent)} in ${describe(perm)}`,
      );
    const twice = devices.find((d, i) => devices.indexOf(d) < i);
    if (twice !== undefined)
      throw new ShardingError(
        `ppermute: a device must ${side === 0 ? "send" : "receive"} at most once; got ${twice} twice in ${describe(perm)}`,
      );
  }
  if (names.length !== 1) return eachLeaf("ppermute", tree, (x) => chosen(x, names, pairs));
  const [name] = names;
  return eachLeaf("ppermute", tree, (x) =>
    bind1(movement.permute, [entering(x, [name])], {
      axes: [name],
      axisSize: size,
      perm: pairs.map(([from, to]) => [from, to] as const),
    }),
  );
}

/** A permutation along several axes, which no exchange along one of them makes: gathered, and of that what the sender has. */
function chosen(x: Array, names: readonly string[], pairs: readonly (readonly number[])[]): Array {
  const size = axisSize(names);
  const senders = hostTensor([size], "int32");
  senders.values.fill(size);
  for (const [from, to] of pairs) senders.values[to] = from;
  // What nobody sends to gets the row of zeros behind all others.
  const rows = concatenate([allGather(x, names), fullLike(x, 0, x.dtype, [1, ...x.shape])], 0);
  const sender = dynamicIndexInDim(getBackend().fromHost(senders, false), axisIndex(names), { keepdims: false });
  return dynamicIndexInDim(rows, sender, { keepdims: false });
}

/** The value of one device of the axis (of several: in row-major order), on all. @throws ShardingError for an unbound name or a device out of range @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.pbroadcast.html */
export function pbroadcast<T>(tree: T, axisName: AxisNames, source: number): Tree<T> {
  const size = axisSize(namesOf("pbroadcast", axisName));
  if (!Number.isInteger(source) || source < 0 || source >= size)
    throw new ShardingError(`pbroadcast: the source must be a device in [0, ${size}); got ${describe(source)}`);
  return eachLeaf("pbroadcast", tree, (x) => indexInDim(allGather(x, axisName), source, { keepdims: false }));
}

/**
 * Marks every leaf as varying along the axes, as the initial carry of a scan must be if the carry becomes varying.
 * @throws ShardingError for an unbound name, or for any other `to` than "varying" @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.pcast.html
 */
export function pcast<T>(tree: T, axisName: AxisNames, options: { readonly to: "varying" }): Tree<T> {
  const { to } = optionsOf("pcast", options, { to: required });
  if (to !== "varying") throw new ShardingError(`pcast: to must be "varying"; got ${JSON.stringify(to)}`);
  const axes = namesOf("pcast", axisName);
  return eachLeaf("pcast", tree, (x) => entering(x, axes));
}

const moveAxis = (x: Array, from: number, to: number): Array =>
  transpose(x, [...x.shape.keys()].filter((axis) => axis !== from).toSpliced(to, 0, from));
