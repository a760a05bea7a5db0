/** How an array lies on the devices of a mesh. */
import { describe } from "../base/describe.ts";
import { ShardingError } from "../base/errors.ts";
import { formatShape, type Shape } from "../base/shapes.ts";
import { Mesh, type MeshDevice } from "./mesh.ts";
import { PartitionSpec, type SpecEntry } from "./partition-spec.ts";

/** The whole array on one device. @see https://docs.jax.dev/en/latest/jax.sharding.html#jax.sharding.SingleDeviceSharding */
export class SingleDeviceSharding<D extends MeshDevice = MeshDevice> {
  readonly device: D;

  constructor(device: D) {
    this.device = device;
  }

  /** Every device that has a part of the array has all of it. */
  readonly isFullyReplicated = true;

  /** Shape that the device has of an array: all of it. */
  shardShape(shape: Shape): Shape {
    return shape;
  }
  /** The part of an array that the device has, one range a dimension. */
  devicesIndicesMap(shape: Shape): ReadonlyMap<D, readonly IndexRange[]> {
    return new Map([[this.device, shape.map((size): IndexRange => [0, size])]]);
  }
  toString(): string {
    return `SingleDeviceSharding(device=${this.device.id})`;
  }
}

/** How an array lies on devices. */
export type Sharding = NamedSharding | SingleDeviceSharding;

/** One dimension of a shard: elements `start` up to, not including, `stop`. */
export type IndexRange = readonly [start: number, stop: number];

/** Mesh axes of a spec's entry, the major one first. */
export const axesOf = (entry: SpecEntry | undefined): readonly string[] =>
  entry === null || entry === undefined ? [] : typeof entry === "string" ? [entry] : entry;

/**
 * Splits the dimensions of an array over the axes of a mesh, as a spec says.
 * @see https://docs.jax.dev/en/latest/jax.sharding.html#jax.sharding.NamedSharding
 */
export class NamedSharding<D extends MeshDevice = MeshDevice> {
  readonly mesh: Mesh<D>;
  readonly spec: PartitionSpec;

  #key: string | undefined;

  /** @throws ShardingError if the spec names an axis that the mesh does not have, or one twice */
  constructor(mesh: Mesh<D>, spec: PartitionSpec) {
    if (!(mesh instanceof Mesh && spec instanceof PartitionSpec))
      throw new ShardingError(
        `NamedSharding: must be made of a Mesh and a PartitionSpec, such as P("x", null); got ${describe(mesh)} and ${describe(spec)}`,
      );
    const named = spec.entries.flatMap(axesOf);
    const unknown = named.find((name) => !mesh.axisNames.includes(name));
    if (unknown !== undefined)
      throw new ShardingError(
        `NamedSharding: the spec must name axes of the mesh; got "${unknown}" in ${spec} for ${mesh}`,
      );
    const twice = named.find((name, i) => named.indexOf(name) < i);
    if (twice !== undefined)
      throw new ShardingError(
        `NamedSharding: a mesh axis must split at most one dimension; got "${twice}" twice in ${spec}`,
      );
    this.mesh = mesh;
    this.spec = spec;
  }

  /** Equal for equal meshes and specs: what calls compare. */
  get key(): string {
    this.#key ??= `${this} ${this.mesh.devices.map(({ id }) => id)}`;
    return this.#key;
  }

  /** Whether every device has the whole array. */
  get isFullyReplicated(): boolean {
    return this.spec.entries.every((entry) => this.#parts(entry) === 1);
  }

  /** Checks that an array has the dimensions that the spec names. @throws ShardingError if the spec is longer than the rank */
  checkRank(shape: Shape): void {
    if (this.spec.entries.length > shape.length)
      throw new ShardingError(
        `${this}: the spec must not be longer than the array's rank; got ${this.spec} for shape ${formatShape(shape)}`,
      );
  }

  /** Shape that each device has of an array. @throws ShardingError if a dimension does not divide, or the spec is longer than the rank */
  shardShape(shape: Shape): Shape {
    this.checkRank(shape);
    const { entries } = this.spec;
    return shape.map((size, dimension) => {
      const parts = this.#parts(entries[dimension]);
      if (size % parts !== 0)
        throw new ShardingError(
          `${this}: the mesh axes of a dimension must divide its size; got dimension ${dimension} of shape ${formatShape(shape)}, ${size} over ${parts} devices along ${axesOf(entries[dimension]).join(", ")}`,
        );
      return size / parts;
    });
  }

  /** The part of an array that each device has, one range a dimension. @throws ShardingError as `shardShape` */
  devicesIndicesMap(shape: Shape): ReadonlyMap<D, readonly IndexRange[]> {
    const local = this.shardShape(shape);
    return new Map(
      this.mesh.devices.map((device, place) => {
        const at = this.#coordinates(place);
        const ranges = local.map((size, dimension): IndexRange => {
          const part = axesOf(this.spec.entries[dimension]).reduce(
            (index, name) => index * this.#size(name) + (at.get(name) as number),
            0,
          );
          return [part * size, (part + 1) * size];
        });
        return [device, ranges];
      }),
    );
  }

  /** Whether both split arrays of this rank alike, on the same devices. */
  isEquivalentTo(other: NamedSharding, rank: number): boolean {
    const ids = (mesh: Mesh): string => mesh.devices.map(({ id }) => id).join();
    if (ids(this.mesh) !== ids(other.mesh)) return false;
    return this.#places(rank) === other.#places(rank);
  }

  /** `NamedSharding(mesh=Mesh('x': 2), spec=P('x',))`, as JAX prints it. */
  toString(): string {
    return `NamedSharding(mesh=${this.mesh}, spec=${this.spec})`;
  }

  #size(name: string): number {
    return this.mesh.shape.get(name) as number;
  }
  #parts(entry: SpecEntry | undefined): number {
    return axesOf(entry).reduce((product, name) => product * this.#size(name), 1);
  }
  /** Position along each mesh axis of the device at a place. */
  #coordinates(place: number): ReadonlyMap<string, number> {
    const at = new Map<string, number>();
    let rest = place;
    for (const name of this.mesh.axisNames.toReversed()) {
      at.set(name, rest % this.#size(name));
      rest = Math.floor(rest / this.#size(name));
    }
    return at;
  }
  /** Which part of each dimension every device has, for an array whose dimensions just divide. */
  #places(rank: number): string {
    const shape = Array.from({ length: rank }, (_, dimension) => this.#parts(this.spec.entries[dimension]));
    const parts = [...this.devicesIndicesMap(shape).values()];
    return JSON.stringify([shape, parts]);
  }
}
