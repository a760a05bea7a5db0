/** `shardMap` over several GPUs: the program of one device stays one until arrays are split. */
import { type ClosedJaxpr, type JaxprEqn, type ShapedArray, shapedArray, varyingAlong } from "../jaxpr/ir.ts";
import { type AxisSizes, deviceCount, type Layout, replicated, specOf } from "../partition/layout.ts";
import type { Mesh } from "../partition/mesh.ts";
import { NamedSharding } from "../partition/named-sharding.ts";
import { type DeviceAxis, onAllDevices } from "../partition/stack.ts";
import { rulesOf } from "../primitives/primitive.ts";
import { shardMapCall } from "../primitives/shard-map.ts";
import type { Array } from "../trace/array.ts";
import { withAxisName } from "../trace/axis-names.ts";
import { traceToJaxpr } from "../trace/staging.ts";
import { bind } from "../trace/trace.ts";
import { evalJaxpr, evalJaxprBy } from "../transforms/eval-jaxpr.ts";
import { ops } from "../transforms/jaxpr-transforms.ts";
import { hoistConstants } from "./inner-jit.ts";
import { constrained } from "./placement.ts";

/** What `onAllDevices` does, as one equation that has both the program of one device and that of all on whole arrays. */
export const onDevicesOfGpus =
  (name: string, mesh: Mesh): typeof onAllDevices =>
  (axes, args, layouts, program, refuse) => {
    let outLayouts: readonly Layout[] = [];
    const trace = (): ReturnType<typeof traceToJaxpr> =>
      traceToJaxpr(
        name,
        (...parts) => {
          const { results, layouts: out } = program(parts);
          outLayouts = out;
          return results;
        },
        args.map(({ aval }, i) => partType(aval, layouts[i], axes)),
      );
    const closed = axes.reduceRight((inner, axis) => () => withAxisName(axis, inner), trace)();
    const cut = (x: Array, layout: Layout): Array => constrained(x, new NamedSharding(mesh, specOf(layout)));
    const { jaxpr: local, operands } = hoistConstants(
      closed,
      args.map((x, i) => cut(x, layouts[i])),
    );
    const constants = operands.slice(0, operands.length - args.length);
    const inLayouts = [...constants.map(({ aval }) => replicated(aval)), ...layouts];
    const jaxpr = traceToJaxpr(
      name,
      (...wholes) =>
        onAllDevices(
          axes,
          wholes,
          inLayouts,
          (parts) => ({ results: evalJaxpr(local, parts), layouts: outLayouts }),
          refuse,
        ).results,
      operands.map(({ aval }) => aval),
    );
    const params = { name, jaxpr, local: withoutVarying(local), inLayouts, outLayouts };
    const results = bind(shardMapCall, operands, params);
    return { results: results.map((x, i) => cut(x, outLayouts[i])), layouts: outLayouts };
  };

/** What a device has of an array; it varies along the axes that split it, where that is checked. */
function partType({ shape, dtype, weakType }: ShapedArray, layout: Layout, axes: readonly DeviceAxis[]): ShapedArray {
  const sizes: AxisSizes = new Map(axes.map(({ name, size }) => [name, size]));
  const part = shapedArray(
    shape.map((size, dimension) => size / deviceCount(layout[dimension], sizes)),
    dtype,
    weakType,
  );
  const checked = axes.filter(({ name, checksVarying }) => checksVarying && layout.flat().includes(name));
  return varyingAlong(
    part,
    checked.map(({ name }) => name),
  );
}

const hasCollectives = ({ jaxpr }: ClosedJaxpr): boolean =>
  jaxpr.eqns.some(({ primitive, params }) => {
    const { traffic, subJaxprs } = rulesOf(primitive);
    return traffic !== undefined || subJaxprs(params).some(hasCollectives);
  });

/** The same equations on types that do not say along which axes values vary: what is derived from that is derived. Branches with collectives all run, for GPUs may choose differently. */
function withoutVarying(closed: ClosedJaxpr): ClosedJaxpr {
  const process = (eqn: JaxprEqn, operands: readonly Array[]): readonly Array[] => {
    const { primitive, params } = eqn;
    const { subJaxprs, withSubJaxprs, variesAlong, everyBranch } = rulesOf(primitive);
    if (variesAlong) return operands;
    const bodies = subJaxprs(params);
    const erased = withSubJaxprs && bodies.length > 0 ? withSubJaxprs(params, bodies.map(withoutVarying)) : params;
    if (everyBranch && bodies.some(hasCollectives)) return everyBranch(ops, operands, erased) as readonly Array[];
    return bind(primitive, operands, erased);
  };
  return traceToJaxpr(
    "shardMap",
    (...args) => evalJaxprBy<Array>(closed, args, { lift: (x) => x, process }),
    closed.jaxpr.invars.map(({ aval }) => varyingAlong(aval, [])),
  );
}
