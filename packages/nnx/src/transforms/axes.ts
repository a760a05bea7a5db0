/** The axes of arguments and results to map or scan over. */
import * as jax from "jaxscale";
import { type Filter, type Predicate, toPredicates } from "../filters.ts";
import { formatPath, type Path } from "../path.ts";

/** In `scan`, marks the value that is carried from one iteration to the next. */
export const Carry: unique symbol = Symbol("Carry");
/** An axis, null for none. */
export type Axis = number | null | typeof Carry;

/** Axes by filter, for the state of modules: `new StateAxes([[nnx.Param, 0], [true, null]])`. */
export class StateAxes {
  readonly #predicates: readonly Predicate[];
  readonly #axes: readonly Axis[];

  constructor(axes: readonly (readonly [Filter, Axis])[]) {
    this.#predicates = toPredicates(
      "nnx.StateAxes",
      axes.map(([filter]) => filter),
    );
    this.#axes = axes.map(([, axis]) => axis);
  }

  /** The axis of a variable: that of the first filter that matches. @throws TypeError if no filter matches */
  axisOf(path: Path, value: unknown): Axis {
    const place = this.#predicates.findIndex((predicate) => predicate(path, value));
    if (place < 0) throw new TypeError(`nnx.StateAxes: filters must take every leaf; got none for ${formatPath(path)}`);
    return this.#axes[place];
  }
}
/** How one argument or result is mapped over. */
export type AxisSpec = Axis | StateAxes;

/** One spec for each argument; a single spec applies to all. @throws TypeError unless there are as many as arguments */
export function specsFor(op: string, specs: AxisSpec | readonly AxisSpec[], count: number): readonly AxisSpec[] {
  if (!Array.isArray(specs)) return Array<AxisSpec>(count).fill(specs as AxisSpec);
  if (specs.length !== count)
    throw new TypeError(
      `${op}: inAxes must be one, or one for each argument; got ${specs.length} for ${count} arguments`,
    );
  return specs;
}

export const axisFor = (spec: AxisSpec, path: Path, value: unknown): Axis =>
  spec instanceof StateAxes ? spec.axisOf(path, value) : spec;

/** The spec of a result by its path, and the rest of the path. @throws TypeError if outAxes is a list and the results are not */
export function resultSpec(
  op: string,
  specs: AxisSpec | readonly AxisSpec[],
  path: Path,
): readonly [spec: AxisSpec, below: Path] {
  if (!Array.isArray(specs)) return [specs as AxisSpec, path];
  const [first, ...below] = path;
  if (typeof first !== "number" || first >= specs.length)
    throw new TypeError(
      `${op}: with a list of outAxes results must be a list of ${specs.length}; got one at ${formatPath(path)}`,
    );
  return [specs[first], below];
}

/** Moves axis 0 of arrays to `axis`; the value of a Variable may be a tree. */
export const moveFrontTo = (axis: number, value: unknown): unknown =>
  axis === 0 ? value : jax.tree.map((x: jax.Array) => jax.numpy.moveaxis(x, 0, axis), value);
export const moveToFront = (axis: number, value: unknown): unknown =>
  axis === 0 ? value : jax.tree.map((x: jax.Array) => jax.numpy.moveaxis(x, axis, 0), value);
