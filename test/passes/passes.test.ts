import { test } from "uvu";
import * as assert from "uvu/assert";
import type { DType } from "../../packages/jaxscale/src/base/dtypes.ts";
import type { HostTensor } from "../../packages/jaxscale/src/base/tensor-data.ts";
import { checkJaxpr } from "../../packages/jaxscale/src/jaxpr/check.ts";
import { interpret } from "../../packages/jaxscale/src/jaxpr/interpret.ts";
import type { ClosedJaxpr } from "../../packages/jaxscale/src/jaxpr/ir.ts";
import { eliminateCommonSubexpressions } from "../../packages/jaxscale/src/passes/eliminate-common-subexpressions.ts";
import { eliminateDeadCode } from "../../packages/jaxscale/src/passes/eliminate-dead-code.ts";
import { foldConstants } from "../../packages/jaxscale/src/passes/fold-constants.ts";
import { foldIntoMakers } from "../../packages/jaxscale/src/passes/fold-into-makers.ts";
import { inlineCalls } from "../../packages/jaxscale/src/passes/inline-calls.ts";
import { simplify } from "../../packages/jaxscale/src/passes/simplify.ts";
import { add, mul, sub } from "../../packages/jaxscale/src/primitives/arithmetic.ts";
import { broadcastInDim } from "../../packages/jaxscale/src/primitives/broadcast.ts";
import { type DotDimensionNumbers, dotGeneral } from "../../packages/jaxscale/src/primitives/dot-general.ts";
import { reduceSum } from "../../packages/jaxscale/src/primitives/reduction.ts";
import { reshape, rev, transpose } from "../../packages/jaxscale/src/primitives/shape.ts";
import { slice } from "../../packages/jaxscale/src/primitives/slice.ts";
import { JaxprBuilder, literal, tensor, testCall, testEffect } from "../jaxpr/build.ts";

const bits = (tensors: readonly HostTensor[]) =>
  tensors.map(({ shape, dtype, values }) => ({ shape, dtype, values: [...values] }));
const names = ({ jaxpr }: ClosedJaxpr): string[] => jaxpr.eqns.map((eqn) => eqn.primitive.name);

/** Runs a pass, and checks that its result is well-formed and computes the same. */
function checked(pass: (closed: ClosedJaxpr) => ClosedJaxpr, before: ClosedJaxpr, args: HostTensor[]): ClosedJaxpr {
  const after = checkJaxpr(pass(checkJaxpr(before)));
  assert.equal(after.jaxpr.invars, before.jaxpr.invars);
  assert.equal(bits(interpret(after, args)), bits(interpret(before, args)));
  return after;
}
const x3 = tensor([3], [1, Number.NaN, -3]);

/** x ↦ (x + k) · 2, and its argument, with a constant of its own. */
function body(constant: HostTensor): ClosedJaxpr {
  const b = new JaxprBuilder();
  const x = b.input([3]);
  const sum = b.op(add, [x, b.constant(constant)], {}, "sum");
  return b.close(b.op(mul, [sum, literal(2)]), x);
}

test("calls are replaced by their bodies, however deep and often", () => {
  const constant = tensor([3], [1, 2, 3]);
  const inner = body(constant);
  const middle = new JaxprBuilder();
  const [m] = middle.bind(testCall, [middle.input([3])], { name: "inner", jaxpr: inner }, "deep");
  const outer = new JaxprBuilder();
  const x = outer.input([3]);
  const [y] = outer.bind(testCall, [x], { name: "middle", jaxpr: middle.close(m) }, "first");
  const [z, same] = outer.bind(testCall, [y], { name: "inner", jaxpr: inner }, "second");
  const after = checked(inlineCalls, outer.close(z, same, y), [x3]);
  assert.equal(names(after), ["add", "mul", "add", "mul"]);
  assert.equal(
    after.jaxpr.eqns.map((eqn) => eqn.source.scope),
    ["first/deep/sum", "first/deep", "second/sum", "second"],
  );
  assert.is(after.consts.length, 1, "one constant that two calls close over is one constant");
});

test("a call that gives an argument or a literal back leaves no equation", () => {
  const inner = new JaxprBuilder();
  const a = inner.input([3]);
  const jaxpr = inner.close(a, literal(7));
  const b = new JaxprBuilder();
  const x = b.input([3]);
  const [same, seven] = b.bind(testCall, [x], { name: "f", jaxpr });
  const after = checked(inlineCalls, b.close(b.op(add, [same, seven])), [x3]);
  assert.equal(names(after), ["add"]);
  assert.is(after.jaxpr.eqns[0].inputs[0], x);
});

test("what no result needs is dropped, constants too, effects not", () => {
  const b = new JaxprBuilder();
  const x = b.input([3]);
  b.input([2]);
  const dead = b.op(add, [x, b.constant(tensor([3], [1, 2, 3]))]);
  b.op(mul, [dead, dead]);
  const live = b.op(mul, [x, x]);
  b.op(testEffect, [b.op(sub, [x, live])]);
  const after = checked(eliminateDeadCode, b.close(live), [x3, tensor([2], [0, 0])]);
  assert.equal(names(after), ["mul", "sub", "test_effect"]);
  assert.is(after.consts.length, 0);
});

test("equal equations become one, also those equal only after others have", () => {
  const b = new JaxprBuilder();
  const x = b.input([3]);
  const [a1, a2] = [b.op(mul, [x, literal(2)]), b.op(mul, [x, literal(2)])];
  const [s1, s2] = [b.op(add, [a1, x]), b.op(add, [a2, x])];
  const after = checked(eliminateCommonSubexpressions, b.close(b.op(add, [s1, s2]), a2), [x3]);
  assert.equal(names(after), ["mul", "add", "add"]);
});

test("equations that differ in a parameter, a literal's sign or type, or have an effect stay apart", () => {
  const b = new JaxprBuilder();
  const x = b.input([3]);
  const square = b.op(broadcastInDim, [x], { shape: [3, 3], broadcastDimensions: [0] });
  const other = b.op(broadcastInDim, [x], { shape: [3, 3], broadcastDimensions: [1] });
  const zeros = [b.op(add, [x, literal(0)]), b.op(add, [x, literal(-0)])];
  const effects = [b.op(testEffect, [x]), b.op(testEffect, [x])];
  const closed = b.close(square, other, ...zeros, ...effects);
  assert.is(checked(eliminateCommonSubexpressions, closed, [x3]).jaxpr.eqns.length, 6);
});

test("scalars computed of literals are literals", () => {
  const b = new JaxprBuilder();
  const x = b.input([3]);
  const two = b.op(add, [literal(1), literal(1)]);
  const third = b.op(mul, [two, literal(1 / 3)]);
  const after = checked(foldConstants, b.close(b.op(mul, [x, third]), two), [x3]);
  assert.equal(names(after), ["mul"]);
  assert.equal(after.jaxpr.outvars[1].kind === "literal" && after.jaxpr.outvars[1].value, 2);
});

test("x·0, x−x and an addition of 0 stay: x may be NaN, infinite or −0", () => {
  const b = new JaxprBuilder();
  const x = b.input([3]);
  const closed = b.close(b.op(mul, [x, literal(0)]), b.op(sub, [x, x]), b.op(add, [x, literal(0)]));
  assert.is(checked(simplify, closed, [x3]).jaxpr.eqns.length, 3);
});

test("an array computed of literals is not written out", () => {
  const b = new JaxprBuilder();
  const filled = b.op(broadcastInDim, [literal(1)], { shape: [3], broadcastDimensions: [] });
  assert.equal(names(checked(foldConstants, b.close(filled), [])), ["broadcast_in_dim"]);
});

test("movements that move nothing are dropped", () => {
  const b = new JaxprBuilder();
  const x = b.input([2, 1, 3]);
  const a = b.op(transpose, [x], { permutation: [0, 1, 2] });
  const c = b.op(reshape, [a], { newSizes: [2, 1, 3] });
  const d = b.op(broadcastInDim, [c], { shape: [2, 1, 3], broadcastDimensions: [0, 1, 2] });
  const e = b.op(slice, [d], { startIndices: [0, 0, 0], limitIndices: [2, 1, 3], strides: null });
  const f = b.op(rev, [e], { dimensions: [1] });
  const kept = b.op(rev, [f], { dimensions: [0] });
  const swapped = b.op(transpose, [kept], { permutation: [2, 1, 0] });
  const after = checked(foldConstants, b.close(f, swapped), [tensor([2, 1, 3], [1, 2, 3, 4, 5, 6])]);
  assert.equal(names(after), ["rev", "transpose"]);
  assert.is(after.jaxpr.outvars[0], x);
});

test("a product whose one reader exchanges its sides is the product of its operands exchanged", () => {
  const ramp = (...shape: number[]): HostTensor =>
    tensor(
      shape,
      Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => (i % 7) - 3),
    );
  const numbers: DotDimensionNumbers = [
    [[2], [1]],
    [[0], [0]],
  ];
  const transposed = (permutation: readonly number[], readTwice = false): ClosedJaxpr => {
    const b = new JaxprBuilder();
    const product = b.op(dotGeneral, [b.input([2, 3, 4]), b.input([2, 4, 5])], {
      dimensionNumbers: numbers,
      preferredElementType: null,
    });
    const moved = b.op(transpose, [product], { permutation });
    return readTwice ? b.close(moved, product) : b.close(moved);
  };
  const after = (before: ClosedJaxpr): string[] =>
    names(checked(foldIntoMakers, before, [ramp(2, 3, 4), ramp(2, 4, 5)]));
  assert.equal(after(transposed([0, 2, 1])), ["dot_general"]);
  assert.equal(after(transposed([2, 0, 1])), ["dot_general", "transpose"]);
  assert.equal(after(transposed([0, 2, 1], true)), ["dot_general", "transpose"]);
});

test("a sum over batch axes of a product is one product; one over other axes, of what is read twice, or of what was rounded stays", () => {
  const ramp = (...shape: number[]): HostTensor =>
    tensor(
      shape,
      Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => (i % 7) - 3),
    );
  const summed = (sums: readonly (readonly number[])[], dtype: DType = "float32", readTwice = false): ClosedJaxpr => {
    const b = new JaxprBuilder();
    const product = b.op(dotGeneral, [b.input([2, 3, 3, 4], dtype), b.input([5, 2, 4, 3], dtype)], {
      dimensionNumbers: [
        [[3], [2]],
        [
          [0, 1],
          [1, 3],
        ],
      ],
      preferredElementType: null,
    });
    const result = sums.reduce((x, axes) => b.op(reduceSum, [x], { axes }), product);
    return readTwice ? b.close(result, product) : b.close(result);
  };
  const after = (before: ClosedJaxpr): string[] =>
    names(checked(foldIntoMakers, before, [ramp(2, 3, 3, 4), ramp(5, 2, 4, 3)]));
  assert.equal(after(summed([[0]])), ["dot_general"]);
  assert.equal(after(summed([[1]])), ["dot_general"]);
  assert.equal(after(summed([[0, 1]])), ["dot_general"]);
  assert.equal(after(summed([[1], [0]])), ["dot_general"]);
  assert.equal(after(summed([[2], [0]])), ["dot_general", "reduce_sum"]);
  assert.equal(after(summed([[0]], "float32", true)), ["dot_general", "reduce_sum"]);
  assert.equal(names(foldIntoMakers(summed([[1], [0]], "bfloat16"))), ["dot_general", "reduce_sum", "reduce_sum"]);
});

test.run();
