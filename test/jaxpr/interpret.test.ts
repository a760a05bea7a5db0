import { test } from "uvu";
import * as assert from "uvu/assert";
import { interpret } from "../../packages/jaxscale/src/jaxpr/interpret.ts";
import { add, mul } from "../../packages/jaxscale/src/primitives/arithmetic.ts";
import { div } from "../../packages/jaxscale/src/primitives/division.ts";
import { JaxprBuilder, literal, tensor, testCall } from "./build.ts";

test("equations run in order, over arguments, constants and literals", () => {
  const b = new JaxprBuilder();
  const x = b.input([3]);
  const c = b.constant(tensor([3], [10, 20, 30]));
  const y = b.op(add, [b.op(mul, [x, literal(2)]), c]);
  const [result, again] = interpret(b.close(y, x), [tensor([3], [1, 2, 3])]);
  assert.equal([...result.values], [12, 24, 36]);
  assert.equal([...again.values], [1, 2, 3]);
});

test("every result is rounded to its dtype", () => {
  const b = new JaxprBuilder();
  const x = b.input([], "bfloat16");
  // 1 + 2^-8 lies halfway between two bfloat16s and goes to the even one, 1.
  const y = b.op(add, [x, literal(2 ** -8, "bfloat16")]);
  const z = b.op(add, [y, literal(2 ** -8, "bfloat16")]);
  const [result] = interpret(b.close(z), [tensor([], [1], "bfloat16")]);
  assert.is(result.values[0], 1);
});

test("small integers wrap", () => {
  const b = new JaxprBuilder();
  const x = b.input([], "int8");
  const [result] = interpret(b.close(b.op(mul, [x, x])), [tensor([], [100], "int8")]);
  // 10000 mod 256 = 16
  assert.is(result.values[0], 16);
});

test("a result of division in float32 is the nearest float32", () => {
  const b = new JaxprBuilder();
  const [result] = interpret(b.close(b.op(div, [b.input([]), literal(3)])), [tensor([], [1])]);
  assert.is(result.values[0], Math.fround(1 / 3));
});

test("a call runs its body, with the body's own constants", () => {
  const inner = new JaxprBuilder();
  const x = inner.input([2]);
  const body = inner.close(inner.op(add, [x, inner.constant(tensor([2], [1, 2]))]));
  const b = new JaxprBuilder();
  const [y] = b.bind(testCall, [b.input([2])], { name: "f", jaxpr: body });
  const [z] = b.bind(testCall, [y], { name: "f", jaxpr: body });
  const [result] = interpret(b.close(z), [tensor([2], [0, 0])]);
  assert.equal([...result.values], [2, 4]);
});

test("arguments of another type are refused", () => {
  const b = new JaxprBuilder();
  const closed = b.close(b.input([2]));
  assert.throws(() => interpret(closed, [tensor([3], [1, 2, 3])]), /expected float32\[2\]; got float32\[3\]/);
  assert.throws(() => interpret(closed, [tensor([2], [1, 2], "int32")]), /got int32\[2\]/);
  assert.throws(() => interpret(closed, []), /1 variables, 0 tensors/);
});

test.run();
