/** `scan` for functions of modules: stacked layers one after the other, compiled once. */
import * as jax from "jaxscale";
import { formatPath, pathOf } from "../path.ts";
import { type Axis, type AxisSpec, axisFor, Carry, moveFrontTo, moveToFront, resultSpec, specsFor } from "./axes.ts";
import { matchCarry, rebuildCarry } from "./carry.ts";
import { EnteredCall, GraphCall, type Outcome, outKey } from "./graph-call.ts";
import type { AnyFunction } from "./jit.ts";
import { sliced, stacked } from "./mapped-metadata.ts";

export interface ScanOptions {
  /** For each argument `Carry`, the axis to scan over, null for none, or `StateAxes`; `[Carry, 0]` if absent. */
  readonly inAxes?: AxisSpec | readonly AxisSpec[];
  /** `Carry`, or for each of a list of results `Carry` or the axis to stack it along; `[Carry, 0]` if absent. */
  readonly outAxes?: AxisSpec | readonly AxisSpec[];
  /** Turns; needed only if nothing is scanned over. */
  readonly length?: number;
  readonly reverse?: boolean;
  /** Mesh axis that splits the new axis of Variables with `outSharding`. */
  readonly partitionName?: string;
}

/**
 * `f` for one slice after the other. Variables that are scanned over and set are written back stacked, those that are carried
 * after the last turn; unchanged ones are not copied.
 *
 * ```ts
 * const forward = nnx.scan((x: jax.Array, layer: Block) => layer.call(x), { inAxes: [nnx.Carry, 0], outAxes: nnx.Carry });
 * const y = forward(x, layers); // layers: one Block whose Variables are stacked along axis 0
 * ```
 * @throws TypeError if a carry changes its type, or a Variable that is neither scanned over nor carried is set
 * @see https://flax.readthedocs.io/en/latest/api_reference/flax.nnx/transforms.html#flax.nnx.scan
 */
export function scan<F extends AnyFunction>(
  f: F,
  options: ScanOptions = {},
): (...args: Parameters<F>) => ReturnType<F> {
  const { inAxes = [Carry, 0], outAxes = [Carry, 0], length, reverse, partitionName = null } = options;
  const scanned = (...args: unknown[]): unknown => {
    const call = new GraphCall(args);
    const specs = specsFor("nnx.scan", inAxes, args.length);
    const carryArgument = positionOfCarry("inAxes", specs);
    const carryResult = outAxes === Carry ? "all" : positionOfCarry("outAxes", [outAxes].flat());
    if ((carryArgument === undefined) !== (carryResult === undefined))
      throw new TypeError("nnx.scan: Carry must stand in both inAxes and outAxes, or in neither; got it in one");
    const axes = call.leaves.map(({ trail, value }): Axis => {
      const [argument, ...path] = pathOf(trail);
      return axisFor(specs[argument as number], path, value);
    });
    const values = call.values;
    const def = sliced(call.def, axes);
    const carryDef =
      carryArgument !== undefined && "children" in def.root ? def.root.children[carryArgument] : undefined;
    const isBareCarry = call.leaves.map(({ inNode }, i) => axes[i] === Carry && !inNode);
    let outcome: Outcome | undefined;
    let places: readonly number[] = [];

    const body = (carry: readonly unknown[], xs: readonly unknown[]): [readonly unknown[], readonly unknown[]] => {
      let [nextCarry, nextSlice] = [0, 0];
      const inner = values.map((value, i) =>
        axes[i] === Carry ? carry[nextCarry++] : axes[i] === null ? value : xs[nextSlice++],
      );
      const entered = new EnteredCall(def, inner, { trails: call.trails });
      const out = f(...entered.args);
      const carried =
        carryResult === "all" ? out : carryResult === undefined ? undefined : listed(out, outAxes)[carryResult];
      const bare = carryDef ? matchCarry(carryDef, carried, entered) : [];
      const rest =
        carryResult === "all" ? null : carryResult === undefined ? out : listed(out, outAxes).with(carryResult, null);
      const found = entered.outcome(rest);
      outcome = found;
      places = found.leaves.map((leaf, i) => {
        const origin = found.origins[i];
        const [first, ...path] = pathOf(leaf.trail);
        if (origin !== undefined && axes[origin] === Carry) return -1;
        const [spec, below] =
          first === outKey ? resultSpec("nnx.scan", outAxes, path) : ([specs[first as number], path] as const);
        const axis = origin === undefined ? axisFor(spec, below, leaf.value) : axes[origin];
        if (typeof axis === "number") return axis;
        throw new TypeError(
          `nnx.scan: what a turn sets or returns must be scanned over or carried; got ${first === outKey ? `the result at ${formatPath(path) || "its root"}` : formatPath([`args[${first}]`, ...path])} with axis ${axis === null ? "null" : "Carry"}`,
        );
      });
      const current = entered.currentValues;
      let nextBare = 0;
      const nextCarries = values.flatMap((_, i) =>
        axes[i] !== Carry ? [] : [isBareCarry[i] ? bare[nextBare++] : current.has(i) ? current.get(i) : inner[i]],
      );
      return [nextCarries, found.values.filter((_, i) => places[i] >= 0)];
    };

    const [carry, ys] = jax.lax.scan(
      body,
      values.filter((_, i) => axes[i] === Carry) as readonly unknown[],
      values.flatMap((value, i) =>
        typeof axes[i] === "number" ? [moveToFront(axes[i], value)] : [],
      ) as readonly unknown[],
      { length, reverse },
    );
    const finalByLeaf = new Map<number, unknown>();
    let next = 0;
    axes.forEach((axis, i) => {
      if (axis === Carry) finalByLeaf.set(i, carry[next++]);
    });
    const { def: outDef, origins } = outcome as unknown as Outcome;
    let nextY = 0;
    const out = call.leave({
      def: stacked(outDef, places, partitionName),
      values: places.map((axis, i) =>
        axis < 0 ? finalByLeaf.get(origins[i] as number) : moveFrontTo(axis, ys[nextY++]),
      ),
    });
    if (carryDef === undefined) return out;
    const finals = [...finalByLeaf].filter(([leaf]) => isBareCarry[leaf]).map(([, value]) => value);
    const finalCarry = rebuildCarry(carryDef, finals, call);
    return carryResult === "all" ? finalCarry : (out as unknown[]).with(carryResult as number, finalCarry);
  };
  return Object.defineProperty(scanned, "name", { value: f.name }) as (...args: Parameters<F>) => ReturnType<F>;
}

function positionOfCarry(where: string, specs: readonly AxisSpec[]): number | undefined {
  const found = specs.flatMap((spec, i) => (spec === Carry ? [i] : []));
  if (found.length > 1)
    throw new TypeError(`nnx.scan: there must be at most one Carry in ${where}; got ${found.length}`);
  return found[0];
}

/** Results that outAxes list. */
function listed(out: unknown, outAxes: AxisSpec | readonly AxisSpec[]): unknown[] {
  const count = [outAxes].flat().length;
  if (Array.isArray(out) && out.length === count) return out;
  throw new TypeError(
    `nnx.scan: the function must return a list of ${count}, one for each of outAxes; got ${Array.isArray(out) ? `a list of ${out.length}` : typeof out}`,
  );
}
