/** Sharding rules as text: `m k, k n -> m n`. */
import { ShardingError } from "../base/errors.ts";
import type { ShapedArray } from "../jaxpr/ir.ts";
import type { Factor, ShardingRule } from "./primitive.ts";

export type Combine = NonNullable<Factor["combine"]>;

/**
 * One name for each dimension, in the order of the arrays; `*` is a dimension of which every device needs the whole.
 * A factor of the results splits them; one of operands only must be in `reductions`, which says how partial results combine.
 * @throws ShardingError if the text does not fit the arrays
 */
export function parseShardingRule(
  op: string,
  text: string,
  reductions: Readonly<Record<string, Combine>>,
  inputs: readonly ShapedArray[],
  outputs: readonly ShapedArray[],
): ShardingRule {
  const fail = (rule: string): ShardingError => new ShardingError(`${op}: ${rule}; got "${text}"`);
  const sides = text.split("->");
  if (sides.length !== 2) throw fail("a sharding rule must be `operands -> results`");
  const factors: Record<string, Factor> = {};
  let whole = 0;
  const read = (side: string, avals: readonly ShapedArray[], isResult: boolean): string[][][] => {
    const arrays = side.split(",").map((array) => array.split(/\s+/).filter(Boolean));
    if (arrays.length !== avals.length || arrays.some((names, i) => names.length !== avals[i].shape.length))
      throw fail("a sharding rule must name each dimension of each array");
    return arrays.map((names, i) =>
      names.map((name, axis) => {
        const size = avals[i].shape[axis];
        if (size === 1) return [];
        if (name === "*") {
          const own = `whole${whole++}`;
          factors[own] = { size, kind: "replicated" };
          return [own];
        }
        const known = factors[name];
        if (known && known.size !== size)
          throw fail(`factor ${name} must have one size, not ${known.size} and ${size}`);
        if (isResult && known?.kind === "reduction") throw fail(`${name} must not be reduced, since a result has it`);
        if (isResult && !known) throw fail(`an operand must have factor ${name} of the result`);
        factors[name] ??= factorOf(name, size);
        return [name];
      }),
    );
  };
  const resultNames = new Set(sides[1].split(/[\s,]+/));
  const factorOf = (name: string, size: number): Factor => {
    if (resultNames.has(name)) return { size, kind: "parallel" };
    if (!Object.hasOwn(reductions, name))
      throw fail(`reductions must say how partial results over ${name} combine, or the dimension be *`);
    return { size, kind: "reduction", combine: reductions[name] };
  };
  return { operands: read(sides[0], inputs, false), results: read(sides[1], outputs, true), factors };
}
