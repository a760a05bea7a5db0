import { test } from "uvu";
import * as assert from "uvu/assert";
import { type ShapedArray, shapedArray } from "../../packages/jaxscale/src/jaxpr/ir.ts";
import { type Combine, parseShardingRule } from "../../packages/jaxscale/src/primitives/sharding-text.ts";

const f32 = (...shape: readonly number[]): ShapedArray => shapedArray(shape, "float32");
const parse = (
  text: string,
  inputs: readonly ShapedArray[],
  outputs: readonly ShapedArray[],
  reductions: Readonly<Record<string, Combine>> = {},
) => parseShardingRule("k", text, reductions, inputs, outputs);

test("factors of results are parallel, others reduce as they are said to, * is needed whole", () => {
  const rule = parse("m k, k n * -> m n", [f32(4, 6), f32(6, 8, 3)], [f32(4, 8)], { k: "add" });
  assert.equal(rule, {
    operands: [
      [["m"], ["k"]],
      [["k"], ["n"], ["whole0"]],
    ],
    results: [[["m"], ["n"]]],
    factors: {
      m: { size: 4, kind: "parallel" },
      k: { size: 6, kind: "reduction", combine: "add" },
      n: { size: 8, kind: "parallel" },
      whole0: { size: 3, kind: "replicated" },
    },
  });
});

test("scalars have no dimensions, and size 1 splits into nothing", () => {
  const rule = parse("n, , i n -> n", [f32(4), f32(), f32(1, 4)], [f32(4)]);
  assert.equal(rule.operands, [[["n"]], [], [[], ["n"]]]);
});

test("text that does not fit the arrays is refused", () => {
  assert.throws(() => parse("n", [f32(4)], [f32(4)]), /k: a sharding rule must be `operands -> results`; got "n"/);
  assert.throws(() => parse("n -> n", [f32(4, 2)], [f32(4)]), /name each dimension of each array/);
  assert.throws(() => parse("n, n -> n", [f32(4), f32(5)], [f32(4)]), /factor n must have one size, not 4 and 5/);
  assert.throws(
    () => parse("n k -> n", [f32(4, 2)], [f32(4)]),
    /reductions must say how partial results over k combine/,
  );
  assert.throws(() => parse("n -> n m", [f32(4)], [f32(4, 2)]), /an operand must have factor m of the result/);
});

test.run();
