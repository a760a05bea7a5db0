import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { DType } from "../../packages/jaxscale/src/base/dtypes.ts";

const { lax, numpy: jnp } = jax;
type A = jax.Array;

const struct = (shape: readonly number[], dtype: DType = "float32") => new jax.ShapeDtypeStruct(shape, dtype);
const x = struct([2, 3]);
const i = struct([2, 3], "int32");
const b = struct([2, 3], "bool");
const matrix = struct([3, 2]);
const index = struct([2], "int32");

const jaxprOf = (f: (...args: A[]) => unknown, ...args: readonly unknown[]): string =>
  String(jax.makeJaxpr(f)(...(args as A[])));

type Pair = readonly [method: (...args: A[]) => unknown, f: (...args: A[]) => unknown, ...args: unknown[]];

/** The functions on the right are held against JAX elsewhere. */
const pairs: Readonly<Record<string, Pair>> = {
  add: [(a, c) => a.add(c), jnp.add, x, x],
  sub: [(a) => a.sub(2), (a) => jnp.subtract(a, 2), x],
  mul: [(a, c) => a.mul(c), jnp.multiply, x, i],
  div: [(a) => a.div(2), (a) => jnp.divide(a, 2), i],
  floorDivide: [(a) => a.floorDivide(2), (a) => jnp.floorDivide(a, 2), i],
  mod: [(a) => a.mod(2), (a) => jnp.mod(a, 2), i],
  divmod: [(a) => a.divmod(2), (a) => jnp.divmod(a, 2), i],
  pow: [(a) => a.pow(2), (a) => jnp.power(a, 2), x],
  neg: [(a) => a.neg(), jnp.negative, x],
  abs: [(a) => a.abs(), jnp.abs, x],
  equal: [(a) => a.equal(0), (a) => jnp.equal(a, 0), x],
  notEqual: [(a) => a.notEqual(0), (a) => jnp.notEqual(a, 0), x],
  less: [(a) => a.less(0), (a) => jnp.less(a, 0), x],
  lessEqual: [(a) => a.lessEqual(0), (a) => jnp.lessEqual(a, 0), x],
  greater: [(a) => a.greater(0), (a) => jnp.greater(a, 0), x],
  greaterEqual: [(a) => a.greaterEqual(0), (a) => jnp.greaterEqual(a, 0), x],
  and: [(a) => a.and(true), (a) => jnp.bitwiseAnd(a, true), b],
  or: [(a) => a.or(6), (a) => jnp.bitwiseOr(a, 6), i],
  xor: [(a) => a.xor(6), (a) => jnp.bitwiseXor(a, 6), i],
  not: [(a) => a.not(), jnp.bitwiseNot, b],
  leftShift: [(a) => a.leftShift(1), (a) => jnp.leftShift(a, 1), i],
  rightShift: [(a) => a.rightShift(1), (a) => jnp.rightShift(a, 1), i],
  dot: [(a, c) => a.dot(c), (a, c) => jnp.dot(a, c), x, matrix],
  matmul: [(a, c) => a.matmul(c), (a, c) => jnp.matmul(a, c), x, matrix],
  astype: [(a) => a.astype("bfloat16"), (a) => lax.convertElementType(a, "bfloat16"), x],
  clip: [(a) => a.clip(null, 1), (a) => jnp.clip(a, null, 1), x],
  round: [(a) => a.round(1), (a) => jnp.round(a, 1), x],
  "reshape of arguments": [(a) => a.reshape(3, -1), (a) => jnp.reshape(a, [3, 2]), x],
  "reshape of a list": [(a) => a.reshape([6]), (a) => jnp.reshape(a, [6]), x],
  transpose: [(a) => a.transpose(), (a) => jnp.transpose(a), x],
  "transpose of arguments": [(a) => a.transpose(1, 0), (a) => jnp.transpose(a, [1, 0]), x],
  "transpose of a list": [(a) => a.transpose([0, 1]), (a) => a, x],
  T: [(a) => a.T, (a) => jnp.transpose(a), struct([2, 3, 4])],
  mT: [(a) => a.mT, (a) => jnp.matrixTranspose(a), struct([2, 3, 4])],
  swapaxes: [(a) => a.swapaxes(0, 1), (a) => jnp.swapaxes(a, 0, 1), x],
  squeeze: [(a) => a.squeeze(), (a) => jnp.squeeze(a), struct([1, 3, 1])],
  ravel: [(a) => a.ravel(), (a) => jnp.ravel(a), x],
  flatten: [(a) => a.flatten(), (a) => jnp.ravel(a), x],
  repeat: [(a) => a.repeat(2, { axis: 0 }), (a) => jnp.repeat(a, 2, { axis: 0 }), x],
  diagonal: [(a) => a.diagonal(), (a) => jnp.diagonal(a), x],
  trace: [(a) => a.trace(), (a) => jnp.trace(a), x],
  take: [(a, n) => a.take(n, { axis: 1 }), (a, n) => jnp.take(a, n, { axis: 1 }), x, index],
  "at get": [(a, n) => a.at(n).get(), (a, n) => jnp.at(a, n).get(), x, index],
  "at set": [(a) => a.at(0).set(1), (a) => jnp.at(a, 0).set(1), x],
  slice: [(a) => a.slice(0), (a) => jnp.at(a, 0).get(), x],
  sum: [(a) => a.sum({ axis: 0 }), (a) => jnp.sum(a, { axis: 0 }), x],
  prod: [(a) => a.prod(), (a) => jnp.prod(a), x],
  max: [(a) => a.max({ axis: -1, keepdims: true }), (a) => jnp.max(a, { axis: -1, keepdims: true }), x],
  min: [(a) => a.min(), (a) => jnp.min(a), x],
  all: [(a) => a.all(), (a) => jnp.all(a), x],
  any: [(a) => a.any(), (a) => jnp.any(a), x],
  mean: [(a) => a.mean({ axis: 1 }), (a) => jnp.mean(a, { axis: 1 }), x],
  var: [(a) => a.var({ ddof: 1 }), (a) => jnp.var(a, { ddof: 1 }), x],
  std: [(a) => a.std(), (a) => jnp.std(a), x],
  argmax: [(a) => a.argmax({ axis: 0 }), (a) => jnp.argmax(a, { axis: 0 }), x],
  argmin: [(a) => a.argmin(), (a) => jnp.argmin(a), x],
  ptp: [(a) => a.ptp(), (a) => jnp.ptp(a), x],
  cumsum: [(a) => a.cumsum({ axis: 0 }), (a) => jnp.cumsum(a, { axis: 0 }), x],
  cumprod: [(a) => a.cumprod({ axis: 0 }), (a) => jnp.cumprod(a, { axis: 0 }), x],
};

for (const [name, [method, f, ...args]] of Object.entries(pairs))
  test(`${name} as a method makes the equations of the function`, () => {
    assert.is(
      jaxprOf(method, ...args),
      jaxprOf((...given) => f(...given), ...args),
    );
  });

test("a whole number is an int beside ints, and a float beside floats", () => {
  assert.match(
    jaxprOf((a) => a.add(2), i),
    "add a 2:i32[]",
  );
  assert.match(
    jaxprOf((a) => a.add(2), x),
    "add a 2.0:f32[]",
  );
});

test("jnp.float makes floats of ints", () => {
  assert.match(
    jaxprOf((a) => a.mul(jnp.float(2)), i),
    "mul b 2.0:f32[]",
  );
});

test("a whole number that no int32 holds is a float", () => {
  assert.match(
    jaxprOf((c, a) => jnp.where(c, a, -1e30), b, x),
    "b -1e+30:f32[]",
  );
  assert.match(
    jaxprOf((a) => a.add(2 ** 31), x),
    "add a 2147483648.0:f32[]",
  );
});

test("beside uint32 arrays whole numbers below 2^32 are ints", () => {
  assert.match(
    jaxprOf((a) => a.and(0xffffffff), struct([2], "uint32")),
    "and a 4294967295:u32[]",
  );
});

test("errors name the operation, the rule and what came instead", () => {
  assert.throws(
    () => jaxprOf((a, c) => a.add(c), x, struct([4])),
    /add: shapes must be broadcastable; got \[2,3\] and \[4\]/,
  );
  assert.throws(() => jaxprOf((a) => a.sum({ axis: 2 }), x), /sum: axis must be in \[-2, 2\); got 2/);
  assert.throws(
    () => jaxprOf((a) => a.max(), struct([0])),
    /max: reduced axes must not be empty; got float32\[0\] axis 0/,
  );
  assert.throws(() => jaxprOf((a) => a.pow(-1), i), /integers cannot be raised to negative powers; got int32\[2,3\]/);
  assert.throws(
    () => jaxprOf((a) => jnp.add(a, "1" as unknown as number), x),
    /add: operands must be arrays, numbers or booleans; got string/,
  );
  assert.throws(() => jaxprOf((a) => a.max({ where: true }), x), /max: with where there must be an initial value/);
});

test.run();
