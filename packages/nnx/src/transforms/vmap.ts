/** `vmap` for functions of modules: vectorizes a layer over copies with their own state. */
import * as jax from "jaxscale";
import { pathOf } from "../path.ts";
import { type AxisSpec, axisFor, Carry, moveFrontTo, resultSpec, specsFor } from "./axes.ts";
import { EnteredCall, GraphCall, type Outcome, outKey } from "./graph-call.ts";
import type { AnyFunction } from "./jit.ts";
import { sliced, stacked } from "./mapped-metadata.ts";

/** Options of `nnx.vmap`. */
export interface VmapOptions {
  /** For each argument the axis to map over, null for none, or `StateAxes`; 0 if absent. */
  readonly inAxes?: AxisSpec | readonly AxisSpec[];
  /** The position of the mapped axis in the result, or in each of a list of results; 0 if absent. */
  readonly outAxes?: AxisSpec | readonly AxisSpec[];
  /** Name of the mapped axis, for collectives. */
  readonly axisName?: string;
  /** Size of the mapped axis; required if no argument is mapped. */
  readonly axisSize?: number;
  /** Mesh axis over which the new axis of Variables with `outSharding` is sharded. */
  readonly partitionName?: string;
}

/**
 * Vectorizes `f` over an axis of its arguments. Updated Variables are written back with their axes; modules that
 * `f` creates gain the axis: `vmap((rngs) => new Block(rngs))(rngs.split(12))` is a stack of 12 blocks.
 * @throws TypeError if a spec is missing; ShapeError if sizes differ
 * @see https://flax.readthedocs.io/en/latest/api_reference/flax.nnx/transforms.html#flax.nnx.vmap
 */
export function vmap<F extends AnyFunction>(
  f: F,
  { inAxes = 0, outAxes = 0, axisName, axisSize, partitionName }: VmapOptions = {},
): (...args: Parameters<F>) => ReturnType<F> {
  const mapped = (...args: unknown[]): unknown => {
    const call = new GraphCall(args);
    const specs = specsFor("nnx.vmap", inAxes, args.length);
    const axes = call.leaves.map(({ trail, value }) => {
      const [argument, ...path] = pathOf(trail);
      return mappable(axisFor(specs[argument as number], path, value));
    });
    const values = call.values;
    const def = sliced(call.def, axes);
    let outcome: Outcome | undefined;
    let places: readonly (number | null)[] = [];
    const inner = (chosen: readonly unknown[]): readonly [readonly unknown[], readonly unknown[]] => {
      let next = 0;
      const entered = new EnteredCall(
        def,
        values.map((value, i) => (axes[i] === null ? value : chosen[next++])),
        { trails: call.trails },
      );
      const found = entered.outcome(f(...entered.args));
      outcome = found;
      places = found.leaves.map(({ trail, value }, i) => {
        const origin = found.origins[i];
        if (origin !== undefined) return axes[origin];
        const [first, ...path] = pathOf(trail);
        const [spec, below] =
          first === outKey ? resultSpec("nnx.vmap", outAxes, path) : ([specs[first as number], path] as const);
        return mappable(axisFor(spec, below, value));
      });
      return [found.values.filter((_, i) => places[i] !== null), found.values.filter((_, i) => places[i] === null)];
    };
    const [stackedValues, single] = jax.vmap(inner, {
      inAxes: [axes.filter((axis) => axis !== null)],
      outAxes: [0, null],
      axisName,
      axisSize,
    })(values.filter((_, i) => axes[i] !== null));
    let [nextStacked, nextSingle] = [0, 0];
    const out = places.map((axis) =>
      axis === null ? single[nextSingle++] : moveFrontTo(axis, stackedValues[nextStacked++]),
    );
    return call.leave({
      def: stacked((outcome as unknown as Outcome).def, places, partitionName ?? null),
      values: out,
    });
  };
  return Object.defineProperty(mapped, "name", { value: f.name }) as (...args: Parameters<F>) => ReturnType<F>;
}

function mappable(axis: number | null | typeof Carry): number | null {
  if (axis === Carry) throw new TypeError("nnx.vmap: axes must be numbers or null; got Carry, which is for nnx.scan");
  return axis;
}
