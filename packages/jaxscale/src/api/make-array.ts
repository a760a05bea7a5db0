/** Sharded arrays from the parts that devices have of them. */
import { calledAt } from "../base/call-site.ts";
import { describe } from "../base/describe.ts";
import { DTypeError, ShardingError } from "../base/errors.ts";
import { formatShape, type Shape } from "../base/shapes.ts";
import { formatAval } from "../jaxpr/ir.ts";
import { type IndexRange, NamedSharding } from "../partition/named-sharding.ts";
import type { Array } from "../trace/array.ts";
import { functionOf, listOf } from "./arguments.ts";
import { concrete } from "./device-array.ts";
import { devicePut, wholeOn } from "./device-put.ts";
import { concatenate } from "./lax/shape.ts";
import { asarray, asShape, type HostData } from "./numpy/creation.ts";

/**
 * An array of which `callback` gives each device's part, `shardShape` of `shape`: a host that has a file by ranges, for one, reads
 * each range once. It is called once for devices that have the same part.
 * @param callback from one range a dimension to numbers, a typed array or an array
 * @throws ShardingError if the sharding does not divide the shape or a part has another shape; DTypeError if parts differ in dtype, or there is none
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.make_array_from_callback.html
 */
export function makeArrayFromCallback(
  shape: Shape,
  sharding: NamedSharding,
  callback: (index: readonly IndexRange[]) => HostData,
): Array {
  const op = "makeArrayFromCallback";
  functionOf(op, "the callback", callback);
  return joined(op, shape, sharding, (index) => {
    const data = callback(index);
    if (data === undefined || data === null)
      throw new DTypeError(
        `${op}: the callback must return the values of a part; got ${data} for the part ${JSON.stringify(index)}${calledAt()}`,
      );
    return asarray(data);
  });
}

/**
 * An array of one array for each device of the sharding's mesh, in the mesh's order, each `shardShape` of `shape`. Of devices that
 * have the same part the first one's array is taken.
 * @throws ShardingError unless there is an array of the right shape for each device; DTypeError if they differ in dtype
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.make_array_from_single_device_arrays.html
 */
export function makeArrayFromSingleDeviceArrays(
  shape: Shape,
  sharding: NamedSharding,
  arrays: readonly Array[],
): Array {
  const op = "makeArrayFromSingleDeviceArrays";
  listOf(op, "the arrays", arrays);
  return joined(op, shape, sharding, (_, place) => arrays[place], arrays.length);
}

/** @param partAt of a range and the place in the mesh of the first device that has it; @param count of the parts that are given */
function joined(
  op: string,
  shape: Shape,
  sharding: NamedSharding,
  partAt: (index: readonly IndexRange[], place: number) => Array,
  count?: number,
): Array {
  const sizes = asShape(op, shape);
  if (!(sharding instanceof NamedSharding))
    throw new ShardingError(`${op}: the sharding must be a NamedSharding; got ${describe(sharding)}`);
  const local = sharding.shardShape(sizes);
  const { mesh } = sharding;
  if (count !== undefined && count !== mesh.size)
    throw new ShardingError(
      `${op}: there must be an array for each of the ${mesh.size} devices of ${mesh}; got ${count}`,
    );
  const parts = new Map<string, Array>();
  for (const [place, index] of [...sharding.devicesIndicesMap(sizes).values()].entries()) {
    const key = keyOf(index.map(([start]) => start));
    if (parts.has(key)) continue;
    const part = partAt(index, place);
    checkPart(op, part, local, parts.values().next().value, mesh.devices[place].id);
    // Only the result's place counts.
    parts.set(key, wholeOn(0, concrete(op, part)));
  }
  const join = (starts: readonly number[]): Array => {
    const dimension = starts.length;
    if (dimension === sizes.length) return parts.get(keyOf(starts)) as Array;
    const [size, step] = [sizes[dimension], local[dimension]];
    const along = globalThis.Array.from({ length: step === 0 ? 1 : size / step }, (_, i) =>
      join([...starts, i * step]),
    );
    return along.length === 1 ? along[0] : concatenate(along, dimension);
  };
  return devicePut(join([]), sharding);
}

const keyOf = (starts: readonly number[]): string => starts.join();

function checkPart(op: string, part: Array, local: Shape, first: Array | undefined, device: number): void {
  if (formatShape(part.shape) !== formatShape(local))
    throw new ShardingError(
      `${op}: each part must have the shape that its device has of the array, ${formatShape(local)}; got ${formatAval(part.aval)} for device ${device}`,
    );
  if (first && first.dtype !== part.dtype)
    throw new DTypeError(
      `${op}: all parts must have one dtype; got ${first.dtype} and ${part.dtype} for device ${device}`,
    );
}
