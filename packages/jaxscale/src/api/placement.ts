/** Where the arguments of a call lie, and where its results are wanted: what a jitted function is partitioned by. */
import { ShardingError } from "../base/errors.ts";
import { broadcastPrefix, type TreeDef, unflatten } from "../base/pytree.ts";
import { type ClosedJaxpr, formatAval, type ShapedArray } from "../jaxpr/ir.ts";
import { dividing, type Layout, layoutOf } from "../partition/layout.ts";
import type { Mesh } from "../partition/mesh.ts";
import { NamedSharding } from "../partition/named-sharding.ts";
import type { Placement } from "../partition/partition.ts";
import { shardingConstraint } from "../primitives/identity.ts";
import { rulesOf } from "../primitives/primitive.ts";
import type { Array } from "../trace/array.ts";
import { bind1 } from "../trace/trace.ts";
import { arraysArePlaced, type DeviceArray } from "./device-array.ts";
import { topologyFor } from "./gpus.ts";

/** Shardings of a tree: one for all leaves, or a tree that is a prefix of it; null leaves it open. */
export type ShardingTree = NamedSharding | null | readonly ShardingTree[] | { readonly [key: string]: ShardingTree };

const isLeaf = (x: unknown): boolean => x === null || x instanceof NamedSharding;

/** The sharding of each leaf of a tree. @throws ShardingError if it is no prefix, or `check` says that it does not fit a leaf */
export function shardingsOf(
  shardings: ShardingTree | undefined,
  treedef: TreeDef,
  types: readonly ShapedArray[],
  who: string,
  check = checkFits,
): readonly (NamedSharding | null)[] {
  if (shardings === undefined) return types.map(() => null);
  const tree = unflatten(
    treedef,
    types.map(() => 0),
  );
  const flat = broadcastPrefix<NamedSharding | null>(shardings, tree, who, { isLeaf });
  flat.forEach((sharding, i) => {
    if (sharding === null) return;
    if (!(sharding instanceof NamedSharding))
      throw new ShardingError(`${who}: must be NamedShardings or null; got ${typeof sharding}`);
    check(sharding, types[i], who);
  });
  return flat;
}

/** @throws ShardingError if the sharding does not divide the array */
export const checkFits = (sharding: NamedSharding, aval: ShapedArray, who: string): void =>
  named(aval, who, () => sharding.shardShape(aval.shape));
/** @throws ShardingError if the spec is longer than the rank */
export const checkRank = (sharding: NamedSharding, aval: ShapedArray, who: string): void =>
  named(aval, who, () => sharding.checkRank(aval.shape));

function named(aval: ShapedArray, who: string, check: () => void): void {
  try {
    check();
  } catch (error) {
    throw new ShardingError(`${who}: ${formatAval(aval)}: ${(error as Error).message}`);
  }
}

/** A traced array, with what is asked of how it lies: as far as the mesh's axes divide it, as where JAX pads its result is whole. */
export const constrained = (x: Array, sharding: NamedSharding | null): Array =>
  sharding === null
    ? x
    : bind1(shardingConstraint, [x], {
        mesh: sharding.mesh,
        dimensionAxes: dividing(layoutOf(sharding.spec, x.ndim), x.shape, sharding.mesh.shape),
        sharding: `${sharding}`,
      });

/** Shardings that arguments have already; an array that nobody placed has none. Empty if no array was ever placed. */
export const ownShardings = (leaves: readonly unknown[]): readonly (NamedSharding | null)[] =>
  arraysArePlaced() ? leaves.map(ownSharding) : nothing;
const nothing: readonly null[] = [];

/** The same for an operation that is not jitted; undefined if none is on a mesh. Of meshes of the same devices the first decides, as in JAX. */
export function operandShardings(operands: readonly DeviceArray[]): readonly (NamedSharding | null)[] | undefined {
  if (!arraysArePlaced()) return undefined;
  const own = operands.map(ownSharding);
  const mesh = own.find((sharding) => sharding !== null)?.mesh;
  if (mesh === undefined) return undefined;
  // On one GPU every array is whole, so that another layout of it moves nothing.
  return own.map((sharding, i) =>
    sharding === null || operands[i].isOnGpus || sharding.mesh.equals(mesh) || !sharding.mesh.hasDevicesOf(mesh)
      ? sharding
      : null,
  );
}

/** The sharding that an argument, or what stands for one, has already. */
export function ownSharding(x: unknown): NamedSharding | null {
  const { sharding } = x as { readonly sharding?: unknown };
  return sharding instanceof NamedSharding ? sharding : null;
}

/** What a program is partitioned by; undefined if nothing says anything of a mesh. */
export function placementOf(
  name: string,
  closed: ClosedJaxpr,
  own: readonly (NamedSharding | null)[],
  asked: readonly (NamedSharding | null)[],
  wanted: readonly (NamedSharding | null)[],
): Placement | undefined {
  const types = closed.jaxpr.invars.map((v) => v.aval);
  const given = types.map((aval, i) => {
    const [has, wants] = [own[i] ?? null, asked[i] ?? null];
    if (has && wants && !has.isEquivalentTo(wants, aval.shape.length))
      throw new ShardingError(
        `${name}: an argument must lie as inShardings says; got ${formatAval(aval)} with ${has}, wanted ${wants}. Move it with devicePut`,
      );
    return has ?? wants;
  });
  const mesh = oneMesh(name, [...given, ...wanted, ...ownShardings(constantsOf(closed))], constrainedMeshes(closed));
  if (!mesh) return undefined;
  const layout = (sharding: NamedSharding | null, aval: ShapedArray): Layout | undefined =>
    sharding ? layoutOf(sharding.spec, aval.shape.length) : undefined;
  const results = closed.jaxpr.outvars.map((a) => a.aval);
  const topology = topologyFor(mesh);
  return {
    name,
    mesh,
    ...(topology && { topology }),
    layouts: types.map((aval, i) => layout(given[i], aval)),
    constants: (x) => layout(ownSharding(x), (x as Array).aval),
    wanted: results.map((aval, i) => layout(wanted[i] ?? null, aval)),
  };
}

function oneMesh(
  name: string,
  shardings: readonly (NamedSharding | null)[],
  constrained: readonly Mesh[],
): Mesh | undefined {
  const meshes = [...shardings.flatMap((s) => (s ? [s.mesh] : [])), ...constrained];
  const [first] = meshes;
  const other = meshes.find((mesh) => !mesh.equals(first));
  if (other) throw new ShardingError(`${name}: all shardings must be of one mesh; got ${first} and ${other}`);
  return first;
}

const constantsOf = ({ jaxpr, consts }: ClosedJaxpr): readonly unknown[] => [
  ...consts,
  ...jaxpr.eqns.flatMap(({ primitive, params }) => primitive.subJaxprs(params).flatMap(constantsOf)),
];

function constrainedMeshes({ jaxpr }: ClosedJaxpr): readonly Mesh[] {
  return jaxpr.eqns.flatMap(({ primitive, params }) => {
    const { laidOut, subJaxprs } = rulesOf(primitive);
    return [...(laidOut ? [laidOut(params).mesh as Mesh] : []), ...subJaxprs(params).flatMap(constrainedMeshes)];
  });
}

/** Compared between calls: equal texts, equal placement. */
export const placementKey = (shardings: readonly (NamedSharding | null)[]): string =>
  shardings.every((s) => s === null) ? "" : shardings.map((s) => s?.key ?? "-").join("; ");
