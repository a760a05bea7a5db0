import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkJaxpr } from "../../packages/jaxscale/src/jaxpr/check.ts";
import { type ClosedJaxpr, newVar, shapedArray, type Var } from "../../packages/jaxscale/src/jaxpr/ir.ts";
import { add, mul } from "../../packages/jaxscale/src/primitives/arithmetic.ts";
import { JaxprBuilder, literal, tensor, testCall } from "./build.ts";

const withOutput = (closed: ClosedJaxpr, output: Var): ClosedJaxpr => ({
  ...closed,
  jaxpr: { ...closed.jaxpr, eqns: closed.jaxpr.eqns.map((eqn) => ({ ...eqn, outputs: [output] })) },
});

test("a well-formed jaxpr is given back", () => {
  const b = new JaxprBuilder();
  const x = b.input([2, 3]);
  const c = b.constant(tensor([3], [1, 2, 3]));
  const y = b.op(mul, [x, literal(2)]);
  const closed = b.close(y, x, c);
  assert.is(checkJaxpr(closed), closed);
});

test("a variable is bound before it is used", () => {
  const b = new JaxprBuilder();
  const stray = newVar(shapedArray([2], "float32"));
  b.op(add, [b.input([2]), stray]);
  assert.throws(() => checkJaxpr(b.close()), /equation 0 \(add\) uses v\d+ before it is bound/);
  assert.throws(() => checkJaxpr(new JaxprBuilder().close(stray)), /the result uses v\d+/);
});

test("a variable is bound once", () => {
  const b = new JaxprBuilder();
  const x = b.input([2]);
  b.op(add, [x, x]);
  assert.throws(() => checkJaxpr(withOutput(b.close(), x)), /equation 0 \(add\) binds v\d+ again/);
});

test("types of results are those that the op derives, weak types included", () => {
  const b = new JaxprBuilder();
  const x = b.input([2]);
  b.op(add, [x, x]);
  const closed = b.close();
  const wrong = (aval: ReturnType<typeof shapedArray>) => () => checkJaxpr(withOutput(closed, newVar(aval)));
  assert.throws(wrong(shapedArray([3], "float32")), /result 0 of type float32\[3\]; its op gives float32\[2\]/);
  assert.throws(wrong(shapedArray([2], "int32")), /int32\[2\]; its op gives float32\[2\]/);
  assert.throws(wrong(shapedArray([2], "float32", true)), /float32\[2\] \(weak\); its op gives float32\[2\]/);
});

test("jaxprs inside equations are checked too", () => {
  const inner = new JaxprBuilder();
  const x = inner.input([2]);
  inner.op(add, [x, newVar(shapedArray([2], "float32"))]);
  const b = new JaxprBuilder();
  b.bind(testCall, [b.input([2])], { name: "f", jaxpr: inner.close() });
  assert.throws(() => checkJaxpr(b.close()), /before it is bound/);
});

test("an op's own error surfaces when its operands do not fit", () => {
  const b = new JaxprBuilder();
  const x = b.input([2]);
  const y = b.input([3]);
  const z = newVar(shapedArray([2], "float32"));
  const { jaxpr, consts } = b.close(z);
  const eqn = { primitive: add, inputs: [x, y], outputs: [z], params: {}, source: { scope: "" } };
  assert.throws(() => checkJaxpr({ jaxpr: { ...jaxpr, eqns: [eqn] }, consts }), /add: /);
});

test("constants and their variables are as many", () => {
  const { jaxpr } = new JaxprBuilder().close();
  assert.throws(() => checkJaxpr({ jaxpr, consts: [1] }), /0 constant variables and 1 constants/);
});

test.run();
