/** Functions written for one device of a mesh, run on all. */
import { calledAt } from "../base/call-site.ts";
import { describe } from "../base/describe.ts";
import { ShardingError } from "../base/errors.ts";
import { broadcastPrefix, flatten, flattenWithPath, formatKeyPath, unflatten } from "../base/pytree.ts";
import { formatAval } from "../jaxpr/ir.ts";
import { layoutOf, specOf } from "../partition/layout.ts";
import { Mesh } from "../partition/mesh.ts";
import { axesOf, NamedSharding } from "../partition/named-sharding.ts";
import { PartitionSpec } from "../partition/partition-spec.ts";
import { type DeviceAxis, deviceAxes, type LocalResults, onAllDevices } from "../partition/stack.ts";
import type { Array } from "../trace/array.ts";
import { mappedByShardMap } from "../trace/axis-names.ts";
import { functionOf, optionsOf, required } from "./arguments.ts";
import { type AnyFunction, flattenArrays, Once } from "./flat-function.ts";
import { topologyFor } from "./gpus.ts";
import { jit } from "./jit.ts";
import { onDevicesOfGpus } from "./shard-map-on-gpus.ts";

/** A spec, or a tree of them that is a prefix of the tree that it is for. */
export type SpecTree = PartitionSpec | readonly SpecTree[] | { readonly [key: string]: SpecTree };

/** Options of `shardMap`. */
export interface ShardMapOptions {
  readonly mesh: Mesh;
  /** How arguments are split: a prefix of the list of arguments. */
  readonly inSpecs: SpecTree;
  /** How results are put together: a prefix of the result, or a function that gives it once `f` was called. */
  readonly outSpecs: SpecTree | (() => SpecTree);
  /** Refuses a result that differs between devices where `outSpecs` says it is equal; without it the first device's is taken. True by default. */
  readonly checkVma?: boolean;
  /** Mesh axes that `f` sees; all by default. Over the others it runs as if they were not there. */
  readonly axisNames?: readonly string[];
}

const isSpec = (x: unknown): boolean => x instanceof PartitionSpec;
function specsOf(specs: SpecTree, tree: unknown, name: "inSpecs" | "outSpecs"): readonly PartitionSpec[] {
  const flat = broadcastPrefix<PartitionSpec>(specs, tree, `shardMap: ${name}`, { isLeaf: isSpec });
  const wrong = flat.find((spec) => !isSpec(spec));
  if (wrong !== undefined) throw refusal(`${name} must be PartitionSpecs, such as P("x"); got ${describe(wrong)}`);
  return flat;
}

const refusal = (message: string): ShardingError => new ShardingError(`shardMap: ${message}${calledAt()}`);

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
    mesh: required,
    inSpecs: required,
    outSpecs: required,
    checkVma: true,
    axisNames: undefined as readonly string[] | undefined,
  });
  if (!(mesh instanceof Mesh)) throw refusal(`mesh must be a Mesh; got ${describe(mesh)}`);
  const unknown = axisNames?.find((name) => !mesh.axisNames.includes(name));
  if (unknown !== undefined) throw refusal(`axisNames must be axes of the mesh; got "${unknown}" for ${mesh}`);
  const axes = deviceAxes(mesh, checkVma, axisNames);

  const mapped = (...args: unknown[]): unknown => {
    const again = mappedByShardMap(axes.map((axis) => axis.name));
    if (again !== undefined)
      throw refusal(
        `within another shardMap axes must be those that it leaves; got "${again}" again. Name the others in axisNames, of both`,
      );
    const { leaves, treedef } = flattenArrays("shardMap", args);
    const specs = specsOf(inSpecs, args, "inSpecs");
    const paths = flattenWithPath(args).leaves.map(({ path }) => `args${formatKeyPath(path)}`);
    const layouts = leaves.map((x, i) => layoutOf(checkedSpec(mesh, axes, specs[i], x, paths[i]), x.ndim));
    const outTree = new Once<unknown>();
    let local: LocalResults = { results: [], layouts: [] };
    const program = (parts: readonly Array[]): LocalResults => {
      const result = f(...unflatten<unknown[]>(treedef, parts));
      const flat = flattenArrays("shardMap", result);
      outTree.set(result);
      const specs = typeof outSpecs === "function" ? outSpecs() : outSpecs;
      const out = resultSpecs(mesh, axes, specs, result, flat.leaves);
      local = { results: flat.leaves, layouts: out.map((spec, i) => layoutOf(spec, flat.leaves[i].ndim)) };
      return local;
    };
    const refuse = (axis: string, i: number): never => {
      throw varyingResult(axis, specOf(local.layouts[i]), local.results[i]);
    };
    const onAll = topologyFor(mesh) === undefined ? onAllDevices : onDevicesOfGpus(f.name || "shardMap", mesh);
    const { results } = onAll(axes, leaves, layouts, program, checkVma ? refuse : undefined);
    return unflatten(flatten(outTree.value).treedef, results);
  };
  return jit(Object.defineProperty(mapped, "name", { value: f.name || "shardMap" })) as (
    ...args: Parameters<F>
  ) => ReturnType<F>;
}

/** The spec, if the array can be split as it says. */
function checkedSpec(
  mesh: Mesh,
  axes: readonly DeviceAxis[],
  spec: PartitionSpec,
  x: Array,
  path: string,
): PartitionSpec {
  const auto = spec.entries
    .flatMap(axesOf)
    .find((name) => mesh.axisNames.includes(name) && !axes.some((a) => a.name === name));
  if (auto !== undefined) throw refusal(`specs must name axes of axisNames only; got "${auto}" in ${spec} for ${path}`);
  try {
    new NamedSharding(mesh, spec).shardShape(x.shape);
  } catch (error) {
    throw refusal(`${path}, ${formatAval(x.aval)}: ${(error as Error).message}`);
  }
  return spec;
}

function resultSpecs(
  mesh: Mesh,
  axes: readonly DeviceAxis[],
  outSpecs: SpecTree,
  result: unknown,
  leaves: readonly Array[],
): readonly PartitionSpec[] {
  const paths = flattenWithPath(result).leaves.map(({ path }) => `result${formatKeyPath(path)}`);
  return specsOf(outSpecs, result, "outSpecs").map((spec, i) => {
    if (spec.entries.length > leaves[i].ndim)
      throw refusal(
        `a spec must not be longer than the rank of its result; got ${spec} for ${paths[i]}, ${formatAval(leaves[i].aval)}`,
      );
    const auto = spec.entries.flatMap(axesOf).find((name) => !axes.some((axis) => axis.name === name));
    if (auto !== undefined)
      throw refusal(`outSpecs must name mapped axes of ${mesh}; got "${auto}" in ${spec} for ${paths[i]}`);
    return spec;
  });
}

const varyingResult = (axis: string, spec: PartitionSpec, value: Array): ShardingError =>
  refusal(
    `a result that varies over a mesh axis must name it in outSpecs; got ${spec} for ${formatAval(value.aval)}, which varies over "${axis}". Reduce it (lax.psum), name the axis, or pass checkVma: false to take the first device's`,
  );
