/** How an equation is split: which mesh axes each factor of its sharding rule gets from the operands' layouts. */

import { itemSizeBytes } from "../base/dtypes.ts";
import { sizeOf } from "../base/shapes.ts";
import type { ShapedArray } from "../jaxpr/ir.ts";
import type { ShardingRule } from "../primitives/primitive.ts";
import { type AxisSizes, commonPrefix, deviceCount, type Layout } from "./layout.ts";

/** Mesh axes of each factor, the major one first. */
export type Assignment = ReadonlyMap<string, readonly string[]>;

/** What one operand says of a factor: its axes, and the bytes that would move if it were not heard. */
interface Claim {
  readonly axes: readonly string[];
  readonly bytes: number;
}

/** How partial results can be combined between devices. */
const combinable: ReadonlySet<string> = new Set(["add", "max", "min", "or", "and"]);

/**
 * Factors that slice the result come before those that it sums over; among equals that of the larger operand wins, so that
 * the fewest bytes move. Two operands that split one factor differently agree on the axes that they begin with.
 */
export function assignFactors(
  rule: ShardingRule,
  inputs: readonly ShapedArray[],
  layouts: readonly Layout[],
  sizes: AxisSizes,
): Assignment {
  const claims = new Map<string, Claim>();
  layouts.forEach((layout, operand) => {
    const bytes = sizeOf(inputs[operand].shape) * itemSizeBytes(inputs[operand].dtype);
    layout.forEach((axes, dimension) => {
      for (const [factor, own] of splitAxes(axes, rule.operands[operand][dimension], rule, sizes))
        claims.set(factor, merged(claims.get(factor), { axes: own, bytes }));
    });
  });
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
  return expressible(rule, assigned, sizes);
}

const mayBeSplit = ({ factors }: ShardingRule, name: string): boolean => {
  const { kind, combine } = factors[name];
  return kind === "parallel" || (kind === "reduction" && combinable.has(combine ?? ""));
};
const rank = ({ factors }: ShardingRule, name: string): number => (factors[name].kind === "parallel" ? 0 : 1);

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
  const dimensions = [...rule.operands, ...rule.results].flat();
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
