/** Functions written for one device of a mesh, run on all. */
import { ShardingError } from "../base/errors.ts";
import { broadcastPrefix, flatten, flattenWithPath, formatKeyPath, unflatten } from "../base/pytree.ts";
import { formatShape, sizeOf } from "../base/shapes.ts";
import { formatAval } from "../jaxpr/ir.ts";
import { Mesh } from "../partition/mesh.ts";
import { axesOf, NamedSharding } from "../partition/named-sharding.ts";
import { PartitionSpec } from "../partition/partition-spec.ts";
import type { Array } from "../trace/array.ts";
import { mapOver } from "../transforms/jaxpr-transforms.ts";
import { placeAxis } from "../transforms/place-axis.ts";
import { functionOf, optionsOf } from "./arguments.ts";
import { type AnyFunction, flattenArrays, Once } from "./flat-function.ts";
import { jit } from "./jit.ts";
import { indexInDim, reshape, transpose } from "./lax/shape.ts";

/** A spec, or a tree of them that is a prefix of the tree that it is for. */
export type SpecTree = PartitionSpec | readonly SpecTree[] | { readonly [key: string]: SpecTree };

/** Options of `shardMap`. */
export interface ShardMapOptions {
  readonly mesh: Mesh;
  /** How arguments are split: a prefix of the list of arguments. */
  readonly inSpecs: SpecTree;
  /** How results are put together: a prefix of the result. */
  readonly outSpecs: SpecTree;
  /** Refuses a result that differs between devices where `outSpecs` says it is equal; without it the first device's is taken. True by default. */
  readonly checkVma?: boolean;
  /** Mesh axes that `f` sees; all by default. Over the others it runs as if they were not there. */
  readonly axisNames?: readonly string[];
}

interface ManualAxis {
  readonly name: string;
  readonly size: number;
  readonly checksVarying: boolean;
}

const isSpec = (x: unknown): boolean => x instanceof PartitionSpec;
const specsOf = (specs: SpecTree, tree: unknown, who: string): readonly PartitionSpec[] =>
  broadcastPrefix<PartitionSpec>(specs, tree, who, { isLeaf: isSpec });

/**
 * Runs `f` on every device of a mesh: it gets its parts of the arguments and gives its parts of the results, and reaches the
 * other devices by collectives over the mesh's axis names.
 * @throws ShardingError for specs that fit neither the mesh nor the arrays, and for a result that varies where its spec says that it does not
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.shard_map.html
 */
export function shardMap<F extends AnyFunction>(
  f: F,
  options: ShardMapOptions,
): (...args: Parameters<F>) => ReturnType<F> {
  functionOf("shardMap", "the first argument", f);
  const { mesh, inSpecs, outSpecs, checkVma, axisNames } = optionsOf("shardMap", options, {
    mesh: undefined as unknown as Mesh,
    inSpecs: undefined as unknown as SpecTree,
    outSpecs: undefined as unknown as SpecTree,
    checkVma: true,
    axisNames: undefined as readonly string[] | undefined,
  });
  if (!(mesh instanceof Mesh)) throw new ShardingError(`shardMap: mesh must be a Mesh; got ${typeof mesh}`);
  const unknown = axisNames?.find((name) => !mesh.axisNames.includes(name));
  if (unknown !== undefined)
    throw new ShardingError(`shardMap: axisNames must be axes of the mesh; got "${unknown}" for ${mesh}`);
  const axes = mesh.axisNames
    .filter((name) => axisNames?.includes(name) ?? true)
    .map((name): ManualAxis => ({ name, size: mesh.shape.get(name) as number, checksVarying: checkVma }));

  const mapped = (...args: unknown[]): unknown => {
    const { leaves, treedef } = flattenArrays("shardMap", args);
    const specs = specsOf(inSpecs, args, "shardMap: inSpecs");
    const paths = flattenWithPath(args).leaves.map(({ path }) => `args${formatKeyPath(path)}`);
    const parts = leaves.map((x, i) => split(x, checkedSpec(mesh, axes, specs[i], x, paths[i]), axes));
    const outTree = new Once<unknown>();
    const results = overAxes(axes, checkVma, parts, specs, (elements) => {
      const result = f(...unflatten<unknown[]>(treedef, elements));
      const flat = flattenArrays("shardMap", result);
      outTree.set(result);
      return { results: flat.leaves, specs: resultSpecs(mesh, axes, outSpecs, result, flat.leaves) };
    });
    return unflatten(flatten(outTree.value).treedef, results);
  };
  return jit(Object.defineProperty(mapped, "name", { value: f.name || "shardMap" })) as (
    ...args: Parameters<F>
  ) => ReturnType<F>;
}

/** The spec, if the array can be split as it says. */
function checkedSpec(
  mesh: Mesh,
  axes: readonly ManualAxis[],
  spec: PartitionSpec,
  x: Array,
  path: string,
): PartitionSpec {
  const auto = spec.entries
    .flatMap(axesOf)
    .find((name) => mesh.axisNames.includes(name) && !axes.some((a) => a.name === name));
  if (auto !== undefined)
    throw new ShardingError(`shardMap: specs must name axes of axisNames only; got "${auto}" in ${spec} for ${path}`);
  try {
    new NamedSharding(mesh, spec).shardShape(x.shape);
  } catch (error) {
    throw new ShardingError(`shardMap: ${path}, ${formatAval(x.aval)}: ${(error as Error).message}`);
  }
  return spec;
}

function resultSpecs(
  mesh: Mesh,
  axes: readonly ManualAxis[],
  outSpecs: SpecTree,
  result: unknown,
  leaves: readonly Array[],
): readonly PartitionSpec[] {
  const paths = flattenWithPath(result).leaves.map(({ path }) => `result${formatKeyPath(path)}`);
  return specsOf(outSpecs, result, "shardMap: outSpecs").map((spec, i) => {
    if (spec.entries.length > leaves[i].ndim)
      throw new ShardingError(
        `shardMap: a spec must not be longer than the rank of its result; got ${spec} for ${paths[i]}, ${formatAval(leaves[i].aval)}`,
      );
    const auto = spec.entries.flatMap(axesOf).find((name) => !axes.some((axis) => axis.name === name));
    if (auto !== undefined)
      throw new ShardingError(
        `shardMap: outSpecs must name mapped axes of ${mesh}; got "${auto}" in ${spec} for ${paths[i]}`,
      );
    return spec;
  });
}

/** Mesh axes that the spec names, in the mesh's order. */
const named = (spec: PartitionSpec, axes: readonly ManualAxis[]): readonly ManualAxis[] => {
  const names = new Set(spec.entries.flatMap(axesOf));
  return axes.filter(({ name }) => names.has(name));
};
const sizeIn = (axes: readonly ManualAxis[], name: string): number => axes.find((a) => a.name === name)?.size as number;

/** `[devices of the spec's axes…, …local shape]`: the parts of an array, each in its place. */
function split(x: Array, spec: PartitionSpec, axes: readonly ManualAxis[]): Array {
  const placeOf = new Map<string, number>();
  const local: number[] = [];
  const shape = x.shape.flatMap((size, dimension) => {
    const names = axesOf(spec.entries[dimension]);
    const sizes = names.map((name) => sizeIn(axes, name));
    const before = placeOf.size + local.length;
    for (const [i, name] of names.entries()) placeOf.set(name, before + i);
    local.push(before + names.length);
    return [...sizes, size / sizeOf(sizes)];
  });
  const devices = named(spec, axes).map(({ name }) => placeOf.get(name) as number);
  return transpose(reshape(x, shape), [...devices, ...local]);
}

/** The reverse of `split`. */
function join(parts: Array, spec: PartitionSpec, axes: readonly ManualAxis[]): Array {
  const devices = named(spec, axes);
  const local = parts.shape.slice(devices.length);
  const order = local.flatMap((_, dimension) => [
    ...axesOf(spec.entries[dimension]).map((name) => devices.findIndex((axis) => axis.name === name)),
    devices.length + dimension,
  ]);
  const whole = local.map(
    (size, dimension) =>
      size * axesOf(spec.entries[dimension]).reduce((product, name) => product * sizeIn(axes, name), 1),
  );
  return reshape(transpose(parts, order), whole);
}

interface LocalResults {
  readonly results: readonly Array[];
  readonly specs: readonly PartitionSpec[];
}

/** Maps `f` over all axes, the first outermost, and joins the results. */
function overAxes(
  axes: readonly ManualAxis[],
  checkVma: boolean,
  parts: readonly Array[],
  inSpecs: readonly PartitionSpec[],
  f: (parts: readonly Array[]) => LocalResults,
): readonly Array[] {
  let specs: readonly PartitionSpec[] = [];
  const from = (depth: number, values: readonly Array[]): readonly Array[] => {
    if (depth === axes.length) {
      const local = f(values);
      specs = local.specs;
      return local.results;
    }
    const axis = axes[depth];
    const dims = inSpecs.map((spec) => (names(spec).has(axis.name) ? 0 : null));
    const mapped = mapOver((elements) => from(depth + 1, elements), values, dims, axis);
    return mapped.results.map((value, i) => {
      if (names(specs[i]).has(axis.name)) return placeAxis(value, mapped.dims[i], 0, axis);
      if (checkVma && mapped.varies[i]) throw varyingResult(axis.name, specs[i], value, mapped.dims[i]);
      return mapped.dims[i] === null ? value : first(placeAxis(value, mapped.dims[i], 0, axis));
    });
  };
  return from(0, parts).map((value, i) => join(value, specs[i], axes));
}

const names = (spec: PartitionSpec): ReadonlySet<string> => new Set(spec.entries.flatMap(axesOf));

/** What the first device has. */
const first = (x: Array): Array => indexInDim(x, 0, { keepdims: false });

const varyingResult = (name: string, spec: PartitionSpec, value: Array, dim: number | null): ShardingError =>
  new ShardingError(
    `shardMap: a result that varies over a mesh axis must name it in outSpecs; got ${spec} for a result of shape ${formatShape(dim === null ? value.shape : value.shape.toSpliced(dim, 1))} that varies over "${name}". Reduce it (lax.psum), name the axis, or pass checkVma: false to take the first device's`,
  );
