/** How an equation is split: which mesh axes each factor of its sharding rule gets from the operands' layouts. */

import { itemSizeBytes } from "../base/dtypes.ts";
import { sizeOf } from "../base/shapes.ts";
import type { JaxprEqn, ShapedArray } from "../jaxpr/ir.ts";
import { rulesOf, type ShardingRule } from "../primitives/primitive.ts";
import { type AxisSizes, commonPrefix, deviceCount, type Layout } from "./layout.ts";

/** Mesh axes of each factor, the major one first. */
export type Assignment = ReadonlyMap<string, readonly string[]>;

/** What one operand says of a factor: its axes, and the bytes that would move if it were not heard. */
interface Claim {
  readonly axes: readonly string[];
  readonly bytes: number;
}

/** How partial results can be combined between devices; of those that do not say it, whoever asks combines them. */
const combinable: ReadonlySet<string> = new Set(["add", "max", "min", "or", "and"]);

const rules = new WeakMap<JaxprEqn, ShardingRule>();

/** The sharding rule of an equation, made once. */
export function ruleOf(eqn: JaxprEqn): ShardingRule {
  let rule = rules.get(eqn);
  if (!rule) {
    const { params, inputs, outputs } = eqn;
    const context = { params, inputs: inputs.map((a) => a.aval), outputs: outputs.map((v) => v.aval) };
    rules.set(eqn, (rule = rulesOf(eqn.primitive).sharding(context)));
  }
  return rule;
}

/** Arrays, and how each is split. */
export interface LaidOut {
  readonly types: readonly ShapedArray[];
  readonly layouts: readonly Layout[];
}

/**
 * Factors that slice the result come before those that it sums over; among equals that of the larger operand wins, so that
 * the fewest bytes move. Two operands that split one factor differently agree on the axes that they begin with.
 * What `wanted` says of the results comes last: it gets the axes that no operand claims.
 */
export function assignFactors(rule: ShardingRule, operands: LaidOut, sizes: AxisSizes, wanted?: LaidOut): Assignment {
  const claims = claimsOf(rule, rule.operands, operands, sizes);
  const order = [...claims.keys()]
    .filter((name) => mayBeSplit(rule, name))
    .sort((a, b) => rank(rule, a) - rank(rule, b) || (claims.get(b) as Claim).bytes - (claims.get(a) as Claim).bytes);
  const assigned = new Map<string, readonly string[]>();
  const used = new Set<string>();
  for (const name of order) {
    const { axes } = claims.get(name) as Claim;
    const end = axes.findIndex((axis) => used.has(axis));
    const free = end < 0 ? axes : axes.slice(0, end);
    for (const axis of free) used.add(axis);
    if (free.length > 0) assigned.set(name, free);
  }
  if (wanted)
    for (const [name, { axes }] of claimsOf(rule, rule.results, wanted, sizes)) {
      const own = assigned.get(name) ?? [];
      if (!mayBeSplit(rule, name) || commonPrefix(own, axes).length < own.length) continue;
      const more = axes.slice(own.length);
      if (more.length === 0 || more.some((axis) => used.has(axis))) continue;
      for (const axis of more) used.add(axis);
      assigned.set(name, axes);
    }
  return expressible(rule, assigned, sizes);
}

/** What arrays say of the factors of their dimensions. */
function claimsOf(
  rule: ShardingRule,
  arrays: ShardingRule["operands"],
  { types, layouts }: LaidOut,
  sizes: AxisSizes,
): Map<string, Claim> {
  const claims = new Map<string, Claim>();
  layouts.forEach((layout, array) => {
    const bytes = sizeOf(types[array].shape) * itemSizeBytes(types[array].dtype);
    layout.forEach((axes, dimension) => {
      if (axes.length === 0) return;
      for (const [factor, own] of splitAxes(axes, arrays[array][dimension], rule, sizes))
        claims.set(factor, merged(claims.get(factor), { axes: own, bytes }));
    });
  });
  return claims;
}

const mayBeSplit = ({ factors }: ShardingRule, name: string): boolean => {
  const { kind, combine } = factors[name];
  return kind === "parallel" || (kind === "reduction" && (!combine || combinable.has(combine)));
};
const rank = ({ factors }: ShardingRule, name: string): number => {
  const { kind, isFirst } = factors[name];
  return isFirst ? 0 : kind === "parallel" ? 1 : 2;
};

/** Axes of a dimension as axes of the factors that it is the product of. */
function* splitAxes(
  axes: readonly string[],
  factors: readonly string[],
  rule: ShardingRule,
  sizes: AxisSizes,
): Iterable<readonly [factor: string, axes: readonly string[]]> {
  let next = 0;
  for (const factor of factors) {
    let rest = rule.factors[factor].size;
    const own: string[] = [];
    while (next < axes.length && rest % (sizes.get(axes[next]) as number) === 0) {
      rest /= sizes.get(axes[next]) as number;
      own.push(axes[next++]);
    }
    if (own.length > 0) yield [factor, own];
    // What is minor to a factor that is not split to the end is not a run of the dimension.
    if (rest > 1) return;
  }
}

function merged(known: Claim | undefined, claim: Claim): Claim {
  if (!known) return claim;
  const bytes = Math.max(known.bytes, claim.bytes);
  const common = commonPrefix(known.axes, claim.axes);
  const longer = known.axes.length > claim.axes.length ? known.axes : claim.axes;
  const agrees = common.length === Math.min(known.axes.length, claim.axes.length);
  return { axes: agrees ? longer : common, bytes };
}

/** Drops what no layout can say: axes of a factor behind one that is not split to its last element. */
function expressible(rule: ShardingRule, assigned: Map<string, readonly string[]>, sizes: AxisSizes): Assignment {
  if (assigned.size === 0) return assigned;
  const dimensions = [...rule.operands, ...rule.results].flatMap((array) =>
    array.filter((factors) => factors.length > 1),
  );
  for (let changed = true; changed; ) {
    changed = false;
    for (const factors of dimensions) {
      let complete = true;
      for (const factor of factors) {
        const axes = assigned.get(factor) ?? [];
        if (!complete && axes.length > 0) changed = assigned.delete(factor);
        complete &&= deviceCount(axes, sizes) === rule.factors[factor].size;
      }
    }
  }
  return assigned;
}

/** The layout of an operand or result whose dimensions are products of factors. */
export const layoutBy = (assigned: Assignment, dimensions: ShardingRule["operands"][number]): Layout =>
  dimensions.map((factors) => factors.flatMap((factor) => assigned.get(factor) ?? []));

/**
 * The layout of a result whose dimension was needed whole (concatenated, sorted, summed up) and lay in parts in the first operand:
 * in parts again, which moves nothing.
 */
export function cutAgain(
  rule: ShardingRule,
  first: Layout,
  result: number,
  { shape }: ShapedArray,
  layout: Layout,
  sizes: AxisSizes,
): Layout {
  if (first.length !== shape.length) return layout;
  const isWhole = (factors: readonly string[]): boolean =>
    factors.length > 0 && factors.every((name) => rule.factors[name].kind === "replicated");
  const used = new Set(layout.flat());
  return layout.map((axes, dimension) => {
    const before = first[dimension];
    const whole = isWhole(rule.operands[0][dimension]) && isWhole(rule.results[result][dimension]);
    const divides = shape[dimension] % deviceCount(before, sizes) === 0;
    return whole && divides && !before.some((axis) => used.has(axis)) ? before : axes;
  });
}
