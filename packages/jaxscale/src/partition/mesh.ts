/** Devices arranged in a grid with named axes. */
import { ShardingError } from "../base/errors.ts";
import { formatShape, type Shape, sizeOf } from "../base/shapes.ts";
import { tuple } from "../primitives/python-text.ts";

/** Who decides how arrays are split over an axis: the compiler, their types, or the body of a `shardMap`. */
export const AxisType = { Auto: "Auto", Explicit: "Explicit", Manual: "Manual" } as const;
export type AxisType = (typeof AxisType)[keyof typeof AxisType];

/** What a mesh needs to know of a device: two of the same id are one. */
export interface MeshDevice {
  readonly id: number;
}

/** Nested lists of devices, one level an axis, all lists of a level equally long. */
export type DeviceGrid<D> = readonly D[] | readonly DeviceGrid<D>[];

/** A list cut into a grid, the last axis changing fastest. @throws ShardingError if there are fewer devices than places */
export function deviceGrid<D>(devices: readonly D[], axisSizes: Shape): DeviceGrid<D> {
  const needed = sizeOf(axisSizes);
  if (devices.length < needed)
    throw new ShardingError(
      `makeMesh: there must be a device for each place of the mesh; got ${devices.length} devices for ${formatShape(axisSizes)}`,
    );
  if (axisSizes.length <= 1) return devices.slice(0, needed);
  const [count, ...inner] = axisSizes;
  const stride = sizeOf(inner);
  return Array.from({ length: count }, (_, i) => deviceGrid(devices.slice(i * stride, (i + 1) * stride), inner));
}

const isGrid = <D>(x: D | DeviceGrid<D>): x is DeviceGrid<D> => Array.isArray(x);

function sizesOf<D>(grid: DeviceGrid<D>, rank: number): number[] {
  const sizes: number[] = [];
  let level: readonly (D | DeviceGrid<D>)[] = grid;
  while (true) {
    sizes.push(level.length);
    const [first] = level;
    if (!isGrid(first)) break;
    level = first;
  }
  if (sizes.length !== rank)
    throw new ShardingError(
      `Mesh: devices must be nested as deep as there are axis names; got shape ${formatShape(sizes)} and ${rank} names`,
    );
  return sizes;
}

function flatten<D>(grid: DeviceGrid<D>, sizes: Shape): D[] {
  const [size, ...inner] = sizes;
  if (grid.length !== size)
    throw new ShardingError(`Mesh: lists of devices must be equally long; got lengths ${size} and ${grid.length}`);
  return grid.flatMap((item: D | DeviceGrid<D>) => {
    if (isGrid(item) === inner.length > 0) return isGrid(item) ? flatten(item, inner) : [item];
    throw new ShardingError("Mesh: devices must be nested equally deep; got a device beside a list of devices");
  });
}

/** Devices in a grid with named axes. @see https://docs.jax.dev/en/latest/jax.sharding.html#jax.sharding.Mesh */
export class Mesh<D extends MeshDevice = MeshDevice> {
  /** Row-major: the last axis changes fastest. */
  readonly devices: readonly D[];
  readonly axisNames: readonly string[];
  readonly axisSizes: readonly number[];
  readonly axisTypes: readonly AxisType[];

  /**
   * @param devices nested lists, one level an axis; @param axisNames one an axis, or a name alone
   * @param options.axisTypes one an axis; Auto by default (`makeMesh` makes Explicit ones)
   * @throws ShardingError if the grid is ragged, or names or types are not one an axis or repeat
   */
  constructor(
    devices: DeviceGrid<D>,
    axisNames: string | readonly string[],
    options: { readonly axisTypes?: readonly AxisType[] } = {},
  ) {
    this.axisNames = typeof axisNames === "string" ? [axisNames] : [...axisNames];
    const rank = this.axisNames.length;
    if (new Set(this.axisNames).size !== rank)
      throw new ShardingError(`Mesh: axis names must be distinct; got ${tuple(this.axisNames)}`);
    this.axisTypes = options.axisTypes ?? this.axisNames.map(() => AxisType.Auto);
    if (this.axisTypes.length !== rank)
      throw new ShardingError(
        `Mesh: there must be one axis type for each axis; got ${tuple(this.axisTypes)} for ${tuple(this.axisNames)}`,
      );
    this.axisSizes = sizesOf(devices, rank);
    this.devices = flatten(devices, this.axisSizes);
  }

  /** Size of each axis, by name, in order. */
  get shape(): ReadonlyMap<string, number> {
    return new Map(this.axisNames.map((name, axis) => [name, this.axisSizes[axis]]));
  }

  /** Number of devices. */
  get size(): number {
    return this.devices.length;
  }

  /** The same devices at the same places under the same names and axis types. */
  equals(other: Mesh): boolean {
    if (this === other) return true;
    const identity = (mesh: Mesh) =>
      JSON.stringify([mesh.axisNames, mesh.axisSizes, mesh.axisTypes, mesh.devices.map((device) => device.id)]);
    return identity(this) === identity(other);
  }

  /** Whether both are of the same devices, in any order. */
  hasDevicesOf(other: Mesh): boolean {
    const ids = new Set(this.devices.map(({ id }) => id));
    return other.size === ids.size && other.devices.every(({ id }) => ids.has(id));
  }

  /** `Mesh('x': 2, 'y': 4, axis_types=(Auto, Auto))`, as JAX prints it. */
  toString(): string {
    const axes = this.axisNames.map((name, axis) => `'${name}': ${this.axisSizes[axis]}, `);
    return `Mesh(${axes.join("")}axis_types=${tuple(this.axisTypes)})`;
  }
}
