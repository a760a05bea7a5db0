/** Meshes of the devices that there are. */
import { ShardingError } from "../base/errors.ts";
import { type Shape, sizeOf } from "../base/shapes.ts";
import { AxisType, deviceGrid, Mesh, type MeshDevice } from "../partition/mesh.ts";
import { listOf } from "./arguments.ts";
import { logicalDevices } from "./device.ts";

/** Options of `makeMesh`. */
export interface MakeMeshOptions<D extends MeshDevice> {
  /** Devices in the order in which they fill the mesh, the last axis fastest; all by default. */
  readonly devices?: readonly D[];
  /** One an axis; Auto by default. Explicit axes are refused. */
  readonly axisTypes?: readonly AxisType[];
}

/**
 * A mesh of devices, `makeMesh([2, 4], ["data", "tensor"])`. Its axes are `Auto`: the compiler decides what an annotation leaves open.
 * @throws ShardingError if there are fewer devices than places, or names and sizes differ in number
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.make_mesh.html
 */
export function makeMesh(
  axisSizes: Shape,
  axisNames: readonly string[],
  options: MakeMeshOptions<MeshDevice> = {},
): Mesh {
  listOf("makeMesh", "the axis sizes", axisSizes);
  listOf("makeMesh", "the axis names", axisNames);
  const sizes = axisNames.map((name, i) => `${name}=${axisSizes[i]}`).join(", ");
  if (axisSizes.length !== axisNames.length)
    throw new ShardingError(
      `makeMesh: there must be a name for each axis size; got ${axisSizes.length} sizes and ${axisNames.length} names`,
    );
  const bad = axisSizes.find((size) => !Number.isInteger(size) || size < 1);
  if (bad !== undefined) throw new ShardingError(`makeMesh: axis sizes must be whole numbers, 1 or more; got ${bad}`);
  const explicit = options.axisTypes?.indexOf(AxisType.Explicit) ?? -1;
  if (explicit >= 0)
    throw new ShardingError(
      `makeMesh: axes must be Auto or Manual: types do not carry shardings here; got Explicit for ${axisNames[explicit]}`,
    );
  const devices = options.devices ?? logicalDevices();
  const needed = sizeOf(axisSizes);
  if (devices.length < needed)
    throw new ShardingError(
      `Need ${needed} (${sizes}), ${devices.length} available; JAXSCALE_DEVICES=${needed} makes logical ones`,
    );
  return new Mesh(deviceGrid(devices, axisSizes), axisNames, { axisTypes: options.axisTypes });
}
