/** `shardMap` over several GPUs: the program of one device stays one until arrays are split. */
import { type ShapedArray, shapedArray } from "../jaxpr/ir.ts";
import { type AxisSizes, deviceCount, type Layout, replicated, specOf } from "../partition/layout.ts";
import type { Mesh } from "../partition/mesh.ts";
import { NamedSharding } from "../partition/named-sharding.ts";
import { onAllDevices } from "../partition/stack.ts";
import { shardMapCall } from "../primitives/shard-map.ts";
import type { Array } from "../trace/array.ts";
import { withAxisName } from "../trace/axis-names.ts";
import { traceToJaxpr } from "../trace/staging.ts";
import { bind } from "../trace/trace.ts";
import { evalJaxpr } from "../transforms/eval-jaxpr.ts";
import { hoistConstants } from "./inner-jit.ts";
import { constrained } from "./placement.ts";

/** What `onAllDevices` does, as one equation that has both the program of one device and that of all on whole arrays. */
export const onDevicesOfGpus =
  (name: string, mesh: Mesh): typeof onAllDevices =>
  (axes, args, layouts, program, refuse) => {
    const sizes: AxisSizes = new Map(axes.map((axis) => [axis.name, axis.size]));
    let outLayouts: readonly Layout[] = [];
    const trace = (): ReturnType<typeof traceToJaxpr> =>
      traceToJaxpr(
        name,
        (...parts) => {
          const { results, layouts: out } = program(parts);
          outLayouts = out;
          return results;
        },
        args.map(({ aval }, i) => partType(aval, layouts[i], sizes)),
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
    const results = bind(shardMapCall, operands, { name, jaxpr, local, inLayouts, outLayouts });
    return { results: results.map((x, i) => cut(x, outLayouts[i])), layouts: outLayouts };
  };

const partType = ({ shape, dtype, weakType }: ShapedArray, layout: Layout, sizes: AxisSizes): ShapedArray =>
  shapedArray(
    shape.map((size, dimension) => size / deviceCount(layout[dimension], sizes)),
    dtype,
    weakType,
  );
