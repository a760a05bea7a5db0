import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type DType, rangeOf } from "../../packages/jaxscale/src/base/dtypes.ts";
import { difference, onDevice, onHost, reference, tensorOf } from "../tensors.ts";
import "../setup.ts";

const { jit, lax } = jax;
type A = jax.Array;

const floats: readonly DType[] = ["float32", "bfloat16", "float16"];
const integers: readonly DType[] = ["int32", "uint32", "int8", "uint16"];

const floatValues = (dtype: DType): number[] => {
  const { max } = rangeOf(dtype);
  return [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0, 1, -1, 0.5, -2.5, max, -max, 1e-3, 7];
};
const integerValues = (dtype: DType): number[] => {
  const { min, max } = rangeOf(dtype);
  return [...new Set([min, max, 0, 1, 2, 7, max - 1, Math.max(min, -1), Math.max(min, -8)])];
};

const float1: Readonly<Record<string, (x: A) => A>> = {
  neg: lax.neg,
  abs: lax.abs,
  sign: lax.sign,
  square: lax.square,
  floor: lax.floor,
  ceil: lax.ceil,
  round: (x) => lax.round(x),
  roundToEven: (x) => lax.round(x, { roundingMethod: 1 }),
  isFinite: lax.isFinite,
  exp: lax.exp,
  exp2: lax.exp2,
  expm1: lax.expm1,
  log: lax.log,
  log1p: lax.log1p,
  logistic: lax.logistic,
  sqrt: lax.sqrt,
  rsqrt: lax.rsqrt,
  cbrt: lax.cbrt,
  reciprocal: lax.reciprocal,
  cube: (x) => lax.integerPow(x, 3),
  sin: lax.sin,
  cos: lax.cos,
  tan: lax.tan,
  asin: lax.asin,
  acos: lax.acos,
  atan: lax.atan,
  sinh: lax.sinh,
  cosh: lax.cosh,
  tanh: lax.tanh,
  asinh: lax.asinh,
  acosh: lax.acosh,
  atanh: lax.atanh,
  erf: lax.erf,
  erfc: lax.erfc,
  erfInv: lax.erfInv,
  lgamma: lax.lgamma,
  digamma: lax.digamma,
  toInt32: (x) => lax.convertElementType(x, "int32"),
  toUint8: (x) => lax.convertElementType(x, "uint8"),
  toBool: (x) => lax.convertElementType(x, "bool"),
  toFloat16: (x) => lax.convertElementType(x, "float16"),
  toBfloat16: (x) => lax.convertElementType(x, "bfloat16"),
};
const float2: Readonly<Record<string, (x: A, y: A) => A>> = {
  add: lax.add,
  sub: lax.sub,
  mul: lax.mul,
  div: lax.div,
  rem: lax.rem,
  max: lax.max,
  min: lax.min,
  pow: lax.pow,
  atan2: lax.atan2,
  nextafter: lax.nextafter,
  eq: lax.eq,
  ne: lax.ne,
  lt: lax.lt,
  le: lax.le,
  gt: lax.gt,
  ge: lax.ge,
  select: (x, y) => lax.select(lax.lt(x, y), x, y),
  clamp: (x, y) => lax.clamp(x, y, lax.abs(x)),
};
const integer2: Readonly<Record<string, (x: A, y: A) => A>> = {
  add: lax.add,
  sub: lax.sub,
  mul: lax.mul,
  div: lax.div,
  rem: lax.rem,
  max: lax.max,
  min: lax.min,
  and: lax.bitwiseAnd,
  or: lax.bitwiseOr,
  xor: lax.bitwiseXor,
  shiftLeft: lax.shiftLeft,
  shiftRight: lax.shiftRightArithmetic,
  shiftRightLogical: lax.shiftRightLogical,
  lt: lax.lt,
  negate: (x) => lax.neg(x),
  abs: (x) => lax.abs(x),
  sign: (x) => lax.sign(x),
  not: (x) => lax.bitwiseNot(x),
  ones: (x) => lax.populationCount(x),
  zerosBefore: (x) => lax.clz(x),
  toFloat16: (x) => lax.convertElementType(x, "float16"),
  toInt8: (x) => lax.convertElementType(x, "int8"),
};

const bounds: Readonly<Partial<Record<DType, { readonly rel: number; readonly abs?: number }>>> = {
  float32: { rel: 3e-5, abs: 1e-6 },
  bfloat16: { rel: 2 ** -7, abs: 1e-6 },
  float16: { rel: 2 ** -9, abs: 2 ** -14 },
};

/** A few operations a kernel, so that there are few kernels. */
async function check(
  functions: Readonly<Record<string, (...args: A[]) => A>>,
  args: ReturnType<typeof tensorOf>[],
): Promise<void> {
  const names = Object.keys(functions);
  const wrong: string[] = [];
  for (let at = 0; at < names.length; at += 6) {
    const some = names.slice(at, at + 6);
    const f = (...arrays: A[]): A[] => some.map((name) => functions[name](...arrays));
    const wanted = await reference(f, args);
    const got = jit(f)(...args.map(onDevice)) as unknown as A[];
    for (const [i, want] of wanted.entries()) {
      const difference_ = difference(await onHost(got[i]), want, { ...bounds[want.dtype], anyZero: true });
      if (difference_) wrong.push(`${some[i]}: ${difference_}`);
    }
  }
  assert.equal(wrong, []);
}

for (const dtype of floats) {
  const values = floatValues(dtype);
  const n = values.length;
  test(`NaN, infinities and extremes of ${dtype} go through every unary operation as in the reference`, () =>
    check(float1, [tensorOf([n], dtype, (i) => values[i])]));
  test(`every pair of NaN, infinities and extremes of ${dtype} goes through every binary operation`, () =>
    check(float2, [
      tensorOf([n, n], dtype, (i) => values[Math.floor(i / n)]),
      tensorOf([n, n], dtype, (i) => values[i % n]),
    ]));
}
for (const dtype of integers) {
  const values = integerValues(dtype);
  const n = values.length;
  const unsigned = dtype.startsWith("uint");
  const functions = Object.fromEntries(Object.entries(integer2).filter(([name]) => !(unsigned && name === "abs")));
  test(`every pair of extremes of ${dtype} goes through every operation`, () =>
    check(functions, [
      tensorOf([n, n], dtype, (i) => values[Math.floor(i / n)]),
      tensorOf([n, n], dtype, (i) => values[i % n]),
    ]));
}

test("NaN in a row makes every reduction of the row NaN, and is the place of both extremes", async () => {
  const { numpy: jnp, nn } = jax;
  const x = jnp.array([
    [1, Number.NaN, 3],
    [Number.POSITIVE_INFINITY, 2, Number.NEGATIVE_INFINITY],
  ]);
  const f = jit((a: A) => ({
    sum: a.sum({ axis: 1 }),
    max: a.max({ axis: 1 }),
    min: a.min({ axis: 1 }),
    mean: a.mean({ axis: 1 }),
    argmax: a.argmax({ axis: 1 }),
    argmin: a.argmin({ axis: 1 }),
    softmax: nn.softmax(a),
    logsumexp: nn.logsumexp(a, { axis: 1 }),
    cummax: lax.cummax(a, { axis: 1 }),
    product: a.dot(a.T),
  }));
  const values = Object.fromEntries(
    await Promise.all(Object.entries(f(x)).map(async ([k, v]) => [k, [...(await v.data())]])),
  );
  const { NaN: nan, POSITIVE_INFINITY: inf, NEGATIVE_INFINITY: minus } = Number;
  assert.equal(values, {
    sum: [nan, nan],
    max: [nan, inf],
    min: [nan, minus],
    mean: [nan, nan],
    argmax: [1, 0],
    argmin: [1, 2],
    softmax: [nan, nan, nan, nan, nan, nan],
    logsumexp: [nan, inf],
    cummax: [1, nan, nan, inf, inf, inf],
    product: [nan, nan, nan, inf],
  });
});

test("softmax and logsumexp of a row of -inf are NaN and -inf, as in JAX", async () => {
  const { numpy: jnp, nn } = jax;
  const x = jnp.full([1, 9], Number.NEGATIVE_INFINITY);
  assert.ok([...(await nn.softmax(x).data())].every(Number.isNaN));
  assert.equal([...(await nn.logsumexp(x, { axis: 1 }).data())], [Number.NEGATIVE_INFINITY]);
});

test.run();
