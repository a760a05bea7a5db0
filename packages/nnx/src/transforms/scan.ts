/** `scan` for functions of modules: applies stacked layers in sequence, compiled once. */
import * as jax from "jaxscale";
import type { Def, GraphDef } from "../graph-def.ts";
import type { GraphLeaf } from "../graph-walk.ts";
import { formatPath, pathOf } from "../path.ts";
import { type Axis, type AxisSpec, axisFor, Carry, moveFrontTo, moveToFront, resultSpec, specsFor } from "./axes.ts";
import { matchCarry, rebuildCarry } from "./carry.ts";
import { EnteredCall, GraphCall, type Outcome, outKey } from "./graph-call.ts";
import type { AnyFunction } from "./jit.ts";
import { sliced, stacked } from "./mapped-metadata.ts";

/** Options of `nnx.scan`. */
export interface ScanOptions {
  /** For each argument `Carry`, the axis to scan over, null for none, or `StateAxes`; `[Carry, 0]` if absent. */
  readonly inAxes?: AxisSpec | readonly AxisSpec[];
  /** `Carry`, or for each of a list of results `Carry` or the axis to stack it along; `[Carry, 0]` if absent. */
  readonly outAxes?: AxisSpec | readonly AxisSpec[];
  /** Number of iterations; required only if nothing is scanned over. */
  readonly length?: number;
  readonly reverse?: boolean;
  /** Mesh axis over which the new axis of Variables with `outSharding` is sharded. */
  readonly partitionName?: string;
}

/**
 * Scans `f` over slices of its arguments. Updates of Variables that are scanned over are written back stacked, those of carried
 * Variables after the last iteration; unchanged Variables are not copied.
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
  const { length, reverse, partitionName = null } = options;
  const scanned = (...args: unknown[]): unknown => {
    const plan = planOf(args, options);
    const { axes, call } = plan;
    let last: Iteration | undefined;
    const body = (carry: readonly unknown[], xs: readonly unknown[]): [readonly unknown[], readonly unknown[]] => {
      last = takeIteration(plan, f, carry, xs);
      return [last.carry, last.ys];
    };
    const values = call.values;
    const carries: readonly unknown[] = values.filter((_, i) => axes[i] === Carry);
    const xs: readonly unknown[] = values.flatMap((value, i) => {
      const axis = axes[i];
      return typeof axis === "number" ? [moveToFront(axis, value)] : [];
    });
    const [carry, ys] = jax.lax.scan(body, carries, xs, { length, reverse });
    return finish(plan, last as unknown as Iteration, carry, ys, partitionName);
  };
  return Object.defineProperty(scanned, "name", { value: f.name }) as (...args: Parameters<F>) => ReturnType<F>;
}

/** The plan of a scan, known before the first iteration. */
interface Plan {
  readonly call: GraphCall;
  /** The arguments of one iteration. */
  readonly def: GraphDef;
  readonly specs: readonly AxisSpec[];
  readonly outAxes: AxisSpec | readonly AxisSpec[];
  /** The axis of each leaf of the arguments. */
  readonly axes: readonly Axis[];
  /** Index of the argument that is the carry. */
  readonly carryDef: Def | undefined;
  /** Index of the result that is the carry. */
  readonly carryResult: number | "all" | undefined;
  /** Leaves that are arrays of the carry outside modules. */
  readonly isBareCarry: readonly boolean[];
}

function planOf(args: readonly unknown[], { inAxes = [Carry, 0], outAxes = [Carry, 0] }: ScanOptions): Plan {
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
  const { root } = call.def;
  const carryDef = carryArgument !== undefined && root.kind === "tree" ? root.children[carryArgument] : undefined;
  const isBareCarry = call.leaves.map(({ inNode }, i) => axes[i] === Carry && !inNode);
  return { call, def: sliced(call.def, axes), specs, outAxes, axes, carryDef, carryResult, isBareCarry };
}

/** The traced outcome of one iteration. */
interface Iteration {
  readonly outcome: Outcome;
  /** The axis along which each leaf of the outcome is stacked; null if it is carried. */
  readonly places: readonly (number | null)[];
  readonly carry: readonly unknown[];
  readonly ys: readonly unknown[];
}

function takeIteration(plan: Plan, f: AnyFunction, carry: readonly unknown[], xs: readonly unknown[]): Iteration {
  const { axes, call, carryDef, def, isBareCarry } = plan;
  let [nextCarry, nextSlice] = [0, 0];
  const values = call.values.map((value, i) =>
    axes[i] === Carry ? carry[nextCarry++] : axes[i] === null ? value : xs[nextSlice++],
  );
  const entered = new EnteredCall(def, values, { trails: call.trails });
  const [carried, rest] = separate(f(...entered.args), plan);
  const bare = carryDef ? matchCarry(carryDef, carried, entered) : [];
  const outcome = entered.outcome(rest);
  const places = outcome.leaves.map((leaf, i) => placeOf(plan, leaf, outcome.origins[i]));
  const current = entered.currentValues;
  let nextBare = 0;
  return {
    outcome,
    places,
    carry: values.flatMap((value, i) => {
      if (axes[i] !== Carry) return [];
      return [isBareCarry[i] ? bare[nextBare++] : current.has(i) ? current.get(i) : value];
    }),
    ys: outcome.values.filter((_, i) => places[i] !== null),
  };
}

/** The carry among the results, and the others. */
function separate(out: unknown, { carryResult, outAxes }: Plan): readonly [carried: unknown, rest: unknown] {
  if (carryResult === undefined) return [undefined, out];
  if (carryResult === "all") return [out, null];
  const list = listed(out, outAxes);
  return [list[carryResult], list.with(carryResult, null)];
}

/** @throws TypeError for a result that is neither stacked nor carried */
function placeOf({ axes, outAxes, specs }: Plan, leaf: GraphLeaf, origin: number | undefined): number | null {
  if (origin !== undefined && axes[origin] === Carry) return null;
  const [first, ...path] = pathOf(leaf.trail);
  const isResult = first === outKey;
  const [spec, below] = isResult ? resultSpec("nnx.scan", outAxes, path) : ([specs[first as number], path] as const);
  const axis = origin === undefined ? axisFor(spec, below, leaf.value) : axes[origin];
  if (typeof axis === "number") return axis;
  const where = isResult ? `the result at ${formatPath(path) || "its root"}` : formatPath([`args[${first}]`, ...path]);
  throw new TypeError(
    `nnx.scan: what an iteration sets or returns must be scanned over or carried; got ${where} with axis ${axis === null ? "null" : "Carry"}`,
  );
}

/** Writes updates back. @returns the result of the function */
function finish(
  { axes, call, carryDef, carryResult, isBareCarry }: Plan,
  { outcome, places }: Iteration,
  carry: readonly unknown[],
  ys: readonly unknown[],
  partitionName: string | null,
): unknown {
  let [nextCarry, nextY] = [0, 0];
  const finals = new Map(axes.flatMap((axis, leaf) => (axis === Carry ? [[leaf, carry[nextCarry++]] as const] : [])));
  const out = call.leave({
    def: stacked(outcome.def, places, partitionName),
    values: places.map((axis, i) =>
      axis === null ? finals.get(outcome.origins[i] as number) : moveFrontTo(axis, ys[nextY++]),
    ),
  });
  if (carryDef === undefined) return out;
  const bare = [...finals].filter(([leaf]) => isBareCarry[leaf]).map(([, value]) => value);
  const finalCarry = rebuildCarry(carryDef, bare, call);
  return typeof carryResult === "number" ? (out as unknown[]).with(carryResult, finalCarry) : finalCarry;
}

function positionOfCarry(where: string, specs: readonly AxisSpec[]): number | undefined {
  const found = specs.flatMap((spec, i) => (spec === Carry ? [i] : []));
  if (found.length > 1)
    throw new TypeError(`nnx.scan: there must be at most one Carry in ${where}; got ${found.length}`);
  return found[0];
}

/** The results, as a list that matches outAxes. */
function listed(out: unknown, outAxes: AxisSpec | readonly AxisSpec[]): unknown[] {
  const count = [outAxes].flat().length;
  if (Array.isArray(out) && out.length === count) return out;
  throw new TypeError(
    `nnx.scan: the function must return a list of ${count}, one for each of outAxes; got ${Array.isArray(out) ? `a list of ${out.length}` : typeof out}`,
  );
}
