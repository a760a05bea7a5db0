/**
 * From a jaxpr on whole arrays to the program of one device: equations on parts of the arrays, and collectives where a
 * device needs what another one has. The operands' layouts decide, then the hints of propagation.
 */
import { isFloat } from "../base/dtypes.ts";
import { invariant } from "../base/errors.ts";
import { type ClosedJaxpr, type JaxprEqn, type ShapedArray, shapedArray } from "../jaxpr/ir.ts";
import type { Operand } from "../primitives/op-builder.ts";
import { type Arrangement, type Factor, type Part, rulesOf, type ShardingRule } from "../primitives/primitive.ts";
import type { Array } from "../trace/array.ts";
import { withAxisName } from "../trace/axis-names.ts";
import { traceToJaxpr } from "../trace/staging.ts";
import { evalJaxprBy } from "../transforms/eval-jaxpr.ts";
import { ops } from "../transforms/jaxpr-transforms.ts";
import { pruneJaxpr } from "../transforms/prune-jaxpr.ts";
import { type Assignment, assignFactors, cutAgain, layoutBy, ruleOf } from "./assign-factors.ts";
import { type Collective, hoistSums } from "./hoist-sums.ts";
import { type AxisSizes, deviceCount, extended, isReplicated, type Layout, replicated, specOf } from "./layout.ts";
import type { Mesh } from "./mesh.ts";
import { NamedSharding } from "./named-sharding.ts";
import { type Call, type Hints, layoutIn, propagate } from "./propagate.ts";
import { relaid } from "./relaid.ts";
import { deviceAxes } from "./stack.ts";
import type { Topology } from "./topology.ts";

/** Where the arguments of a program lie, and where its results are wanted. */
export interface Placement {
  /** Of the program. */
  readonly name: string;
  readonly mesh: Mesh;
  /** Of the arguments; undefined for one that may be cut as the program wants it. */
  readonly layouts: readonly (Layout | undefined)[];
  /** Of the arrays that the function closed over. */
  readonly constants?: (constant: unknown) => Layout | undefined;
  /** Undefined leaves a result as it comes. */
  readonly wanted: readonly (Layout | undefined)[];
  /** How the mesh lies on GPUs; absent: on one, the first. */
  readonly topology?: Topology;
}

/** The program of one device: local shapes, collectives over the mesh's axes. */
export interface Partitioned {
  readonly placement: Placement;
  readonly local: ClosedJaxpr;
  /** Layouts of the arguments. */
  readonly args: readonly Layout[];
  /** Layouts of the results, and the shardings that say the same. */
  readonly layouts: readonly Layout[];
  readonly shardings: readonly NamedSharding[];
}

/** @param closed without calls @throws ShardingError if a layout that is asked for does not divide an array */
export function partition(closed: ClosedJaxpr, placement: Placement): Partitioned {
  const { name, mesh, wanted } = placement;
  const hints = propagate(closed, placement);
  const args = closed.jaxpr.invars.map((v, i) => placement.layouts[i] ?? layoutIn(hints, v));
  const { local, layouts } = deviceAxes(mesh, false).reduceRight<() => LocalJaxpr>(
    (inner, axis) => () => withAxisName(axis, inner),
    () => localJaxpr(name, hints, args, wanted, { sizes: mesh.shape, constants: placement.constants }),
  )();
  return {
    placement,
    local,
    args,
    layouts,
    shardings: layouts.map((layout) => new NamedSharding(mesh, specOf(layout))),
  };
}

/** What rewriting needs of a placement. */
interface Devices extends Pick<Placement, "constants"> {
  readonly sizes: AxisSizes;
}

/** A jaxpr for one device, and how its results lie. */
interface LocalJaxpr {
  readonly local: ClosedJaxpr;
  readonly layouts: readonly Layout[];
}

/** Traces a jaxpr on the parts of one device; the mesh's axes are named. */
function localJaxpr(
  name: string,
  hints: Hints,
  args: readonly Layout[],
  wanted: readonly (Layout | undefined)[],
  devices: Devices,
): LocalJaxpr {
  const { sizes, constants } = devices;
  let layouts: readonly Layout[] = [];
  const traced = traceToJaxpr(
    name,
    (...values) => {
      const parts = values.map((value, i) => ({ value, layout: args[i] }));
      const results = evalJaxprBy<Part>(hints.closed, parts, {
        lift: (value) => {
          const part = { value, layout: replicated(value.aval) };
          return relaid(part, constants?.(value) ?? part.layout, sizes);
        },
        process: (eqn, operands) => evalEquation(eqn, operands, hints, devices),
      }).map((part, i) => relaid(part, wanted[i] ?? part.layout, sizes));
      layouts = results.map(({ layout }) => layout);
      return results.map(({ value }) => value as Array);
    },
    hints.closed.jaxpr.invars.map(({ aval }, i) => localType(aval, args[i], sizes)),
  );
  return { local: pruneJaxpr(traced, undefined, true).jaxpr, layouts };
}

const localType = ({ shape, dtype, weakType }: ShapedArray, layout: Layout, sizes: AxisSizes): ShapedArray =>
  shapedArray(
    shape.map((size, dimension) => size / deviceCount(layout[dimension], sizes)),
    dtype,
    weakType,
  );

function evalEquation(eqn: JaxprEqn, operands: readonly Part[], hints: Hints, devices: Devices): readonly Part[] {
  const { primitive, params, inputs, outputs } = eqn;
  const { sizes } = devices;
  const rules = rulesOf(primitive);
  const asked = rules.laidOut?.(params);
  if (asked) return [relaid(operands[0], asked.layout, sizes)];
  const call = hints.calls.get(eqn);
  if (call) return evalCall(eqn, operands, call, devices);
  const context = { params, inputs: inputs.map((atom) => atom.aval), outputs: outputs.map((v) => v.aval) };
  const wanted = outputs.map((v) => layoutIn(hints, v));
  const layouts = operands.map(({ layout }) => layout);
  if ([...layouts, ...wanted].every(isReplicated)) return bindWhole(eqn, operands);
  const assign = (rule: ShardingRule): Assignment =>
    assignFactors(rule, { types: context.inputs, layouts }, sizes, { types: context.outputs, layouts: wanted });
  const rewritten = rules.partition?.(ops, operands, {
    ...context,
    sizes,
    arranged: (rule) => arranged(rule, assign(rule), operands, sizes),
    relaid: (part, layout) => relaid(part, layout, sizes),
  });
  if (rewritten) return rewritten;
  const rule = ruleOf(eqn);
  const assigned = assign(rule);
  const parts = operands.map((part, i) => relaid(part, layoutBy(assigned, rule.operands[i]), sizes).value);
  const local = rules.localParams?.(context, localSizes(rule, assigned, sizes)) ?? params;
  const sums = [...assigned].filter(([name]) => rule.factors[name].kind === "reduction");
  const results =
    sums.length > 0
      ? ops.bind(primitive.name, rules.readsMemory ? parts : unrounded(parts), rules.partialParams?.(local) ?? local)
      : ops.bind(primitive.name, parts, local);
  return results.map((value, i) => {
    const { aval } = outputs[i];
    const part = {
      value: ops.convert(combined(value, rule, sums), aval.dtype, aval.weakType),
      layout: layoutBy(assigned, rule.results[i]),
    };
    return operands.length > 0 ? relaid(part, cutAgain(rule, layouts[0], i, aval, part.layout, sizes), sizes) : part;
  });
}

function arranged(rule: ShardingRule, assigned: Assignment, operands: readonly Part[], sizes: AxisSizes): Arrangement {
  const layouts = rule.operands.map((dimensions) => layoutBy(assigned, dimensions));
  return {
    operands: layouts,
    results: rule.results.map((dimensions) => layoutBy(assigned, dimensions)),
    parts: () => operands.map((part, i) => relaid(part, layouts[i], sizes).value),
  };
}

/** An equation on whole arrays. */
const bindWhole = ({ primitive, params, outputs }: JaxprEqn, operands: readonly Part[]): readonly Part[] =>
  ops
    .bind(
      primitive.name,
      operands.map(({ value }) => value),
      params,
    )
    .map((value, i) => ({ value, layout: replicated(outputs[i].aval) }));

/** An equation that calls jaxprs, with the jaxprs of one device: what they have in common with it lies alike on both sides. */
function evalCall(eqn: JaxprEqn, operands: readonly Part[], call: Call, devices: Devices): readonly Part[] {
  const { primitive, params, outputs } = eqn;
  const { sizes } = devices;
  if (operands.every(({ layout }) => isReplicated(layout)) && isWhole(call)) return bindWhole(eqn, operands);
  const { edges, bodies } = call;
  const given = operands.map(({ layout }) => layout);
  const args = bodies.map(({ closed }) => closed.jaxpr.invars.map((v) => replicated(v.aval)));
  const wanted = bodies.map(({ closed }) => closed.jaxpr.outvars.map((a) => replicated(a.aval)));
  const results = outputs.map((v) => replicated(v.aval));
  edges.forEach(({ operand, arguments: inside, outputs: from, result, stacked }, i) => {
    const lead: Layout = stacked ? [[]] : [];
    let layout = call.layouts[i];
    if (operand !== undefined) {
      // Operands may lie in more parts than was foreseen.
      const { shape } = eqn.inputs[operand].aval;
      layout = extended(layout, given[operand].slice(lead.length), shape.slice(lead.length), sizes);
      given[operand] = [...lead, ...layout];
    }
    for (const [body, argument] of inside) args[body][argument] = layout;
    for (const [body, output] of from) wanted[body][output] = layout;
    if (result !== undefined) results[result] = [...lead, ...layout];
  });
  const left = new Map<number, Collective>();
  const locals = bodies.map((body, number) => {
    const { local } = localJaxpr(primitive.name, body, args[number], wanted[number], devices);
    const stacked = edges.filter(({ outputs: from, stacked: is }) => is && from.length === 1 && from[0][0] === number);
    const resultOf = new Map(stacked.map((edge) => [edge.outputs[0][1], edge.result as number]));
    const hoisted = hoistSums(local, [...resultOf.keys()]);
    for (const [output, collective] of hoisted.collectives) left.set(resultOf.get(output) as number, collective);
    return hoisted.body;
  });
  const parts = operands.map((part, i) => relaid(part, given[i], sizes).value);
  const { withSubJaxprs } = rulesOf(primitive);
  invariant(withSubJaxprs, `${primitive.name} can have other bodies`);
  return ops.bind(primitive.name, parts, withSubJaxprs(params, locals)).map((value, i) => {
    const collective = left.get(i);
    const result = collective ? ops.bind1(collective.primitive.name, [value], collective.params) : value;
    return { value: result, layout: results[i] };
  });
}

/** Whether nothing is split within a call. */
const isWhole = ({ layouts, bodies }: Call): boolean =>
  layouts.every(isReplicated) &&
  bodies.every((body) => [...body.layouts.values()].every(isReplicated) && [...body.calls.values()].every(isWhole));

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

/** The result, combined over the mesh axes of the factors that it sums over: one collective a kind of sum. */
const combined = (
  value: Operand,
  rule: ShardingRule,
  sums: readonly (readonly [string, readonly string[]])[],
): Operand => {
  const axesOf = new Map<string, readonly string[]>();
  for (const [name, axes] of sums) {
    const collective = collectives[rule.factors[name].combine as NonNullable<Factor["combine"]>];
    axesOf.set(collective, [...(axesOf.get(collective) ?? []), ...axes]);
  }
  return [...axesOf].reduce((partial, [collective, axes]) => ops.bind1(collective, [partial], { axes }), value);
};
