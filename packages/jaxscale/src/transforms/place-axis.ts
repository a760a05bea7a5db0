/** Where results of a mapped function have the mapped axis. */

import { describe } from "../base/describe.ts";
import { ShapeError } from "../base/errors.ts";
import { formatAval } from "../jaxpr/ir.ts";
import type { BatchAxis } from "../primitives/primitive.ts";
import type { Array } from "../trace/array.ts";
import { ops } from "./jaxpr-transforms.ts";

/** The result with the mapped axis at `wanted`, which may count from the end. @throws ShapeError if it has one and none is wanted */
export function placeAxis(value: Array, dim: number | null, wanted: number | null, axis: BatchAxis): Array {
  if (wanted === null) {
    if (dim === null) return value;
    throw new ShapeError(
      `vmap: a result that depends on the mapped axis needs an axis in outAxes; got null for ${formatAval(value.aval)} mapped along axis ${dim}${axis.name ? ` ("${axis.name}")` : ""}`,
    );
  }
  const rank = value.ndim + (dim === null ? 1 : 0);
  const at = Number.isInteger(wanted) && wanted < 0 ? wanted + rank : wanted;
  if (!Number.isInteger(at) || at < 0 || at >= rank)
    throw new ShapeError(
      `vmap: outAxes must be in [${-rank}, ${rank}); got ${describe(wanted)} for ${formatAval(value.aval)}`,
    );
  return (dim === null ? ops.broadcastAt(value, at, axis.size) : ops.moveAxis(value, dim, at)) as Array;
}
