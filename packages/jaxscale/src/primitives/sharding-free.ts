/** The sharding rule of ops whose operands every device needs whole. */
import type { LoweringContext, ShardingRule } from "./primitive.ts";

export function replicatedRule({
  inputs,
  outputs,
}: Pick<LoweringContext<unknown>, "inputs" | "outputs">): ShardingRule {
  const factors: Record<string, { size: number; kind: "replicated" }> = {};
  const whole = (shape: readonly number[]): readonly (readonly string[])[] =>
    shape.map((size) => {
      if (size === 1) return [];
      const name = `r${Object.keys(factors).length}`;
      factors[name] = { size, kind: "replicated" };
      return [name];
    });
  return { operands: inputs.map((a) => whole(a.shape)), results: outputs.map((a) => whole(a.shape)), factors };
}
