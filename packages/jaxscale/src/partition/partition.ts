/**
 * From a jaxpr on whole arrays to the program of one device: equations on parts of the arrays, and collectives where a
 * device needs what another one has. Layouts flow from the arguments through the equations' sharding rules.
 */
import { isFloat } from "../base/dtypes.ts";
import { type ClosedJaxpr, type JaxprEqn, type ShapedArray, shapedArray } from "../jaxpr/ir.ts";
import type { Operand } from "../primitives/op-builder.ts";
import { type Arrangement, type Factor, type Part, rulesOf, type ShardingRule } from "../primitives/primitive.ts";
import type { Array } from "../trace/array.ts";
import { withAxisName } from "../trace/axis-names.ts";
import { traceToJaxpr } from "../trace/staging.ts";
import { evalJaxprBy } from "../transforms/eval-jaxpr.ts";
import { ops } from "../transforms/jaxpr-transforms.ts";
import { type Assignment, assignFactors, layoutBy } from "./assign-factors.ts";
import { type AxisSizes, commonPrefix, deviceCount, isReplicated, type Layout, replicated, specOf } from "./layout.ts";
import type { Mesh } from "./mesh.ts";
import { NamedSharding } from "./named-sharding.ts";
import { deviceAxes } from "./stack.ts";
import type { Topology } from "./topology.ts";

/** Where the arguments of a program lie, and where its results are wanted. */
export interface Placement {
  /** Of the program. */
  readonly name: string;
  readonly mesh: Mesh;
  readonly layouts: readonly Layout[];
  /** Undefined leaves a result as it comes. */
  readonly wanted: readonly (Layout | undefined)[];
  /** How the mesh lies on GPUs; absent: on one, the first. */
  readonly topology?: Topology;
}

/** The program of one device: local shapes, collectives over the mesh's axes. */
export interface Partitioned {
  readonly placement: Placement;
  readonly local: ClosedJaxpr;
  /** Layouts of the results, and the shardings that say the same. */
  readonly layouts: readonly Layout[];
  readonly shardings: readonly NamedSharding[];
}

/** @param closed without calls @throws ShardingError if a layout that is asked for does not divide an array */
export function partition(closed: ClosedJaxpr, placement: Placement): Partitioned {
  const { name, mesh, wanted } = placement;
  const sizes = mesh.shape;
  const types = closed.jaxpr.invars.map((v) => v.aval);
  let layouts: readonly Layout[] = [];
  const trace = (): ClosedJaxpr =>
    traceToJaxpr(
      name,
      (...values) => {
        const args = values.map((value, i) => ({ value, layout: placement.layouts[i] }));
        const results = evalOnParts(closed, args, sizes, wanted);
        layouts = results.map(({ layout }) => layout);
        return results.map(({ value }) => value as Array);
      },
      types.map((aval, i) => localType(aval, placement.layouts[i], sizes)),
    );
  const named = deviceAxes(mesh, false).reduceRight((inner, axis) => () => withAxisName(axis, inner), trace);
  const local = named();
  return { placement, local, layouts, shardings: layouts.map((layout) => new NamedSharding(mesh, specOf(layout))) };
}

const localType = ({ shape, dtype, weakType }: ShapedArray, layout: Layout, sizes: AxisSizes): ShapedArray =>
  shapedArray(
    shape.map((size, dimension) => size / deviceCount(layout[dimension], sizes)),
    dtype,
    weakType,
  );

/** Evaluates a jaxpr on the parts of one device, in a trace in which the mesh's axes are named. */
function evalOnParts(
  closed: ClosedJaxpr,
  args: readonly Part[],
  sizes: AxisSizes,
  wanted: readonly (Layout | undefined)[],
): readonly Part[] {
  const results = evalJaxprBy<Part>(closed, args, {
    lift: (value) => ({ value, layout: replicated(value.aval) }),
    process: (eqn, operands) => evalEquation(eqn, operands, sizes),
  });
  return results.map((part, i) => relaid(part, wanted[i] ?? part.layout, sizes));
}

function evalEquation(
  { primitive, params, inputs, outputs }: JaxprEqn,
  operands: readonly Part[],
  sizes: AxisSizes,
): readonly Part[] {
  const rules = rulesOf(primitive);
  const asked = rules.laidOut?.(params);
  if (asked) return [relaid(operands[0], asked.layout, sizes)];
  const outs = outputs.map((v) => v.aval);
  if (operands.every(({ layout }) => isReplicated(layout)))
    return ops
      .bind(
        primitive.name,
        operands.map(({ value }) => value),
        params,
      )
      .map((value, i) => ({ value, layout: replicated(outs[i]) }));
  const context = { params, inputs: inputs.map((atom) => atom.aval), outputs: outs };
  const rewritten = rules.partition?.(ops, operands, {
    ...context,
    sizes,
    relaid: (part, layout) => relaid(part, layout, sizes),
    arranged: (rule) => arranged(rule, operands, context.inputs, sizes),
  });
  if (rewritten) return rewritten;
  const rule = rules.sharding(context);
  const assigned = assignFactors(
    rule,
    context.inputs,
    operands.map(({ layout }) => layout),
    sizes,
  );
  const parts = operands.map((part, i) => relaid(part, layoutBy(assigned, rule.operands[i]), sizes).value);
  const local = rules.localParams?.(context, localSizes(rule, assigned, sizes)) ?? params;
  const sums = [...assigned].filter(([name]) => rule.factors[name].kind === "reduction");
  const results =
    sums.length > 0
      ? ops.bind(primitive.name, rules.readsMemory ? parts : unrounded(parts), rules.partialParams?.(local) ?? local)
      : ops.bind(primitive.name, parts, local);
  return results.map((value, i) => {
    const whole = ops.convert(combined(value, rule, sums), outs[i].dtype, outs[i].weakType);
    const layout = layoutBy(assigned, rule.results[i]);
    return relaid({ value: whole, layout }, cutAgain(rule, operands, outs[i], i, layout, sizes), sizes);
  });
}

function arranged(
  rule: ShardingRule,
  operands: readonly Part[],
  inputs: readonly ShapedArray[],
  sizes: AxisSizes,
): Arrangement {
  const given = operands.map(({ layout }) => layout);
  const assigned = assignFactors(rule, inputs, given, sizes);
  const layouts = rule.operands.map((dimensions) => layoutBy(assigned, dimensions));
  return {
    operands: layouts,
    results: rule.results.map((dimensions) => layoutBy(assigned, dimensions)),
    parts: () => operands.map((part, i) => relaid(part, layouts[i], sizes).value),
  };
}

/**
 * The layout of a result whose dimension was needed whole (concatenated, sorted, summed up) and lay in parts in the first operand:
 * in parts again, which moves nothing.
 */
function cutAgain(
  rule: ShardingRule,
  [first]: readonly Part[],
  { shape }: ShapedArray,
  result: number,
  layout: Layout,
  sizes: AxisSizes,
): Layout {
  if (first.layout.length !== shape.length) return layout;
  const isWhole = (factors: readonly string[]): boolean =>
    factors.length > 0 && factors.every((name) => rule.factors[name].kind === "replicated");
  const used = new Set(layout.flat());
  return layout.map((axes, dimension) => {
    const before = first.layout[dimension];
    const whole = isWhole(rule.operands[0][dimension]) && isWhole(rule.results[result][dimension]);
    const divides = shape[dimension] % deviceCount(before, sizes) === 0;
    return whole && divides && !before.some((axis) => used.has(axis)) ? before : axes;
  });
}

/** Sizes of the factors of one device's part. */
const localSizes = (rule: ShardingRule, assigned: Assignment, sizes: AxisSizes): Record<string, number> =>
  Object.fromEntries(
    Object.entries(rule.factors).map(([name, { size }]) => [name, size / deviceCount(assigned.get(name) ?? [], sizes)]),
  );

/** Collectives that combine partial results; of bools, `or` is the largest and `and` the smallest. */
const collectives: Readonly<Record<string, string>> = {
  add: "psum",
  max: "pmax",
  min: "pmin",
  or: "pmax",
  and: "pmin",
};

/** Operands whose partial results are not rounded: those are combined first. */
const unrounded = (parts: readonly Operand[]): readonly Operand[] =>
  parts.map((x) => (isFloat(x.aval.dtype) ? ops.convert(x, "float32", x.aval.weakType) : x));

/** The result, combined over the mesh axes of the factors that it sums over. */
const combined = (
  value: Operand,
  rule: ShardingRule,
  sums: readonly (readonly [string, readonly string[]])[],
): Operand =>
  sums.reduce((partial, [name, axes]) => {
    const combine = rule.factors[name].combine as NonNullable<Factor["combine"]>;
    return ops.bind1(collectives[combine], [partial], { axes });
  }, value);

/** The part in another layout: what is split in both the same way stays, the rest is gathered, then cut. */
function relaid({ value, layout }: Part, wanted: Layout, sizes: AxisSizes): Part {
  const kept = layout.map((axes, dimension) => commonPrefix(axes, wanted[dimension]));
  let out = value;
  layout.forEach((axes, dimension) => {
    for (const name of axes.slice(kept[dimension].length).toReversed())
      out = ops.bind1("all_gather", [out], exchange(name, dimension, sizes, { tiled: true }));
  });
  wanted.forEach((axes, dimension) => {
    for (const name of axes.slice(kept[dimension].length))
      out = ops.bind1("own_part", [out], exchange(name, dimension, sizes, {}));
  });
  return { value: out, layout: wanted };
}

const exchange = (name: string, dimension: number, sizes: AxisSizes, more: { readonly tiled?: boolean }) => ({
  axes: [name],
  axisSize: sizes.get(name) as number,
  dimension,
  ...more,
});
