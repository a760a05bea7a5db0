/** Functions of flat lists of arrays, mapped over an axis. */
import { ShapeError } from "../base/errors.ts";
import { formatAval } from "../jaxpr/ir.ts";
import type { BatchAxis } from "../primitives/primitive.ts";
import type { Array } from "../trace/array.ts";
import { withAxisName } from "../trace/axis-names.ts";
import { currentTrace, withTrace } from "../trace/trace.ts";
import { BatchTrace } from "./batch-trace.ts";
import { ops } from "./jaxpr-transforms.ts";

/** Results of a mapped function, with where each has the mapped axis (null: nowhere). */
export interface Mapped {
  readonly values: readonly Array[];
  readonly dims: readonly (number | null)[];
}

/** @param dims where each argument has the mapped axis */
export function mapOver(
  f: (args: readonly Array[]) => readonly Array[],
  args: readonly Array[],
  dims: readonly (number | null)[],
  axis: BatchAxis,
): Mapped {
  const trace = new BatchTrace(currentTrace(), axis, ops);
  const elements = args.map((x, i) => trace.element(x, dims[i]));
  const results = withTrace(trace, () => withAxisName(axis, () => f(elements)));
  return { values: results.map(trace.valueOf), dims: results.map(trace.dimOf) };
}

/** The result with the mapped axis at `wanted`, which may count from the end. @throws ShapeError if it has one and none is wanted */
export function placeAxis(value: Array, dim: number | null, wanted: number | null, axis: BatchAxis): Array {
  if (wanted === null) {
    if (dim === null) return value;
    throw new ShapeError(
      `vmap: a result that depends on the mapped axis needs an axis in outAxes; got null for ${formatAval(value.aval)} mapped along axis ${dim}${axis.name ? ` ("${axis.name}")` : ""}`,
    );
  }
  const rank = value.ndim + (dim === null ? 1 : 0);
  const at = wanted < 0 ? wanted + rank : wanted;
  if (!Number.isInteger(at) || at < 0 || at >= rank)
    throw new ShapeError(`vmap: outAxes must be in [${-rank}, ${rank}); got ${wanted} for ${formatAval(value.aval)}`);
  return (dim === null ? ops.broadcastAt(value, at, axis.size) : ops.moveAxis(value, dim, at)) as Array;
}
