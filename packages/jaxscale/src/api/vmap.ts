/** Functions mapped over axes of their arguments. */
import { ShapeError } from "../base/errors.ts";
import { broadcastPrefix, flatten, flattenWithPath, formatKeyPath, pathOfLeaf, unflatten } from "../base/pytree.ts";
import { formatShape } from "../base/shapes.ts";
import { formatAval } from "../jaxpr/ir.ts";
import type { Array } from "../trace/array.ts";
import { mapOver } from "../transforms/jaxpr-transforms.ts";
import { placeAxis } from "../transforms/place-axis.ts";
import { functionOf, optionsOf, wholeOf } from "./arguments.ts";
import { type AnyFunction, flattenArrays, leafArray, Once } from "./flat-function.ts";

/** An axis, null for none, or a tree of them that is a prefix of the tree that it is for. */
export type AxisTree = number | null | readonly AxisTree[] | { readonly [key: string]: AxisTree };

/** Options of `vmap`. */
export interface VmapOptions {
  /** Axis of each argument to map over, 0 unless said otherwise; null passes it whole. A list is one for each argument. */
  readonly inAxes?: AxisTree;
  /** Where results have the mapped axis, 0 unless said otherwise; null for those that do not depend on it. */
  readonly outAxes?: AxisTree;
  /** Name for collectives: `lax.psum(x, axisName)`. */
  readonly axisName?: string;
  /** Size of the axis, needed if no argument has it. */
  readonly axisSize?: number;
}

const isNull = (x: unknown): boolean => x === null;
const prefixOf = (axes: AxisTree, tree: unknown, who: string): readonly (number | null)[] =>
  broadcastPrefix<number | null>(axes, tree, who, { isLeaf: isNull });

/**
 * `f` for every index along an axis at once, as one program: arguments are mapped along `inAxes`, results stacked along `outAxes`.
 * @throws ShapeError if sizes along the mapped axes differ, or an argument lacks the axis; TypeError unless axes are prefixes of trees
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.vmap.html
 */
export function vmap<F extends AnyFunction>(f: F, options?: VmapOptions): (...args: Parameters<F>) => ReturnType<F> {
  functionOf("vmap", "the first argument", f);
  const { inAxes, outAxes, axisName, axisSize } = optionsOf("vmap", options, {
    inAxes: 0,
    outAxes: 0,
    axisName: undefined,
    axisSize: undefined,
  });
  const mapped = (...args: unknown[]): unknown => {
    const { leaves, treedef } = flatten(args);
    const axes = prefixOf(inAxes, args, "vmap: inAxes");
    // What is not mapped may be anything.
    const arrays = leaves.map((x, i) =>
      axes[i] === null ? x : leafArray("vmap", x, () => `args${pathOfLeaf(args, i)}`),
    );
    const dims = axes.map((axis, i) => (axis === null ? null : axisOf(arrays[i] as Array, axis)));
    const size = mappedSize(args, arrays as readonly Array[], dims, axisSize);
    const axis = { name: axisName, size };
    const outTree = new Once<unknown>();
    const flatF = (elements: readonly Array[]): readonly Array[] => {
      const result = f(...unflatten<unknown[]>(treedef, elements));
      const flat = flattenArrays("vmap", result);
      outTree.set(result);
      return flat.leaves;
    };
    // Errors name the user's function.
    Object.defineProperty(flatF, "name", { value: f.name });
    const out = mapOver(flatF, arrays as readonly Array[], dims, axis);
    const wanted = prefixOf(outAxes, outTree.value, "vmap: outAxes");
    const placed = out.results.map((value, i) => placeAxis(value, out.dims[i], wanted[i], axis));
    return unflatten(flatten(outTree.value).treedef, placed);
  };
  return Object.defineProperty(mapped, "name", { value: f.name }) as (...args: Parameters<F>) => ReturnType<F>;
}

function axisOf(x: Array, axis: number): number {
  wholeOf("vmap", "an axis", axis);
  const at = axis < 0 ? axis + x.ndim : axis;
  if (!Number.isInteger(axis) || at < 0 || at >= x.ndim)
    throw new ShapeError(
      `vmap: mapping an argument along axis ${axis} implies that its rank is at least ${axis < 0 ? -axis : axis + 1}; got rank ${x.ndim}, shape ${formatShape(x.shape)}`,
    );
  return at;
}

/** The one size of all mapped axes. */
function mappedSize(
  args: readonly unknown[],
  arrays: readonly Array[],
  dims: readonly (number | null)[],
  axisSize: number | undefined,
): number {
  const sizes = dims.flatMap((dim, i) => (dim === null ? [] : [{ size: arrays[i].shape[dim], dim, i }]));
  const all = new Set([...sizes.map(({ size }) => size), ...(axisSize === undefined ? [] : [axisSize])]);
  const [size] = all;
  if (all.size === 1) return size;
  if (all.size === 0)
    throw new ShapeError("vmap: at least one argument must have an axis in inAxes, or axisSize be given; got none");
  const paths = flattenWithPath(args).leaves.map(({ path }) => `args${formatKeyPath(path)}`);
  const listed = sizes.map((x) => `axis ${x.dim} of ${paths[x.i]} (${formatAval(arrays[x.i].aval)}) = ${x.size}`);
  if (axisSize !== undefined) listed.unshift(`axisSize = ${axisSize}`);
  throw new ShapeError(`vmap: got inconsistent sizes for array axes to be mapped: ${listed.join(", ")}`);
}
